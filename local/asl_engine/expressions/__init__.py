"""JSONata in state machines: `compile_expression` and `compile_template`."""

from asl_engine.expressions.functions import SYSTEM_RANDOMNESS, Randomness
from asl_engine.expressions.scan import References
from asl_engine.expressions.templates import (
    Expression,
    ExpressionError,
    Template,
    compile_expression,
    compile_template,
    is_expression,
)

__all__ = [
    "SYSTEM_RANDOMNESS",
    "Expression",
    "ExpressionError",
    "Randomness",
    "References",
    "Template",
    "compile_expression",
    "compile_template",
    "is_expression",
]
