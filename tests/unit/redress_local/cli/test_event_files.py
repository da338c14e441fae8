"""Reading events: whole ones, bare details, and what is neither."""

import io
from pathlib import Path
from typing import Any

import pytest
from redress_local.cli.errors import UsageError
from redress_local.cli.event_files import read_entry, to_entry
from redress_local.project import find_project

PRESENT = "2026-03-02T12:00:00Z"


def test_a_whole_event() -> None:
    entry = read_entry(find_project() / "events" / "case_opened.json", "bus", PRESENT)
    assert entry["EventBusName"] == "bus"
    assert entry["DetailType"] == "CaseOpened"
    assert entry["Detail"]["case_id"] == "case_1001"


def test_a_bare_detail_has_the_shop_s_present_as_its_time() -> None:
    entry = to_entry({"case_id": "c"}, "x", "bus", PRESENT)
    assert (entry["DetailType"], entry["Detail"], entry["Time"]) == (
        "CaseOpened",
        {"case_id": "c"},
        PRESENT,
    )
    opened = to_entry({"case_id": "c", "opened_at": "2027-01-01T00:00:00Z"}, "x", "bus", PRESENT)
    assert opened["Time"] == "2027-01-01T00:00:00Z"


@pytest.mark.parametrize(
    "value",
    [
        [],
        "text",
        None,
        {},
        {"foo": 1},
        {"detail": {}},
        {"detail-type": "CaseOpened"},
        {"detail-type": 7, "detail": {}},
        {"detail-type": "CaseOpened", "detail": "{}"},
        {"detail-type": "CaseOpened", "detail": {}, "source": 5},
        {"detail-type": "CaseOpened", "detail": {}, "resources": "arn"},
    ],
)
def test_what_is_no_event_is_refused(value: Any) -> None:
    with pytest.raises(UsageError, match="not an event"):
        to_entry(value, "x.json", "bus", PRESENT)


@pytest.mark.parametrize(
    "data", [b"", b"{", b"\xff\xfe", b'{"a": \x00}', b"[" * 100_000, b"x" * 600_000]
)
def test_what_is_no_json_is_refused(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "event.json"
    file.write_bytes(data)
    with pytest.raises(UsageError, match=r"event\.json"):
        read_entry(file, "bus", PRESENT)


def test_a_byte_order_mark_is_no_mistake(tmp_path: Path) -> None:
    file = tmp_path / "event.json"
    file.write_bytes(b'\xef\xbb\xbf{"case_id": "c"}')
    assert read_entry(file, "bus", PRESENT)["Detail"] == {"case_id": "c"}


def test_stdin(monkeypatch: pytest.MonkeyPatch) -> None:
    text = io.TextIOWrapper(io.BytesIO(b'{"case_id": "\xc3\xa9"}'), encoding="utf-8")
    monkeypatch.setattr("sys.stdin", text)
    assert read_entry(Path("-"), "bus", PRESENT)["Detail"] == {"case_id": "\u00e9"}
