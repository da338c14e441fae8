"""Reading events from files: whole EventBridge events, or the bare detail of a CaseOpened."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import msgspec
from redress.models.case import CaseOpened
from redress_local.cli.errors import UsageError
from redress_local.cli.output import STDIN
from redress_local.events.entries import MAX_EVENT_BYTES

_HINT = "give a CaseOpened event or its detail: see events/case_opened.json"
_MARK = b"\xef\xbb\xbf"
_DETAIL_FIELDS = frozenset(CaseOpened.__struct_fields__)


def read_entry(path: Path, bus: str, present: str) -> dict[str, Any]:
    """Read an event file as an entry for PutEvents.

    Args:
        path: A file, or `-` for stdin.
        bus: The bus to put it on.
        present: The time of an event that has none.

    Raises:
        UsageError: The file cannot be read, is not JSON or is not an event.
    """
    name = "stdin" if str(path) in {"-", STDIN} else str(path)
    return to_entry(_read(path, name), name, bus, present)


def _read(path: Path, name: str) -> Any:
    try:
        if name == "stdin":
            data = sys.stdin.buffer.read(2 * MAX_EVENT_BYTES)
        else:
            with path.open("rb") as file:
                data = file.read(2 * MAX_EVENT_BYTES)
    except OSError as error:
        raise UsageError(f"{name} cannot be read: {error.strerror}", "check the path") from None
    if len(data) >= 2 * MAX_EVENT_BYTES:
        raise UsageError(f"{name} is larger than an event can be", "give one event")
    return parse(data, name)


def parse(data: bytes | str, name: str) -> Any:
    """Parse JSON text.

    Raises:
        UsageError: It is not JSON.
    """
    try:
        # Editors on Windows put a byte order mark first.
        return msgspec.json.decode(data.removeprefix(_MARK) if isinstance(data, bytes) else data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(f"{name} is not JSON ({error})", _HINT) from None


def to_entry(value: Any, name: str, bus: str, present: str) -> dict[str, Any]:
    """Turn an event or a CaseOpened detail into an entry for PutEvents.

    Raises:
        UsageError: It is neither.
    """
    if not isinstance(value, dict):
        raise UsageError(f"{name} is not an event: it holds no object", _HINT)
    if "detail-type" in value or "detail" in value:
        if not isinstance(value.get("detail-type"), str) or not isinstance(
            value.get("detail"), dict
        ):
            raise UsageError(f"{name} is not an event: it lacks a detail-type or a detail", _HINT)
        for field, kind, what in (("source", str, "text"), ("resources", list, "an array")):
            if not isinstance(value.get(field), kind | None):
                raise UsageError(f"{name} is not an event: its {field} is not {what}", _HINT)
        return {
            "EventBusName": bus,
            "Source": value.get("source") or "redress.cli",
            "DetailType": value["detail-type"],
            "Detail": value["detail"],
            "Resources": value.get("resources") or [],
            "Time": value.get("time") or present,
        }
    if not _DETAIL_FIELDS & value.keys():
        raise UsageError(f"{name} is not an event: it has no field of one", _HINT)
    return {
        "EventBusName": bus,
        "Source": "redress.cli",
        "DetailType": "CaseOpened",
        "Detail": value,
        # A case cannot have been opened after its event.
        "Time": value["opened_at"] if isinstance(value.get("opened_at"), str) else present,
    }
