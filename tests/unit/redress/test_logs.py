"""AnswerTest: what handlers log, and what they never do."""

import logging
from typing import Any

import pytest
from redress.errors import ForeignOrderError
from redress.logs import case_id, logged

SECRET = "the customer's own words"


@logged
def handler(event: dict[str, Any], _context: object) -> Any:
    if "raise" in event:
        raise event["raise"]
    return {"answer": SECRET}


def records(caplog: pytest.LogCaptureFixture) -> list[dict[str, Any]]:
    return [vars(record) for record in caplog.records if record.name == "redress"]


def event(**more: Any) -> dict[str, Any]:
    return {"case": {"case_id": "case_1", "statement": SECRET}, **more}


def test_start_and_end(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "redress")
    assert handler(event(), None) == {"answer": SECRET}
    start, end = records(caplog)
    assert (start["msg"], end["msg"]) == ("function started", "function finished")
    for record in (start, end):
        assert record["case_id"] == "case_1"
        # The first word of this file.
        assert record["function"] == "answer_test"
    assert isinstance(end["duration_ms"], int)


@pytest.mark.parametrize(
    "path", ["/var/task/handler.py", "/src/functions/issue_refund/handler.py", "handler.py"]
)
def test_a_function_goes_by_its_name_wherever_it_lies(
    path: str, caplog: pytest.LogCaptureFixture
) -> None:
    """AWS and containers put each function's handler.py straight into /var/task."""
    caplog.set_level(logging.INFO, "redress")
    source = (
        '"""IssueRefund: money back."""\n'
        "from redress.logs import logged\n"
        "@logged\n"
        "def handler(event, _context):\n"
        "    return None\n"
    )
    module: dict[str, Any] = {"__name__": "handler", "__file__": path}
    exec(compile(source, path, "exec"), module)
    module["handler"](event(), None)
    assert {record["function"] for record in records(caplog)} == {"issue_refund"}


def test_our_errors_are_warnings_by_class_alone(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "redress")
    with pytest.raises(ForeignOrderError):
        handler(event(**{"raise": ForeignOrderError(SECRET)}), None)
    last = records(caplog)[-1]
    assert (last["levelname"], last["msg"]) == ("WARNING", "function refused")
    assert last["error"] == "ForeignOrderError"
    assert last["exc_info"] is None


def test_other_errors_are_errors(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING, "redress")
    with pytest.raises(ZeroDivisionError):
        handler(event(**{"raise": ZeroDivisionError(SECRET)}), None)
    (last,) = records(caplog)
    assert (last["levelname"], last["error"]) == ("ERROR", "ZeroDivisionError")


def test_nothing_of_the_payload_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "redress")
    handler(event(), None)
    with pytest.raises(ForeignOrderError):
        handler(event(**{"raise": ForeignOrderError(SECRET)}), None)
    assert SECRET not in str(records(caplog))


def test_silent_unless_asked(capfd: pytest.CaptureFixture[str]) -> None:
    """With no handler on it, logging itself would write warnings to stderr."""
    with pytest.raises(ForeignOrderError):
        handler(event(**{"raise": ForeignOrderError(SECRET)}), None)
    assert logging.getLogger("redress").handlers
    assert capfd.readouterr().err == ""


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ({"case_id": "case_1"}, "case_1"),
        ({"case": {"case_id": "case_1"}}, "case_1"),
        ({"ruling": {"case_id": "case_1"}}, "case_1"),
        ({"detail": {"case_id": "case_1"}}, "case_1"),
        ({"case_id": "x\nfunction finished"}, None),
        ({"case_id": "c\u0430se_1"}, None),
        ({"case_id": "x" * 129}, None),
        ({"case_id": 7}, None),
        ({"case": ["case_id"]}, None),
        ({}, None),
        ([], None),
        ("case_id", None),
        (None, None),
    ],
)
def test_case_id(value: Any, found: str | None) -> None:
    assert case_id(value) == found
