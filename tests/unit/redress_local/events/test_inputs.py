"""What targets receive: constants, paths and transformed texts."""

from typing import Any

import pytest
from redress_local.events.errors import InvalidTargetError
from redress_local.events.inputs import compile_input

EVENT: dict[str, Any] = {
    "id": "e-1",
    "time": "2026-01-01T00:00:00Z",
    "detail-type": 'Case "Opened"',
    "detail": {"instance": "i-1", "count": 2, "tags": ["a", {"k": "v"}], "quote": 'say "hi"'},
}
RESERVED = {"aws.events.rule-arn": "arn:r", "aws.events.rule-name": "r"}


def shaped(**settings: Any) -> Any:
    return compile_input(settings)(EVENT, RESERVED)


def test_without_settings_the_whole_event() -> None:
    assert shaped() == EVENT


def test_a_constant() -> None:
    assert shaped(Input='{"a": [1]}') == {"a": [1]}


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("$", EVENT),
        ("$.detail", EVENT["detail"]),
        ("$.detail-type", 'Case "Opened"'),
        ("$.detail.tags[1].k", "v"),
        ("$.detail['count']", 2),
        ("$.detail.nothing.here", None),
        ("$.detail.tags[7]", None),
        ("$.detail.tags[*].k", ["v"]),
        ("$.detail.tags.*", ["a", {"k": "v"}]),
        ("$.detail.count[*]", None),
    ],
)
def test_a_path(path: str, expected: object) -> None:
    assert shaped(InputPath=path) == expected


def transformed(template: str, **paths: str) -> Any:
    return shaped(InputTransformer={"InputPathsMap": paths, "InputTemplate": template})


def test_documented_transformations() -> None:
    paths = {"instance": "$.detail.instance", "count": "$.detail.count"}
    assert transformed('"<instance> has <count>"', **paths) == "i-1 has 2"
    assert transformed('"<instance> is \\"<count>\\""', **paths) == 'i-1 is "2"'
    assert transformed('{"id": <instance>, "n": <count>, "s": "<instance>!"}', **paths) == {
        "id": "i-1",
        "n": 2,
        "s": "i-1!",
    }
    assert transformed("<instance> in plain text", **paths) == '"i-1" in plain text'


def test_hostile_values_cannot_break_out_of_their_place() -> None:
    paths = {"quote": "$.detail.quote", "tags": "$.detail.tags"}
    assert transformed('{"q": "<quote>", "t": <tags>}', **paths) == {
        "q": 'say "hi"',
        "t": ["a", {"k": "v"}],
    }


def test_missing_values() -> None:
    assert transformed('{"a": <gone>, "b": "x<gone>"}', gone="$.detail.gone") == {
        "a": None,
        "b": "x",
    }


def test_reserved_variables() -> None:
    made = transformed('{"rule": <aws.events.rule-name>, "all": <aws.events.event.json>}')
    assert made == {"rule": "r", "all": EVENT}


@pytest.mark.parametrize(
    "settings",
    [
        {"Input": "{", "InputPath": "$.a"},
        {"Input": "{"},
        {"InputPath": "detail"},
        {"InputPath": "$.a..b"},
        {"InputTransformer": {"InputPathsMap": {}}},
        {"InputTransformer": {"InputTemplate": "<unknown>"}},
        {"InputTransformer": {"InputTemplate": "x", "InputPathsMap": {"AWS.x": "$.a"}}},
    ],
)
def test_malformed_settings_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(InvalidTargetError):
        compile_input(settings)
