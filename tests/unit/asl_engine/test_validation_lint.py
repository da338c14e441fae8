"""The house rules."""

from __future__ import annotations

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from asl_engine.validation import lint
from asl_engine.validation.lint import RULES

GOOD: dict[str, Any] = {
    "QueryLanguage": "JSONata",
    "Comment": "Pays a refund.",
    "StartAt": "Pay",
    "States": {
        "Pay": {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke",
            "Arguments": {"FunctionName": "pay"},
            "TimeoutSeconds": 5,
            "Retry": [{"ErrorEquals": ["Lambda.SdkClientException"], "JitterStrategy": "FULL"}],
            "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Failed", "Comment": "Records it."}],
            "Next": "Was it paid?",
        },
        "Was it paid?": {
            "Type": "Choice",
            "Choices": [{"Condition": "{% true %}", "Next": "Done", "Comment": "It was."}],
            "Default": "Failed",
        },
        "Done": {"Type": "Succeed"},
        "Failed": {"Type": "Fail"},
    },
}


def codes(definition: Any) -> list[tuple[str, str]]:
    return [(d.code, d.location) for d in lint(definition)]


def changed(change: Callable[[dict[str, Any], dict[str, Any]], object]) -> dict[str, Any]:
    definition = copy.deepcopy(GOOD)
    change(definition, definition["States"]["Pay"])
    return definition


def test_a_good_machine() -> None:
    assert codes(GOOD) == []


@pytest.mark.parametrize(
    ("change", "code", "location"),
    [
        (lambda m, t: m.pop("QueryLanguage"), "HOUSE_QUERY_LANGUAGE", ""),
        (lambda m, t: m.pop("Comment"), "HOUSE_COMMENT", ""),
        (lambda m, t: m.update(Comment="..."), "HOUSE_COMMENT", ""),
        (lambda m, t: t["Catch"][0].pop("Comment"), "HOUSE_COMMENT", "/States/Pay/Catch/0"),
        (
            lambda m, t: m["States"]["Was it paid?"]["Choices"][0].pop("Comment"),
            "HOUSE_COMMENT",
            "/States/Was it paid?/Choices/0",
        ),
        (lambda m, t: t.pop("TimeoutSeconds"), "HOUSE_TASK_TIMEOUT", "/States/Pay"),
        (lambda m, t: t.pop("Retry"), "HOUSE_TASK_RETRY", "/States/Pay"),
        (lambda m, t: t.update(Retry=[]), "HOUSE_TASK_RETRY", "/States/Pay"),
        (
            lambda m, t: t["Retry"][0].pop("JitterStrategy"),
            "HOUSE_RETRY_JITTER",
            "/States/Pay/Retry/0",
        ),
        (
            lambda m, t: t["Retry"][0].update(ErrorEquals=["States.ALL"]),
            "HOUSE_RETRY_NAMED_ERRORS",
            "/States/Pay/Retry/0/ErrorEquals",
        ),
        (lambda m, t: t.pop("Catch"), "HOUSE_TASK_CATCH", "/States/Pay"),
        (lambda m, t: t.pop("Arguments"), "HOUSE_TASK_ARGUMENTS", "/States/Pay"),
        (
            lambda m, t: t["Arguments"].update(x=["{% $eval('1') %}"]),
            "HOUSE_NO_EVAL",
            "/States/Pay/Arguments/x/0",
        ),
    ],
)
def test_a_breach(change: Any, code: str, location: str) -> None:
    assert codes(changed(change)) == [(code, location)]


def test_every_rule_is_explained() -> None:
    assert all(text.endswith(".") for text in RULES.values())


def test_tasks_inside_a_caught_state_need_no_catch_of_their_own() -> None:
    inner = copy.deepcopy(GOOD["States"]["Pay"])
    inner.pop("Catch")
    inner.pop("Next")
    parallel: dict[str, Any] = {
        "Type": "Parallel",
        "Branches": [{"StartAt": "Inner", "States": {"Inner": {**inner, "End": True}}}],
        "Next": "Done",
    }
    definition = changed(lambda m, t: m["States"].update(Both=parallel))
    assert codes(definition) == [("HOUSE_TASK_CATCH", "/States/Both/Branches/0/States/Inner")]
    parallel["Catch"] = GOOD["States"]["Pay"]["Catch"]
    assert codes(changed(lambda m, t: m["States"].update(Both=parallel))) == []


@pytest.mark.parametrize("value", [None, 3, [], {}, {"States": 1}, {"States": {"A": {"Catch": 1}}}])
def test_what_is_no_definition(value: Any) -> None:
    lint(value)


def test_our_machines() -> None:
    for file in (Path(__file__).parents[3] / "statemachines").glob("*.asl.yaml"):
        assert codes(yaml.safe_load(file.read_text(encoding="utf-8"))) == [], file.name
