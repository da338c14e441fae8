"""JSONata expressions and templates of a state machine: compiled once, evaluated many times.

Values are shared, not copied: what an evaluation returns may be part of the bindings or of the
definition, so callers treat JSON values as immutable.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import jsonatapy

from asl_engine.expressions.functions import SYSTEM_RANDOMNESS, Randomness
from asl_engine.expressions.program import Program, plain_float
from asl_engine.expressions.scan import BUILT_IN_FUNCTIONS, References, Token, scan, tokenize

_MISSING: Final = object()
_UNDECIDED: Final = object()
_LITERALS: Final = {"true": True, "false": False, "null": None}


class ExpressionError(Exception):
    """An expression does not compile, fails, or gives something that is not JSON.

    Attributes:
        expression: Its text, without `{% %}`.
        reason: What is wrong, ready to follow "The JSONata expression '...'".
        pointer: Where it stands in its template, as a JSON pointer; empty for the whole of it.
    """

    def __init__(self, expression: str, reason: str, pointer: str = "") -> None:
        """Keeps the parts; the message is made of them."""
        super().__init__(expression, reason, pointer)
        self.expression = expression
        self.reason = reason
        self.pointer = pointer

    def __str__(self) -> str:
        """Returns the sentence that Step Functions would give as the cause."""
        place = f" at '{self.pointer}'" if self.pointer else ""
        return f"The JSONata expression '{self.expression}'{place} {self.reason}"


class Expression:
    """One compiled JSONata expression. Safe to use from several threads.

    Attributes:
        text: The source, without `{% %}`.
        references: The variables, fields of `$states` and functions that it uses.
        is_static: Whether it is a literal, and so the same whatever is bound.
    """

    __slots__ = ("_path", "_program", "_value", "is_static", "references", "scan", "text")

    def __init__(self, text: str, randomness: Randomness = SYSTEM_RANDOMNESS) -> None:
        """Compiles; see `compile_expression`."""
        self.text = text
        try:
            jsonatapy.compile(text)
        except ValueError as error:
            raise ExpressionError(text, f"does not compile: {error}") from None
        tokens = tokenize(text)
        self.scan = scan(tokens)
        if self.scan.problems:
            problem = self.scan.problems[0]
            raise ExpressionError(
                text, f"does not compile: {problem.message} (character {problem.offset + 1})"
            )
        self.references = self.scan.references
        self._program = Program([text], [self.scan], randomness)
        self._value = _literal(tokens)
        self._path = _plain_path(tokens)
        self.is_static = self._value is not _UNDECIDED

    def evaluate(self, bindings: Mapping[str, Any]) -> Any:
        """Evaluates the expression.

        Args:
            bindings: The values of variables by name without the dollar: `states` and the
                machine's own. Plain JSON values; they are not changed.

        Returns:
            A JSON value. An array of one item stays what the expression made of it: a sequence
            of one is its item, a constructed array is an array. Whole numbers are ints.

        Raises:
            ExpressionError: It fails, is undefined, exceeds a bound, or gives NaN, an infinity
                or a function: what Step Functions calls States.QueryEvaluationError.
        """
        value = self.quick(bindings)
        if value is _UNDECIDED:
            values, reason = self._program.evaluate(bindings)
            if reason:
                raise ExpressionError(self.text, reason)
            value = values.get("0", _MISSING)
        if value is _MISSING:
            raise ExpressionError(self.text, "returned nothing (undefined)")
        return value

    def quick(self, bindings: Mapping[str, Any]) -> Any:
        """Evaluates literals and plain paths without the library; else says it cannot."""
        if self._path is None:
            return self._value
        value = bindings.get(self._path[0], _MISSING)
        for key in self._path[1:]:
            if type(value) is dict:
                value = value.get(key, _MISSING)
            elif type(value) is list:  # a path over an array maps and flattens
                return _UNDECIDED
            else:
                return _MISSING
        return plain_float(value) if type(value) is float else value

    def __repr__(self) -> str:
        """Shows the source."""
        return f"Expression({self.text!r})"


@dataclass(frozen=True)
class _Field:
    """A place in a template that holds an expression: the keys that lead to it."""

    keys: tuple[str | int, ...]
    expression: Expression

    @property
    def pointer(self) -> str:
        escaped = (str(k).replace("~", "~0").replace("/", "~1") for k in self.keys)
        return "".join(f"/{key}" for key in escaped)


class Template:
    """A JSON value whose `{% %}` strings are computed. Safe to use from several threads.

    Attributes:
        value: The JSON value as written.
        is_static: Whether it holds no expression but literals.
        references: What its expressions use, together.
        expressions: The expressions with their JSON pointers, in the order of the text.
    """

    __slots__ = ("_fields", "_plan", "_program", "_slow", "expressions", "is_static",
                 "references", "value")  # fmt: skip

    def __init__(self, value: Any, randomness: Randomness = SYSTEM_RANDOMNESS) -> None:
        """Compiles; see `compile_template`."""
        self.value = value
        self._fields: list[_Field] = []
        self._plan = self._prepare(value, (), randomness)
        self.expressions = tuple((f.pointer, f.expression) for f in self._fields)
        self.is_static = all(f.expression.is_static for f in self._fields)
        self.references = References()
        for field in self._fields:
            self.references |= field.expression.references
        self._slow = [i for i, f in enumerate(self._fields) if f.expression.quick({}) is _UNDECIDED]
        slow = [self._fields[i].expression for i in self._slow]
        self._program = (
            Program([e.text for e in slow], [e.scan for e in slow], randomness) if slow else None
        )

    def _prepare(self, value: Any, keys: tuple[str | int, ...], randomness: Randomness) -> Any:
        """Returns a plan: `_Field` indexes wrapped as `_Slot`, dicts and lists that hold some."""
        if isinstance(value, str):
            pointer = _Field(keys, _NOTHING).pointer
            if not is_expression(value, pointer):
                return value
            try:
                expression = compile_expression(value[2:-2].strip(), randomness)
            except ExpressionError as error:
                raise ExpressionError(error.expression, error.reason, pointer) from None
            self._fields.append(_Field(keys, expression))
            return _Slot(len(self._fields) - 1)
        if isinstance(value, Mapping):
            items = {k: self._prepare(v, (*keys, k), randomness) for k, v in value.items()}
            return _Object(items) if _is_dynamic(items.values()) else value
        if isinstance(value, list):
            parts = [self._prepare(v, (*keys, i), randomness) for i, v in enumerate(value)]
            return _Array(parts) if _is_dynamic(parts) else value
        return value

    def evaluate(self, bindings: Mapping[str, Any]) -> Any:
        """Computes the template.

        Args:
            bindings: As for `Expression.evaluate`.

        Returns:
            A JSON value of the template's shape, expressions replaced by their values.

        Raises:
            ExpressionError: As for `Expression.evaluate`, with the place in `pointer`.
        """
        if not self._fields:
            return self.value
        fields = self._fields
        values = [field.expression.quick(bindings) for field in fields]
        if self._program is not None:
            computed, reason = self._program.evaluate(bindings)
            if reason:
                raise self._blame(bindings, reason)
            for position, index in enumerate(self._slow):
                values[index] = computed.get(str(position), _MISSING)
        for index, value in enumerate(values):
            if value is _UNDECIDED or value is _MISSING:
                try:
                    values[index] = fields[index].expression.evaluate(bindings)
                except ExpressionError as error:
                    raise ExpressionError(
                        error.expression, error.reason, fields[index].pointer
                    ) from None
        return _fill(self._plan, values)

    def _blame(self, bindings: Mapping[str, Any], reason: str) -> ExpressionError:
        """Finds which of the expressions evaluated together it was that failed."""
        for index in self._slow:
            field = self._fields[index]
            try:
                field.expression.evaluate(bindings)
            except ExpressionError as found:
                return ExpressionError(found.expression, found.reason, field.pointer)
        together = "; ".join(self._fields[i].expression.text for i in self._slow)
        return ExpressionError(together, reason)


class _Slot(int):
    """The place of the field of this index."""


class _Object(dict[str, Any]):
    """An object with a place in it."""


class _Array(list[Any]):
    """An array with a place in it."""


def _is_dynamic(parts: Any) -> bool:
    return any(isinstance(part, _Slot | _Object | _Array) for part in parts)


def _fill(plan: Any, values: list[Any]) -> Any:
    kind = type(plan)
    if kind is _Slot:
        return values[plan]
    if kind is _Object:
        return {key: _fill(part, values) for key, part in plan.items()}
    if kind is _Array:
        return [_fill(part, values) for part in plan]
    return plan


def is_expression(text: str, pointer: str = "") -> bool:
    """Tells whether a string of a definition is an expression: `{% ... %}` as a whole.

    Raises:
        ExpressionError: It begins like one or ends like one, but not both.
    """
    opens, closes = text.startswith("{%"), text.endswith("%}")
    if opens != closes or (opens and len(text) < 4):
        raise ExpressionError(text, "must begin with {% and end with %}", pointer)
    return opens


def compile_expression(text: str, randomness: Randomness = SYSTEM_RANDOMNESS) -> Expression:
    """Compiles one expression.

    Args:
        text: The source, without `{% %}`.
        randomness: What `$random()` and `$uuid()` draw from.

    Raises:
        ExpressionError: It is not JSONata, or uses what Step Functions forbids.
    """
    return Expression(text, randomness)


def compile_template(value: Any, randomness: Randomness = SYSTEM_RANDOMNESS) -> Template:
    """Compiles a JSON value that may hold `{% %}` strings at any depth.

    Args:
        value: The value as the definition has it.
        randomness: What `$random()` and `$uuid()` draw from.

    Raises:
        ExpressionError: One of its expressions does not compile; `pointer` says which.
    """
    return Template(value, randomness)


def _literal(tokens: list[Token]) -> Any:
    """Returns the value of a literal expression, or that it is none."""
    if len(tokens) != 1:
        return _UNDECIDED
    (token,) = tokens
    if token.kind == "string":
        return token.text
    if token.kind == "number":
        number = float(token.text)
        if token.text.isdigit() and abs(number) < 2**53:
            return int(token.text)
        return plain_float(number)
    if token.kind == "name":
        return _LITERALS.get(token.text, _UNDECIDED)
    return _UNDECIDED


def _plain_path(tokens: list[Token]) -> tuple[str, ...] | None:
    """Returns the names of `$variable.field.field`, or None for any other shape."""
    if not tokens or tokens[0].kind != "var" or len(tokens) % 2 == 0:
        return None
    for dot, step in zip(tokens[1::2], tokens[2::2], strict=True):
        if dot.text != "." or dot.kind != "op" or step.kind not in ("name", "string"):
            return None
    if tokens[0].text in BUILT_IN_FUNCTIONS:  # unless bound, it stands for the function
        return None
    return (tokens[0].text, *(step.text for step in tokens[2::2]))


_NOTHING: Final = compile_expression("null")
