"""Intrinsic functions and conditions as CloudFormation documents them, and errors by name."""

from typing import Any

import pytest
from redress_local.template_values import (
    NO_VALUE,
    Intrinsics,
    TemplateError,
    intrinsic,
    pseudo_parameters,
    split_attribute,
)


class Values(Intrinsics):
    """Two resources; parameters and conditions of the test's own."""

    def __init__(self, conditions: dict[str, Any] | None = None, **values: Any) -> None:
        super().__init__(
            {**pseudo_parameters("small", "arn:stack"), **values},
            {"Sizes": {"test": {"small": 1, "big": [2, 3]}}},
            conditions or {},
        )

    def resource(self, logical_id: str) -> Any:
        if logical_id not in {"Queue", "Table"}:
            raise TemplateError(f"{logical_id} is neither a parameter nor a resource")
        return f"ref-{logical_id}"

    def attribute(self, logical_id: str, attribute: str) -> Any:
        self.resource(logical_id)
        return f"{logical_id}/{attribute}"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ({"Ref": "Stage"}, "test"),
        ({"Ref": "Queue"}, "ref-Queue"),
        ({"Ref": "AWS::Partition"}, "aws"),
        ({"a": {"Ref": "AWS::NoValue"}, "b": [{"Ref": "AWS::NoValue"}, 1]}, {"b": [1]}),
        ({"Fn::GetAtt": ["Queue", "Arn"]}, "Queue/Arn"),
        ({"Fn::GetAtt": "Table.Stream.Arn"}, "Table/Stream.Arn"),
        ({"Fn::GetAtt": ["Table", "Outputs", "X"]}, "Table/Outputs.X"),
        ({"Fn::GetAtt": ["Queue", {"Ref": "Stage"}]}, "Queue/test"),
        (
            {"Fn::Sub": "${Stage}-${Queue}-${Table.Arn}-${!Kept}"},
            "test-ref-Queue-Table/Arn-${Kept}",
        ),
        ({"Fn::Sub": ["${x}/${Stage}", {"x": {"Ref": "Table"}}]}, "ref-Table/test"),
        ({"Fn::Sub": "${Level}"}, "3"),
        ({"Fn::Join": [",", ["a", {"Ref": "Stage"}, 1, True]]}, "a,test,1,true"),
        ({"Fn::Join": ["", {"Ref": "Names"}]}, "xy"),
        ({"Fn::Select": ["1", {"Ref": "Names"}]}, "y"),
        ({"Fn::Select": [0, {"Fn::Split": ["|", "a|b"]}]}, "a"),
        ({"Fn::Split": [",", {"Fn::Sub": "${Stage},b"}]}, ["test", "b"]),
        ({"Fn::FindInMap": ["Sizes", {"Ref": "Stage"}, "big"]}, [2, 3]),
        ({"Fn::Base64": {"Ref": "Stage"}}, "dGVzdA=="),
        ({"Fn::GetAZs": ""}, ["us-east-1a", "us-east-1b", "us-east-1c"]),
        ({"Fn::Cidr": ["10.0.0.0/16", 2, 8]}, ["10.0.0.0/24", "10.0.1.0/24"]),
        ({"Fn::If": ["IsTest", "yes", {"Ref": "Nothing"}]}, "yes"),
        ({"a": {"Fn::If": ["IsLive", 1, {"Ref": "AWS::NoValue"}]}}, {}),
    ],
)
def test_functions(value: Any, expected: Any) -> None:
    conditions = {
        "IsTest": {"Fn::Equals": [{"Ref": "Stage"}, "test"]},
        "IsLive": {"Fn::Not": [{"Condition": "IsTest"}]},
    }
    assert Values(conditions, Stage="test", Level=3, Names=["x", "y"]).value(value) == expected


@pytest.mark.parametrize(
    ("condition", "holds"),
    [
        ({"Fn::Equals": ["1", 1]}, True),
        ({"Fn::Equals": [True, "true"]}, True),
        ({"Fn::Equals": [{"Ref": "Names"}, ["x"]]}, True),
        ({"Fn::And": [{"Fn::Equals": ["a", "a"]}, {"Fn::Equals": ["a", "b"]}]}, False),
        ({"Fn::Or": [{"Fn::Equals": ["a", "b"]}, {"Fn::Equals": ["a", "a"]}]}, True),
        ({"Fn::Not": [{"Fn::Equals": ["a", "b"]}]}, True),
    ],
)
def test_conditions(condition: Any, holds: bool) -> None:
    values = Values({"Named": condition}, Names=["x"])
    assert values.holds("Named") is holds
    assert values.holds({"Condition": "Named"}) is holds


def test_a_condition_is_worked_out_once_and_circles_are_named() -> None:
    values = Values({"A": {"Condition": "B"}, "B": {"Fn::Not": [{"Condition": "A"}]}})
    for _ in range(2):
        with pytest.raises(TemplateError, match="condition A refers to itself"):
            values.holds("A")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"Ref": "Nope"}, "Nope is neither"),
        ({"Ref": ["a"]}, "Ref takes a name"),
        ({"Fn::ImportValue": "x"}, "Fn::ImportValue is not available.*no other stack"),
        ({"Fn::ForEach": []}, "LanguageExtensions"),
        ({"Fn::ToJsonString": {}}, "LanguageExtensions"),
        ({"Fn::Transform": {}}, "macros"),
        ({"Fn::Odd": 1}, "Fn::Odd is not understood"),
        ({"Fn::GetAtt": "Queue"}, "a resource and an attribute"),
        ({"Fn::If": ["Nope", 1, 2]}, "no condition 'Nope'"),
        ({"Fn::If": ["Nope", 1]}, "Fn::If takes 3"),
        ({"Fn::Select": [5, ["a"]]}, "no item 5 of 1"),
        ({"Fn::Select": [-1, ["a"]]}, "no item -1"),
        ({"Fn::Select": [0, "text"]}, "takes a list"),
        ({"Fn::Join": [",", "text"]}, "takes a list"),
        ({"Fn::Join": [",", [["nested"]]]}, "does not resolve to text"),
        ({"Fn::Split": ["", "x"]}, "not empty"),
        ({"Fn::FindInMap": ["Sizes", "live", "big"]}, "no Sizes.live"),
        ({"Fn::Sub": 5}, "Fn::Sub takes text"),
        ({"Fn::Sub": "${Nope.Arn}"}, "Nope is neither"),
        ({"Fn::Cidr": ["nonsense", 1]}, "Fn::Cidr"),
        ({"Fn::Cidr": ["10.0.0.0/30", 9, 0]}, "has no 9"),
    ],
)
def test_what_cannot_be_resolved_is_named(value: Any, message: str) -> None:
    with pytest.raises(TemplateError, match=message):
        Values().value({"deep": [value]})


@pytest.mark.parametrize("condition", ["Nope", {"Fn::Odd": []}, {"Fn::And": []}, {}, 5, None])
def test_what_is_no_condition_is_refused(condition: Any) -> None:
    with pytest.raises(TemplateError):
        Values().holds(condition)


def test_references_follow_the_branch_that_is_taken() -> None:
    values = Values({"IsTest": {"Fn::Equals": ["a", "a"]}})
    found = values.references(
        {
            "a": {"Fn::If": ["IsTest", {"Ref": "Queue"}, {"Ref": "Never"}]},
            "b": {"Fn::Sub": ["${Table.Arn}${x}${!Kept}", {"x": {"Fn::GetAtt": "Other.Arn"}}]},
            "c": {"Fn::Join": ["", [{"Ref": "Deep"}]]},
        }
    )
    assert set(found) == {"Queue", "Table", "Other", "Deep"}


def test_small_parts() -> None:
    assert intrinsic({"Ref": "a"}) == ("Ref", "a")
    assert intrinsic({"Ref": "a", "b": 1}) is None
    assert split_attribute("A.B.C") == ("A", "B.C")
    assert Values().value({"Ref": "AWS::NoValue"}) is NO_VALUE
