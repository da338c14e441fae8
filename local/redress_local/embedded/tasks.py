"""What the state machines' tasks reach in the embedded cloud: functions and the bus, in process."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from asl_engine import TaskError

from redress_local.embedded.functions import (
    FunctionHost,
    FunctionLoadError,
    FunctionNotFoundError,
)
from redress_local.events.errors import EventsError

if TYPE_CHECKING:
    from asl_engine.integrations import LambdaCall

    from redress_local.events.bus import EventBus


class Tasks:
    """An engine's Lambda invoker, Lambda caller and events sink.

    Args:
        host: Runs the functions.

    Attributes:
        bus: Takes events; set before the first execution runs.
    """

    bus: EventBus

    def __init__(self, host: FunctionHost) -> None:
        self._host = host

    def invoke(self, function: str, payload: bytes) -> bytes:
        """Call a function by name, ARN or logical id with JSON; returns its JSON answer."""
        try:
            return self._host.invoke(function, payload)
        except FunctionNotFoundError as error:
            raise _unknown(error) from None
        except FunctionLoadError as error:
            raise TaskError("Runtime.ImportModuleError", str(error)) from None

    def call(self, call: LambdaCall) -> bytes:
        """Check a DryRun; refuse what functions in this process cannot be asked for.

        Nothing here would keep an `Event` over the death of the process, while the journal says
        that the function has taken it.
        """
        if call.kind == "DryRun":
            if call.function not in self._host:
                raise _unknown(f"there is no function {call.function}")
            return b""
        asked = "a ClientContext" if call.kind == "RequestResponse" else "InvocationType Event"
        raise TaskError(
            "States.Runtime",
            f"the embedded cloud does not invoke {call.function} with {asked}:"
            " `redress up --emulated` does",
        )

    def put_events(self, entries: list[dict[str, Any]]) -> Mapping[str, Any]:
        """Put entries on their buses, each for itself."""
        answers: list[dict[str, str]] = []
        failed = 0
        for entry in entries:
            try:
                answers.append({"EventId": self.bus.put([entry])[0]})
            except EventsError as error:
                failed += 1
                answers.append({"ErrorCode": type(error).__name__, "ErrorMessage": str(error)})
        return {"FailedEntryCount": failed, "Entries": answers}


def _unknown(problem: object) -> TaskError:
    return TaskError("Lambda.ResourceNotFoundException", str(problem))
