"""House rules for definitions, stricter than the language: opt in with `lint`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

from asl_engine.expressions.scan import tokenize
from asl_engine.validation.report import Diagnostic, Report, at

RULES: Final[Mapping[str, str]] = {
    "HOUSE_QUERY_LANGUAGE": "The machine says QueryLanguage JSONata at the top.",
    "HOUSE_COMMENT": "The machine, each choice rule and each catcher has a Comment.",
    "HOUSE_TASK_TIMEOUT": "Each Task has TimeoutSeconds.",
    "HOUSE_TASK_RETRY": "Each Task has a Retry.",
    "HOUSE_RETRY_JITTER": "Each retrier has JitterStrategy FULL.",
    "HOUSE_RETRY_NAMED_ERRORS": "No retrier matches States.ALL.",
    "HOUSE_TASK_CATCH": "Each Task has a Catch, its own or one of the Parallel or Map around it.",
    "HOUSE_TASK_ARGUMENTS": "Each Task has Arguments, since engines differ when it has none.",
    "HOUSE_NO_EVAL": "No expression uses $eval.",
}
"""The rules by their code."""


def lint(definition: Mapping[str, Any]) -> list[Diagnostic]:
    """Checks a definition against the house rules.

    Args:
        definition: A definition in which `validate` found no error. Anything else gives what
            can be told, never an exception.

    Returns:
        Warnings, one for each breach, their codes those of `RULES`.
    """
    report = Report()
    if not isinstance(definition, Mapping):
        return []
    if definition.get("QueryLanguage") != "JSONata":
        report.warning("HOUSE_QUERY_LANGUAGE", "", 'add "QueryLanguage": "JSONata" at the top')
    _comment(definition, "", "the state machine", report)
    for where, state, is_caught in _states(definition):
        _lint_state(state, where, is_caught, report)
    for where, text in _strings(definition):
        is_eval = text.startswith("{%") and any(
            token.kind == "var" and token.text == "eval" for token in tokenize(text[2:-2])
        )
        if is_eval:
            report.warning("HOUSE_NO_EVAL", where, "replace $eval, by $parse if it reads JSON")
    return report.diagnostics


def _lint_state(state: Mapping[str, Any], where: str, is_caught: bool, report: Report) -> None:
    for index, rule in _objects(state.get("Choices")):
        _comment(rule, at(where, "Choices", index), "the choice rule", report)
    for index, catcher in _objects(state.get("Catch")):
        _comment(catcher, at(where, "Catch", index), "the catcher", report)
    for index, retrier in _objects(state.get("Retry")):
        place = at(where, "Retry", index)
        if retrier.get("JitterStrategy") != "FULL":
            report.warning("HOUSE_RETRY_JITTER", place, "set JitterStrategy to FULL")
        names = retrier.get("ErrorEquals")
        if isinstance(names, list) and "States.ALL" in names:
            report.warning(
                "HOUSE_RETRY_NAMED_ERRORS", at(place, "ErrorEquals"), "name the errors to retry"
            )
    if state.get("Type") != "Task":
        return
    if "TimeoutSeconds" not in state:
        report.warning("HOUSE_TASK_TIMEOUT", where, "add TimeoutSeconds")
    if not state.get("Retry"):
        report.warning("HOUSE_TASK_RETRY", where, "add a Retry")
    if not is_caught:
        report.warning("HOUSE_TASK_CATCH", where, "add a Catch")
    if "Arguments" not in state:
        report.warning("HOUSE_TASK_ARGUMENTS", where, "add Arguments")


def _comment(holder: Mapping[str, Any], where: str, what: str, report: Report) -> None:
    comment = holder.get("Comment")
    if not isinstance(comment, str) or not re.search(r"\w", comment):
        report.warning("HOUSE_COMMENT", where, f"say in Comment what {what} is for")


def _states(definition: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any], bool]]:
    """Lists the states at every depth: place, state, whether a Catch takes its errors."""
    todo: list[tuple[str, Any, bool]] = [("", definition, False)]
    while todo:
        where, scope, caught_outside = todo.pop(0)
        states = scope.get("States") if isinstance(scope, Mapping) else None
        for name, state in states.items() if isinstance(states, Mapping) else ():
            if not isinstance(state, Mapping):
                continue
            place = at(where, "States", name)
            caught = caught_outside or bool(state.get("Catch"))
            yield place, state, caught
            todo += [
                (at(place, "Branches", index), branch, caught)
                for index, branch in _objects(state.get("Branches"))
            ]
            todo.append((at(place, "ItemProcessor"), state.get("ItemProcessor"), caught))


def _objects(items: Any) -> list[tuple[int, Mapping[str, Any]]]:
    if not isinstance(items, list):
        return []
    return [(index, item) for index, item in enumerate(items) if isinstance(item, Mapping)]


def _strings(value: Any) -> Iterator[tuple[str, str]]:
    """Lists the strings of a JSON value with their places."""
    todo: list[tuple[str, Any]] = [("", value)]
    while todo:
        where, item = todo.pop(0)
        if isinstance(item, str):
            yield where, item
        elif isinstance(item, Mapping):
            todo += [(at(where, key), inner) for key, inner in item.items()]
        elif isinstance(item, list):
            todo += [(at(where, index), inner) for index, inner in enumerate(item)]
