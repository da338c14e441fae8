"""Validation of state machine definitions: the language by `validate`, house rules by `lint`."""

from asl_engine.validation.definition import validate
from asl_engine.validation.lint import lint
from asl_engine.validation.report import Diagnostic

__all__ = ["Diagnostic", "lint", "validate"]
