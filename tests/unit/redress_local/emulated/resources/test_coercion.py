"""Values fit the API's types as CloudFormation would make them fit."""

from typing import Any

import botocore.session
import pytest
from redress_local.emulated.resources.coercion import boolean, coerce, text


@pytest.mark.parametrize(
    ("operation", "given", "expected"),
    [
        ("CreateTable", {"DeletionProtectionEnabled": "true"}, {"DeletionProtectionEnabled": True}),
        (
            "CreateTable",
            {"ProvisionedThroughput": {"ReadCapacityUnits": "5"}},
            {"ProvisionedThroughput": {"ReadCapacityUnits": 5}},
        ),
        (
            "CreateTable",
            {"Tags": [{"Key": "a", "Value": 1}], "Odd": {"x": 1}},
            {"Tags": [{"Key": "a", "Value": "1"}], "Odd": {"x": 1}},
        ),
        (
            "CreateTable",
            {"ProvisionedThroughput": {"ReadCapacityUnits": "many"}, "Tags": "none"},
            {"ProvisionedThroughput": {"ReadCapacityUnits": "many"}, "Tags": "none"},
        ),
        (
            "PutItem",
            {"Item": {"a": {"B": "x", "BOOL": "TRUE", "N": 5}}},
            {"Item": {"a": {"B": b"x", "BOOL": True, "N": "5"}}},
        ),
        ("PutItem", {"TableName": {"a": 1}}, {"TableName": '{"a": 1}'}),
        ("PutItem", {"TableName": True}, {"TableName": "true"}),
    ],
)
def test_coerce(operation: str, given: Any, expected: Any) -> None:
    model = botocore.session.get_session().get_service_model("dynamodb")
    assert coerce(model.operation_model(operation).input_shape, given) == expected


def test_scalars() -> None:
    assert (text(True), text(5), text("x")) == ("true", "5", "x")
    assert (boolean("true"), boolean(True), boolean("false"), boolean(False)) == (
        True,
        True,
        False,
        False,
    )


@pytest.mark.parametrize("value", [None, [], {"a": 1}])
def test_what_is_no_scalar_is_no_text(value: Any) -> None:
    with pytest.raises(TypeError):
        text(value)
