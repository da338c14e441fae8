"""Parameters: types, constraints, and errors that say what to give instead."""

from typing import Any

import pytest
from redress_local.template_parameters import (
    parameter_texts,
    parameter_values,
    shown_parameters,
)
from redress_local.template_values import TemplateError

DECLARED: dict[str, Any] = {
    "Stage": {"Type": "String", "Default": "test", "AllowedValues": ["test", "live"]},
    "Days": {"Type": "Number", "Default": 3, "MinValue": 1, "MaxValue": 9},
    "Names": {"Type": "CommaDelimitedList", "Default": "a, b"},
    "Subnets": {"Type": "List<AWS::EC2::Subnet::Id>", "Default": ""},
    "Key": {"Type": "String", "Default": "hush", "NoEcho": True, "MinLength": 2},
    "Url": {"Type": "String", "Default": "https://a", "AllowedPattern": "https?://.*"},
}


def test_defaults_hold_and_are_typed() -> None:
    texts = parameter_texts(DECLARED, {"Days": "5"})
    assert parameter_values(DECLARED, texts) == {
        "Stage": "test",
        "Days": "5",
        "Names": ["a", "b"],
        "Subnets": [""],
        "Key": "hush",
        "Url": "https://a",
    }


def test_what_must_not_be_shown_is_hidden() -> None:
    shown = shown_parameters(DECLARED, parameter_texts(DECLARED, {}))
    assert shown["Key"] == "****"
    assert shown["Stage"] == "test"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"Nope": "1"}, "no parameter Nope; the template has: Stage, Days"),
        ({"Stage": "prod"}, "Stage: 'prod' is not allowed; take one of test, live"),
        ({"Days": "many"}, "Days: 'many' is not a number"),
        ({"Days": "0"}, "less than 1"),
        ({"Days": "10"}, "more than 9"),
        ({"Url": "ftp://a"}, "does not match"),
        ({"Key": "x"}, "the value breaks MinLength 2"),
    ],
)
def test_wrong_values_are_named(given: dict[str, str], message: str) -> None:
    with pytest.raises(TemplateError, match=message):
        parameter_texts(DECLARED, given)


@pytest.mark.parametrize(
    ("declared", "message"),
    [
        ({"A": {"Type": "String"}}, "A has no default"),
        ({"A": {"Default": "x"}}, "A: it has no Type"),
        ({"A": {"Type": "AWS::SSM::Parameter::Value<String>", "Default": "x"}}, "no type AWS::SSM"),
    ],
)
def test_wrong_declarations_are_named(declared: dict[str, Any], message: str) -> None:
    with pytest.raises(TemplateError, match=message):
        parameter_texts(declared, {})
