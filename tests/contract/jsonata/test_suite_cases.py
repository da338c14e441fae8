"""The chosen JSONata library, and our expressions on top of it, on cases of the official suite."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import jsonatapy
import pytest
from asl_engine.expressions import ExpressionError, compile_expression

_FILE = json.loads((Path(__file__).parent / "cases.json").read_text(encoding="utf-8"))
CASES: list[dict[str, Any]] = _FILE["cases"]

# Cases that the library does not answer as the reference does.
LIBRARY_DEVIATIONS = {
    # An unclosed comment is refused, but without the code S0106.
    "comments/case002",
    # A lone surrogate in the source is refused when the expression is compiled.
    "function-encodeUrl/case002",
    "function-encodeUrlComponent/case002",
}
# Cases that our expressions answer otherwise on purpose, because Step Functions does.
OUR_DEVIATIONS = {
    *LIBRARY_DEVIATIONS,
    # $eval is forbidden.
    "function-eval",
    # Operators of JSONata 2.1, which Step Functions does not have.
    "coalescing-operator",
    "default-operator",
}
# The input document: a state machine has none, so such a case cannot be put to our expressions.
ROOT = "$$"


def _data(case: dict[str, Any]) -> Any:
    return case["data"] if "data" in case else _FILE["datasets"].get(case.get("dataset"))


def _same(left: Any, right: Any) -> bool:
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, int | float) and isinstance(right, int | float):
        return math.isclose(left, right, rel_tol=1e-12)
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(_same(left[k], right[k]) for k in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(_same, left, right))
    return type(left) is type(right) and left == right


def _agrees(case: dict[str, Any], value: Any) -> bool:
    wanted = case.get("result")
    if case.get("unordered") and isinstance(value, list) and isinstance(wanted, list):
        return _same(sorted(value, key=json.dumps), sorted(wanted, key=json.dumps))
    return _same(value, wanted)


def _deviates(case: dict[str, Any], deviations: set[str]) -> bool:
    return case["name"] in deviations or case["name"].split("/")[0] in deviations


def _needs_document(case: dict[str, Any]) -> bool:
    data = _data(case)
    return ROOT in case["expression"] or (data is not None and not isinstance(data, dict))


AS_THE_REFERENCE = [case for case in CASES if not _deviates(case, LIBRARY_DEVIATIONS)]
OURS = [case for case in CASES if not _deviates(case, OUR_DEVIATIONS) and not _needs_document(case)]


def test_the_lists_of_deviations_are_of_known_cases() -> None:
    known = {case["name"] for case in CASES} | {case["name"].split("/")[0] for case in CASES}
    assert known >= OUR_DEVIATIONS
    assert len(OURS) > 400


@pytest.mark.parametrize("case", AS_THE_REFERENCE, ids=lambda case: case["name"])
def test_library_answers_as_the_reference_does(case: dict[str, Any]) -> None:
    data, bindings = _data(case), case.get("bindings")
    source = None if data is None and "data" not in case else json.dumps(data)
    if "code" in case:
        with pytest.raises(ValueError, match=case["code"]):
            jsonatapy.compile(case["expression"]).evaluate_json_or_none(source, bindings)
        return
    text = jsonatapy.compile(case["expression"]).evaluate_json_or_none(source, bindings)
    if case.get("undefinedResult"):
        assert text is None
    elif "result" in case:
        assert text is not None
        assert _agrees(case, json.loads(text))


@pytest.mark.parametrize("case", OURS, ids=lambda case: case["name"])
def test_our_expressions_answer_as_the_reference_does(case: dict[str, Any]) -> None:
    """The case's data is bound to a variable, since a state machine has no input document."""
    data, text = _data(case), case["expression"]
    bindings = {**(case.get("bindings") or {}), "document": data}
    source = f"$document.({text}\n)" if data is not None else text
    if "code" in case:
        with pytest.raises(ExpressionError) as failure:
            compile_expression(source).evaluate(bindings)
        # Wrapped into a path, a syntax error may come to light at another token.
        refused = case["code"].startswith("S0") and "does not compile" in str(failure.value)
        no_document = "at the top level" in str(failure.value)
        assert refused or no_document or case["code"] in str(failure.value)
    elif case.get("undefinedResult"):
        with pytest.raises(ExpressionError):
            compile_expression(source).evaluate(bindings)
    elif "result" in case:
        assert _agrees(case, compile_expression(source).evaluate(bindings))
