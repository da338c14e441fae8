"""Events keep their published schemas; the schemas keep to the models."""

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator, FormatChecker
from redress.models.base import parse

ROOT = Path(__file__).parents[3]
SCHEMAS = ROOT / "events" / "schemas"
DETAIL_TYPES = (
    "ApprovalRequested",
    "CaseFailed",
    "CaseOpened",
    "CaseProgressed",
    "CaseRejected",
    "CaseResolved",
    "FindingReported",
)
# Whose source is whoever reports; all others are Redress's own, or put in its name by the samples.
FOREIGN = {"FindingReported"}


def snake(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name).lstrip("_")


def read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def writer() -> ModuleType:
    path = ROOT / "tools" / "event_schemas.py"
    spec = importlib.util.spec_from_file_location("event_schemas", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def validator(detail_type: str) -> Draft202012Validator:
    schema = read(SCHEMAS / f"{detail_type}.json")
    return Draft202012Validator(schema, format_checker=FormatChecker())


def test_every_event_has_a_schema() -> None:
    assert sorted(path.stem for path in SCHEMAS.iterdir()) == list(DETAIL_TYPES)


@pytest.mark.parametrize("detail_type", DETAIL_TYPES)
def test_schema_is_what_the_model_says(writer: ModuleType, detail_type: str) -> None:
    text = (SCHEMAS / f"{detail_type}.json").read_text(encoding="utf-8")
    assert text == writer.text(detail_type), "run python tools/event_schemas.py"


@pytest.mark.parametrize("detail_type", DETAIL_TYPES)
def test_schema_is_valid_versioned_and_closed(detail_type: str) -> None:
    schema = read(SCHEMAS / f"{detail_type}.json")
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"] == f"urn:redress:event:{detail_type}:1"
    assert schema["title"] == detail_type
    assert schema["properties"]["schema_version"] == {"const": "1"}
    assert {"schema_version", "case_id"} <= set(schema["required"])
    for part in (schema, *schema.get("$defs", {}).values()):
        assert part["additionalProperties"] is False


@pytest.mark.parametrize("detail_type", DETAIL_TYPES)
def test_sample_keeps_the_schema(detail_type: str) -> None:
    event = read(ROOT / "events" / f"{snake(detail_type)}.json")
    assert event["detail-type"] == detail_type
    assert (event["source"].split(".")[0] == "redress") != (detail_type in FOREIGN)
    assert list(validator(detail_type).iter_errors(event["detail"])) == []


@pytest.mark.parametrize("detail_type", DETAIL_TYPES)
def test_sample_parses_into_the_model(writer: ModuleType, detail_type: str) -> None:
    detail = read(ROOT / "events" / f"{snake(detail_type)}.json")["detail"]
    model = parse(writer.DETAILS[detail_type], detail)
    again = msgspec.json.decode(msgspec.json.encode(model))
    assert detail.items() <= again.items()


@pytest.mark.parametrize("detail_type", DETAIL_TYPES)
def test_schema_refuses_what_does_not_belong(detail_type: str) -> None:
    detail = read(ROOT / "events" / f"{snake(detail_type)}.json")["detail"]
    check = validator(detail_type)
    assert not check.is_valid({**detail, "task_token": "secret"})
    assert not check.is_valid({**detail, "schema_version": "2"})
    for name in check.schema["required"]:
        assert not check.is_valid({k: v for k, v in detail.items() if k != name}), name


def test_samples_are_complete() -> None:
    """Each sample belongs to an event type or a function; nothing else lies there."""
    events = {snake(detail_type) for detail_type in DETAIL_TYPES}
    functions = {path.name for path in (ROOT / "functions").iterdir() if path.is_dir()}
    assert {path.stem for path in (ROOT / "events").glob("*.json")} == events | functions
