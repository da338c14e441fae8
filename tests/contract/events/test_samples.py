"""Every event inside every sample is one that EventBridge could deliver and its schema allows."""

import copy
import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, FormatChecker

ROOT = Path(__file__).parents[3]
SAMPLES = sorted((ROOT / "events").glob("*.json"))
# Step Functions' own, which it gives no schema for.
OF_AWS = {"aws.states"}

FORMATS = FormatChecker()


@FORMATS.checks("date-time", ValueError)
def is_time(value: object) -> bool:
    """Whether a value may be a time: jsonschema checks only where another package is installed."""
    return not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None


ENVELOPE = Draft202012Validator(
    {
        "type": "object",
        "properties": {
            "version": {"const": "0"},
            "id": {"type": "string", "format": "uuid"},
            "detail-type": {"type": "string", "maxLength": 128},
            "source": {"type": "string", "pattern": "^[a-z.-]{1,256}$"},
            "account": {"type": "string", "pattern": "^[0-9]{12}$"},
            "time": {"type": "string", "format": "date-time"},
            "region": {"type": "string", "pattern": "^[a-z]{2}(-[a-z]+)+-[0-9]$"},
            "resources": {"type": "array", "items": {"type": "string"}},
            "detail": {"type": "object"},
            "replay-name": {"type": "string"},
        },
        "required": [
            *("version", "id", "detail-type", "source", "account"),
            *("time", "region", "resources", "detail"),
        ],
        "additionalProperties": False,
    },
    format_checker=FORMATS,
)


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def events_in(value: Any) -> Iterator[dict[str, Any]]:
    """Every EventBridge event, at any depth, in JSON text too."""
    if isinstance(value, str) and value.startswith("{"):
        value = json.loads(value)
    if isinstance(value, dict):
        if "detail-type" in value:
            yield value
        value = list(value.values())
    if isinstance(value, list):
        for item in value:
            yield from events_in(item)


def problems(event: dict[str, Any]) -> list[str]:
    found = list(ENVELOPE.iter_errors(event))
    if event.get("source") not in OF_AWS:
        schema = read(ROOT / "events" / "schemas" / f"{event['detail-type']}.json")
        check = Draft202012Validator(schema, format_checker=FORMATS)
        found += check.iter_errors(event["detail"])
    return [f"{error.json_path}: {error.message}" for error in found]


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_every_event_in_the_sample_keeps_its_schema(path: Path) -> None:
    assert [line for event in events_in(read(path)) for line in problems(event)] == []


def test_there_are_events_in_samples_of_functions() -> None:
    holding = {path.stem for path in SAMPLES if any(events_in(read(path)))}
    assert {"validate_case", "record_failure", "notify_clients", "case_opened"} <= holding


@pytest.mark.parametrize(
    ("place", "value", "told"),
    [
        (("detail", "opened_at"), "yesterday", "$.opened_at: 'yesterday' is not valid"),
        (("detail", "opened_at"), "2026-03-02T12:00:00", "$.opened_at: "),
        (("detail", "case_id"), 7, "$.case_id: 7 is not of type 'string'"),
        (("detail", "more"), "x", "$: Additional properties are not allowed ('more'"),
        (("time",), "now", "$.time: 'now' is not a 'date-time'"),
        (("account",), "1", "$.account: '1' does not match"),
    ],
)
def test_a_broken_sample_is_caught(place: tuple[str, ...], value: Any, told: str) -> None:
    """In a copy of the real one."""
    event = copy.deepcopy(read(ROOT / "events" / "validate_case.json"))
    holder = event
    for name in place[:-1]:
        holder = holder[name]
    holder[place[-1]] = value
    (problem,) = problems(event)
    assert told in problem
