"""Buses, rules and targets as they are made and changed."""

from typing import Any

import pytest
from redress_local.events import rules as rules_module
from redress_local.events.errors import (
    ExistsError,
    InvalidPatternError,
    InvalidRequestError,
    InvalidScheduleError,
    InvalidTargetError,
    LimitError,
    UnknownBusError,
    UnknownRuleError,
)
from redress_local.events.models import Target, bus_arn, bus_name
from redress_local.events.rules import Rules

PATTERN = {"source": ["shop"]}
EVENT = {"source": "shop"}


@pytest.fixture
def rules() -> Rules:
    made = Rules(lambda: 5.0)
    made.create_bus("cases")
    made.put_rule("r", bus="cases", pattern=PATTERN)
    return made


def target(name: str = "t", **fields: Any) -> Target:
    return Target(target_id=name, **{"arn": "arn:t", **fields})


def test_names_and_arns() -> None:
    arn = "arn:aws:events:us-east-1:000000000000:event-bus/cases"
    assert bus_arn("cases") == arn
    assert (bus_name(arn), bus_name("cases"), bus_name(None)) == ("cases", "cases", "default")


def test_a_rule_is_replaced_whole_but_keeps_its_targets(rules: Rules) -> None:
    rules.put_targets("r", [target()], "cases")
    rules.put_rule("r", bus="cases", pattern={"source": ["other"]}, description="d")
    rule = rules.rule("r", "cases")
    assert [t.target_id for t in rule.targets] == ["t"]
    assert rules.matching("cases", EVENT) == []
    rules.put_rule("r", bus="cases", pattern=PATTERN)
    assert rules.rule("r", "cases").description is None


def test_a_disabled_rule_is_silent(rules: Rules) -> None:
    rules.set_enabled("r", "cases", enabled=False)
    assert rules.matching("cases", EVENT) == []
    rules.set_enabled("r", "cases", enabled=True)
    assert [rule.name for rule in rules.matching("cases", EVENT)] == ["r"]


def test_rules_of_one_name_on_two_buses_are_two(rules: Rules) -> None:
    rules.put_rule("r", pattern={"source": ["other"]})
    assert rules.rule("r").arn.endswith(":rule/r")
    assert rules.rule("r", "cases").arn.endswith(":rule/cases/r")
    rules.delete_rule("r")
    assert [rule.name for rule in rules.of_bus("cases")] == ["r"]


def test_a_rule_with_targets_and_a_bus_with_rules_stay(rules: Rules) -> None:
    rules.put_targets("r", [target()], "cases")
    with pytest.raises(InvalidRequestError, match="targets"):
        rules.delete_rule("r", "cases")
    assert rules.remove_targets("r", ["t", "none"], "cases") == ["none"]
    with pytest.raises(InvalidRequestError, match="rules"):
        rules.delete_bus("cases")
    rules.delete_rule("r", "cases")
    rules.delete_bus("cases")
    with pytest.raises(UnknownBusError):
        rules.matching("cases", EVENT)


def test_limits(rules: Rules, monkeypatch: pytest.MonkeyPatch) -> None:
    rules.put_targets("r", [target(str(n)) for n in range(5)], "cases")
    rules.put_targets("r", [target("4", arn="arn:other")], "cases")
    with pytest.raises(LimitError):
        rules.put_targets("r", [target("5")], "cases")
    assert len(rules.rule("r", "cases").targets) == 5
    monkeypatch.setattr(rules_module, "MAX_RULES", 1)
    with pytest.raises(LimitError):
        rules.put_rule("s", bus="cases", pattern=PATTERN)
    rules.put_rule("r", bus="cases", pattern=PATTERN)
    monkeypatch.setattr(rules_module, "MAX_BUSES", 2)
    with pytest.raises(LimitError):
        rules.create_bus("third")


@pytest.mark.parametrize(
    ("error", "arguments"),
    [
        (InvalidRequestError, {}),
        (InvalidPatternError, {"pattern": {}}),
        (InvalidScheduleError, {"schedule": "hourly", "bus": "default"}),
        (InvalidRequestError, {"schedule": "rate(1 hour)"}),
        (UnknownBusError, {"pattern": PATTERN, "bus": "none"}),
    ],
)
def test_rules_that_eventbridge_refuses(
    rules: Rules, error: type[Exception], arguments: dict[str, Any]
) -> None:
    with pytest.raises(error):
        rules.put_rule("x", **{"bus": "cases", **arguments})
    assert [rule.name for rule in rules.of_bus("cases")] == ["r"]


@pytest.mark.parametrize(
    "fields",
    [
        {"settings": {"Input": "{"}},
        {"settings": {"InputPath": "$.a"}, "arn": bus_arn("cases")},
        {"max_attempts": 186},
        {"max_age": 59},
        {"arn": "arn:aws:sqs:us-east-1:0:q.fifo"},
    ],
)
def test_targets_that_eventbridge_refuses(rules: Rules, fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidTargetError):
        rules.put_targets("r", [target("good"), target(**fields)], "cases")
    assert rules.rule("r", "cases").targets == ()


def test_what_is_unknown_or_taken_is_said(rules: Rules) -> None:
    with pytest.raises(ExistsError):
        rules.create_bus("cases")
    with pytest.raises(InvalidRequestError):
        rules.delete_bus("default")
    with pytest.raises(UnknownRuleError):
        rules.put_targets("none", [target()], "cases")
    with pytest.raises(UnknownRuleError):
        rules.set_enabled("none", "cases", enabled=True)
    rules.delete_rule("none", "cases")
    rules.delete_bus("none")
