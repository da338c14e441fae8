"""Calls of the JSONata library: several expressions at once, bounded, from any thread."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from typing import Any, Final

import jsonatapy

from asl_engine.expressions.functions import (
    MAX_ARRAY_ITEMS,
    Randomness,
    fit_numbers,
    host_functions,
)
from asl_engine.expressions.scan import Scan

TIMEOUT_MS: Final = 1_000
"""Longest evaluation of one expression, or of one template's expressions together."""
MAX_CALL_DEPTH: Final = 400
"""Deepest recursion of an expression's own functions, tail calls not counted."""

_LIMITS: Final[dict[str, int]] = {
    "timeout": TIMEOUT_MS,
    "max_stack_depth": MAX_CALL_DEPTH,
    "max_sequence_length": MAX_ARRAY_ITEMS,
}
_MAX_PROGRAMS: Final = 4_096


class _ThreadPrograms(threading.local):
    """The library's compiled programs of one thread: they may not be used in another."""

    def __init__(self) -> None:
        self.by_source: dict[tuple[str, Randomness], jsonatapy.JsonataExpression] = {}


_programs: Final = _ThreadPrograms()


class Program:
    """Several expressions evaluated by one call of the library.

    They are wrapped as `{"0": (a), "1": (b)}`: an undefined one then leaves its key out, where
    the library alone would give the same null for undefined as for null.
    """

    def __init__(self, texts: list[str], scans: list[Scan], randomness: Randomness) -> None:
        self._source = "{" + ",".join(f'"{i}":({text}\n)' for i, text in enumerate(texts)) + "}"
        self._key = (self._source, randomness)
        self._randomness = randomness
        self._functions = sorted({n for s in scans for n in s.references.functions})
        self._check_functions = any(s.uses_function_values for s in scans)
        self._wanted: dict[str, Any] = {}
        whole = any(s.uses_parent for s in scans)
        for path in sorted({p for s in scans for p in s.paths}, key=len):
            _add_path(self._wanted, path[:1] if whole else path)

    def evaluate(self, bindings: Mapping[str, Any]) -> tuple[dict[str, Any], str]:
        """Returns the values by position, and what went wrong, if something did.

        Errors are returned, not raised: a traceback would hold the library's program, and may
        outlive the thread, while the program must be freed in the thread that made it.
        """
        library = _programs.by_source.get(self._key) or self._compile()
        wanted = {
            name: _pick(inner, bindings[name])
            for name, inner in self._wanted.items()
            if name in bindings
        }
        try:
            try:
                result = library.evaluate(None, wanted, **_LIMITS)
            except OverflowError:
                wanted = fit_numbers(wanted)
                result = library.evaluate(None, wanted, **_LIMITS)
            values: dict[str, Any] = result if type(result) is dict else {}
            if not _make_plain(values):
                return {}, "gave a number that JSON cannot hold (infinity or NaN)"
            if self._check_functions and self._has_function(library, wanted, values):
                return {}, "gave a function where a JSON value is needed"
        except (ValueError, TypeError, RecursionError, MemoryError) as error:
            return {}, f"threw an error during evaluation. {' '.join(str(error).split())}"
        except BaseException as error:
            # A panic of the native library is not an Exception, and its class has no import
            # path; left alone it would end the thread for the fault of one expression.
            if type(error).__name__ != "PanicException":
                raise
            return {}, "exhausted the evaluator"
        return values, ""

    @staticmethod
    def _has_function(
        library: jsonatapy.JsonataExpression, bindings: dict[str, Any], values: dict[str, Any]
    ) -> bool:
        """Tells whether a null of a result is a function in truth.

        A function comes out as null from one way of evaluating and as "" from the other.
        """
        if not _has_null(values):
            return False
        text = library.evaluate_json_or_none("null", bindings, **_LIMITS)
        return text is not None and _null_against_text(values, json.loads(text))

    def _compile(self) -> jsonatapy.JsonataExpression:
        library = jsonatapy.compile(self._source)
        functions = host_functions(self._randomness)
        for name in self._functions:
            if name in functions:
                _register(library, name, functions[name])
        if len(_programs.by_source) >= _MAX_PROGRAMS:
            _programs.by_source.clear()
        _programs.by_source[self._key] = library
        return library


def _register(
    library: jsonatapy.JsonataExpression, name: str, function: Callable[..., Any]
) -> None:
    if name in ("pad", "random"):
        library.register_override(name, function)
    else:
        library.register(name, function)


def _add_path(tree: dict[str, Any], path: tuple[str, ...]) -> None:
    """Adds a path to a tree of wanted keys; None stands for all that is below."""
    for key in path[:-1]:
        inner = tree.setdefault(key, {})
        if inner is None:
            return
        tree = inner
    tree[path[-1]] = None


def _pick(wanted: dict[str, Any] | None, value: Any) -> Any:
    """Returns the parts of a value that an expression can reach, to hand over no more."""
    if wanted is None or type(value) is not dict:
        return value
    return {key: _pick(inner, value[key]) for key, inner in wanted.items() if key in value}


def plain_float(value: float) -> int | float:
    """Makes whole floats ints, as they are written in JSON; NaN and infinities stay."""
    return int(value) if value.is_integer() and abs(value) < 1e21 else value


def _make_plain(values: dict[str, Any]) -> bool:
    """Normalises the numbers of a fresh result in place; tells whether JSON can hold them all."""
    stack: list[Any] = [values]
    while stack:
        container = stack.pop()
        entries = container.items() if type(container) is dict else enumerate(container)
        for key, item in entries:
            kind = type(item)
            if kind is dict or kind is list:
                stack.append(item)
            elif kind is float:
                if item - item != 0:  # of NaN and the infinities only
                    return False
                container[key] = plain_float(item)
    return True


def _has_null(value: Any) -> bool:
    stack = [value]
    while stack:
        item = stack.pop()
        if item is None:
            return True
        if type(item) is dict:
            stack.extend(item.values())
        elif type(item) is list:
            stack.extend(item)
    return False


def _null_against_text(value: Any, other: Any) -> bool:
    """Tells whether one value has null where the other has an empty string."""
    stack = [(value, other)]
    while stack:
        left, right = stack.pop()
        if left is None:
            if right == "":
                return True
        elif isinstance(left, dict) and isinstance(right, dict):
            stack.extend((item, right.get(key)) for key, item in left.items())
        elif isinstance(left, list) and isinstance(right, list):
            stack.extend(zip(left, right, strict=False))
    return False
