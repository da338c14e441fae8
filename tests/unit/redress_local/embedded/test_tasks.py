"""What tasks reach in the embedded cloud."""

from typing import Any

import pytest
from asl_engine import TaskError
from asl_engine.integrations import LambdaCall
from redress_local.embedded.functions import FunctionLoadError, FunctionNotFoundError
from redress_local.embedded.tasks import Tasks
from redress_local.events.errors import InvalidEventError


class Host:
    def __contains__(self, name: str) -> bool:
        return name == "work"

    def invoke(self, name: str, payload: bytes) -> bytes:
        if name == "broken":
            raise FunctionLoadError("it does not import")
        if name != "work":
            raise FunctionNotFoundError(f"there is no function {name}")
        return payload


@pytest.fixture
def tasks() -> Tasks:
    return Tasks(Host())  # type: ignore[arg-type]


def error_of(call: Any, *arguments: Any) -> tuple[str, str]:
    with pytest.raises(TaskError) as caught:
        call(*arguments)
    return caught.value.error, caught.value.cause or ""


def test_functions_fail_as_lambda_names_it(tasks: Tasks) -> None:
    assert tasks.invoke("work", b"1") == b"1"
    assert error_of(tasks.invoke, "nobody", b"1")[0] == "Lambda.ResourceNotFoundException"
    assert error_of(tasks.invoke, "broken", b"1")[0] == "Runtime.ImportModuleError"


def test_dry_runs_only_look(tasks: Tasks) -> None:
    assert tasks.call(LambdaCall("work", b"{}", "DryRun")) == b""
    found = error_of(tasks.call, LambdaCall("nobody", b"{}", "DryRun"))
    assert found == ("Lambda.ResourceNotFoundException", "there is no function nobody")


@pytest.mark.parametrize(
    ("call", "asked"),
    [
        (LambdaCall("work", b"{}", "Event"), "InvocationType Event"),
        (LambdaCall("work", b"{}", client_context="e30="), "a ClientContext"),
    ],
)
def test_what_would_be_lost_is_refused_with_what_does_it(
    tasks: Tasks, call: LambdaCall, asked: str
) -> None:
    error, cause = error_of(tasks.call, call)
    assert error == "States.Runtime"
    assert asked in cause
    assert "redress up --emulated" in cause


def test_each_entry_counts_for_itself(tasks: Tasks) -> None:
    class Bus:
        def put(self, entries: list[dict[str, Any]]) -> list[str]:
            if not entries[0]:
                raise InvalidEventError("it is no event")
            return ["id-1"]

    tasks.bus = Bus()  # type: ignore[assignment]
    assert tasks.put_events([{}, {"Source": "s"}]) == {
        "FailedEntryCount": 1,
        "Entries": [
            {"ErrorCode": "InvalidEventError", "ErrorMessage": "it is no event"},
            {"EventId": "id-1"},
        ],
    }
