"""The TestState operation: from a request in the API's shape to an answer in the API's shape."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any, Protocol

from asl_engine.api.protocol import ApiError
from asl_engine.clock import Clock, iso
from asl_engine.codec import encode
from asl_engine.compiler import split_resource
from asl_engine.integrations.protocol import Integration
from asl_engine.journal import ExecutionRecord
from asl_engine.program import TaskState
from asl_engine.runtime import RUNNING, Execution
from asl_engine.test_state.request import TestRequest, read_request
from asl_engine.test_state.tester import StateTester


class Integrations(Protocol):
    """What tests of unmocked Tasks call: an engine's registry."""

    def problem(self, resource: str, pattern: str) -> str | None:
        """Why a Resource cannot be called, or None when it can be."""

    def __getitem__(self, resource: str) -> Integration:
        """The callable of a Resource that can be called."""


def test_state(
    request: Mapping[str, Any],
    *,
    integrations: Integrations,
    clock: Clock,
    account: str,
    region: str,
) -> dict[str, Any]:
    """Run one state, as AWS's TestState does.

    Nothing is journalled and no time passes: a Wait is over at once (one of more than 300
    seconds is AWS's `States.Timeout`), a backoff is only told. A Task without a mock is really
    called, with its TimeoutSeconds or 300 seconds at most.

    Args:
        request: The members of a TestStateInput, checked against the service model.
        integrations: What a Task without a mock calls: the engine's registry.
        clock: Time.
        account: Whose account the context object shows.
        region: Which region it shows.

    Returns:
        The members of a TestStateOutput. `inspectionData` has what JSONata states have: TRACE
        adds nothing to DEBUG, since HTTP requests are not made here.

    Raises:
        ApiError: `InvalidDefinition`, `InvalidExecutionInput` or `ValidationException`.
    """
    test = read_request(request)
    state = test.state
    callables: dict[str, Integration] = {}
    if isinstance(state, TaskState) and test.mock is None:
        problem = integrations.problem(*split_resource(state.resource))
        if problem is not None:
            raise ApiError("InvalidDefinition", f"The Resource cannot be called here: {problem}")
        callables[state.resource] = integrations[state.resource]
    tester = StateTester(test, clock, callables)
    execution = _execution(test, tester.core.clock, f"{region}:{account}")
    tester.run(execution.root)
    return _answer(test, tester, execution)


# Imported into a test module, it is no test.
test_state.__test__ = False  # type: ignore[attr-defined]


def _execution(test: TestRequest, clock: Clock, place: str) -> Execution:
    name = str(uuid.uuid4())
    machine = f"arn:aws:states:{place}:stateMachine:{test.machine.name}"
    record = ExecutionRecord(
        key=0,
        arn=f"arn:aws:states:{place}:express:{test.machine.name}:{name}",
        name=name,
        machine=machine,
        definition="",
        status=RUNNING,
        input=test.input_json,
        started_at=clock.now(),
    )
    execution = Execution(test.machine, record, clock, test.input)
    execution.details = {
        "Id": record.arn,
        "Input": test.input,
        "Name": name,
        "RoleArn": test.role,
        "StartTime": iso(clock.now()),
    }
    execution.start_context = {"Id": machine, "Name": test.machine.name}
    execution.mocked_context = test.context
    root = execution.root
    root.scope, root.state = test.scope, test.state
    root.variables = test.variables
    return execution


def _answer(test: TestRequest, tester: StateTester, execution: Execution) -> dict[str, Any]:
    track = execution.root
    status = tester.status
    answer: dict[str, Any] = {"status": status}
    if status in {"SUCCEEDED", "CAUGHT_ERROR"}:
        answer["output"] = track.input_json.decode()
        if tester.next is not None:
            answer["nextState"] = tester.next
    if status != "SUCCEEDED":
        error, cause = track.error
        answer |= {key: text for key, text in (("error", error), ("cause", cause)) if text}
    if test.level != "INFO":
        answer["inspectionData"] = _inspection(test, tester, execution)
    return answer


def _inspection(test: TestRequest, tester: StateTester, execution: Execution) -> dict[str, Any]:
    data: dict[str, Any] = {"input": test.input_json.decode()}
    for name, value in tester.seen.items():
        data[name] = bytes(value).decode() if isinstance(value, (bytes, memoryview)) else value
    if execution.root.variables:
        data["variables"] = encode(execution.root.variables).decode()
    if tester.handled:
        data["errorDetails"] = dict(tester.handled)
    return data
