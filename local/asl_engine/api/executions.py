"""Executions: start, stop, redrive, describe, list."""

from __future__ import annotations

import math
import threading
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

from asl_engine.api.arns import execution_arn, machine_arn
from asl_engine.api.catalogue import Entry
from asl_engine.api.machines import StateMachines, moment
from asl_engine.api.paging import Pager
from asl_engine.api.protocol import ApiError
from asl_engine.codec import decode
from asl_engine.engine import Engine
from asl_engine.errors import (
    ExecutionExistsError,
    ExecutionNotFoundError,
    ExecutionNotRedrivableError,
    InvalidDefinitionError,
    InvalidInputError,
    InvalidNameError,
)
from asl_engine.journal.records import ExecutionRecord
from asl_engine.program import EXPRESS
from asl_engine.redrive import redrive_problem
from asl_engine.runtime import RUNNING

_TOKENS_PER_EXECUTION = 10
_TOKEN_SECONDS = 15 * 60
_TOKENS_KEPT = 1_000
_CHUNK = 500
# How often a caller that waits looks whether the API is closed.
_WAIT_SECONDS = 0.5
# What AWS bills an EXPRESS execution by: 64 MB and 100 ms are the smallest units.
_BILLED_MEMORY_MB = 64
_BILLED_STEP_MS = 100


class Executions:
    """The operations on executions; made once per API."""

    def __init__(self, engine: Engine, machines: StateMachines) -> None:
        self._engine = engine
        self._machines = machines
        self._redrives: OrderedDict[tuple[str, str], float] = OrderedDict()
        self._lock = threading.Lock()
        self._closed = False

    def close(self) -> None:
        """Let go of the callers that wait for an execution."""
        self._closed = True

    # Starting

    def start(self, request: dict[str, Any]) -> dict[str, Any]:
        """StartExecution."""
        target, _ = self._machines.target(request["stateMachineArn"])
        value = _input(request)
        with _StartErrors(request):
            arn = self._engine.start_execution(
                target, value, request.get("name"), trace_header=request.get("traceHeader", "")
            )
        return {
            "executionArn": arn,
            "startDate": moment(self._engine.record(arn).started_at),
        }

    def start_sync(self, request: dict[str, Any]) -> dict[str, Any]:
        """StartSyncExecution: blocks until the execution is over, at most five minutes."""
        target, entry = self._machines.target(request["stateMachineArn"])
        _only(entry, EXPRESS)
        value = _input(request)
        with _StartErrors(request):
            arn = self._engine.start_execution(
                target, value, request.get("name"), trace_header=request.get("traceHeader", "")
            )
        pause = _WAIT_SECONDS if self._engine.is_concurrent else None
        while self._engine.wait(arn, pause).status == RUNNING:
            if self._closed:
                raise ApiError("ServiceUnavailable", "the service stops", status=503)
        record = self._engine.record(arn)
        stopped_at = record.stopped_at or self._engine.clock.now()
        milliseconds = (stopped_at - record.started_at) * 1000
        return {
            "executionArn": record.arn,
            "stateMachineArn": record.machine,
            "name": record.name,
            "startDate": moment(record.started_at),
            "stopDate": moment(stopped_at),
            # The shape knows no ABORTED: an EXPRESS execution is stopped only with its machine.
            "status": record.status if record.status != "ABORTED" else "FAILED",
            "error": record.error,
            "cause": record.cause,
            "traceHeader": record.trace_header or None,
            "billingDetails": {
                "billedMemoryUsedInMB": _BILLED_MEMORY_MB,
                "billedDurationInMilliseconds": _BILLED_STEP_MS
                * max(math.ceil(milliseconds / _BILLED_STEP_MS), 1),
            },
            **_data(record, request),
        }

    # Watching

    def describe(self, request: dict[str, Any]) -> dict[str, Any]:
        """DescribeExecution."""
        record = self.record(request["executionArn"])
        problem = redrive_problem(record, self._engine.journal, self._engine.clock.now())
        return {
            **_summary(record),
            "error": record.error,
            "cause": record.cause,
            "traceHeader": record.trace_header or None,
            "redriveStatus": "REDRIVABLE" if problem is None else "NOT_REDRIVABLE",
            "redriveStatusReason": problem,
            **_data(record, request),
        }

    def machine_of(self, request: dict[str, Any]) -> dict[str, Any]:
        """DescribeStateMachineForExecution."""
        record = self.record(request["executionArn"])
        role = None
        for _, events in self._engine.journal.batches(record.key):
            role = (events[0].details or {}).get("roleArn")
            break
        return self._machines.describe_for_execution(
            request, record.machine, record.definition, role
        )

    def list(self, request: dict[str, Any]) -> dict[str, Any]:
        """ListExecutions, the latest first."""
        if "mapRunArn" in request:
            raise ApiError("ResourceNotFound", f"Resource not found: '{request['mapRunArn']}'")
        arn = request.get("stateMachineArn")
        if arn is None:
            raise ApiError("ValidationException", "give a stateMachineArn")
        read = machine_arn(arn)
        _, entry = self._machines.target(arn)
        if entry.kind == EXPRESS:
            raise ApiError(
                "StateMachineTypeNotSupported", "executions of an EXPRESS machine are not listed"
            )
        pager = Pager("ListExecutions", request)
        wanted_redriven = request.get("redriveFilter")
        shown: list[ExecutionRecord] = []
        token = None
        for record in self._records(entry.arn, request.get("statusFilter"), pager):
            if read.qualifier and arn not in (record.version, record.alias):
                continue
            if wanted_redriven and (record.redrive_count > 0) != (wanted_redriven == "REDRIVEN"):
                continue
            if len(shown) == pager.limit:
                token = pager.token(shown[-1].key)
                break
            shown.append(record)
        return {"executions": [_summary(record) for record in shown], "nextToken": token}

    def _records(self, arn: str, status: str | None, pager: Pager) -> Iterator[ExecutionRecord]:
        before = pager.number(0) or None
        while True:
            chunk = self._engine.journal.records(
                machine=arn, status=status, before=before, limit=_CHUNK
            )
            yield from chunk
            if len(chunk) < _CHUNK:
                return
            before = chunk[-1].key

    def map_runs(self, request: dict[str, Any]) -> dict[str, Any]:
        """ListMapRuns: none, since a distributed Map is refused when its machine is created."""
        self.record(request["executionArn"])
        return {"mapRuns": []}

    def map_run(self, request: dict[str, Any]) -> dict[str, Any]:
        """DescribeMapRun and UpdateMapRun: there are none."""
        raise ApiError("ResourceNotFound", f"Resource not found: '{request['mapRunArn']:.256}'")

    def record(self, arn: str) -> ExecutionRecord:
        """A STANDARD execution.

        Raises:
            ApiError: `InvalidArn` or `ExecutionDoesNotExist`.
        """
        try:
            return self._engine.record(execution_arn(arn))
        except ExecutionNotFoundError:
            raise ApiError("ExecutionDoesNotExist", f"Execution Does Not Exist: '{arn}'") from None

    # Changing

    def stop(self, request: dict[str, Any]) -> dict[str, Any]:
        """StopExecution."""
        arn = self.record(request["executionArn"]).arn
        stopped = self._engine.stop_execution(
            arn, error=request.get("error"), cause=request.get("cause")
        )
        return {"stopDate": stopped.stopped_at or moment(self._engine.clock.now())}

    def redrive(self, request: dict[str, Any]) -> dict[str, Any]:
        """RedriveExecution; a client token that was used for it before changes nothing."""
        arn = self.record(request["executionArn"]).arn
        token = request.get("clientToken")
        with self._lock:
            now = self._engine.clock.now()
            known = self._redrives.get((arn, token)) if token is not None else None
            if known is not None and now - known < _TOKEN_SECONDS:
                return {"redriveDate": moment(known)}
            try:
                self._engine.redrive_execution(arn)
            except ExecutionNotRedrivableError as error:
                raise ApiError("ExecutionNotRedrivable", str(error)) from None
            at = self._engine.record(arn).redriven_at or now
            if token is not None:
                self._remember(arn, token, at)
        return {"redriveDate": moment(at)}

    def _remember(self, arn: str, token: str, at: float) -> None:
        self._redrives[arn, token] = at
        mine = [key for key in self._redrives if key[0] == arn]
        for key in mine[:-_TOKENS_PER_EXECUTION]:
            del self._redrives[key]
        while len(self._redrives) > _TOKENS_KEPT:
            self._redrives.popitem(last=False)


class _StartErrors:
    """Names the errors of starting as AWS does."""

    def __init__(self, request: dict[str, Any]) -> None:
        self._request = request

    def __enter__(self) -> None:
        return None

    def __exit__(self, _kind: object, error: BaseException | None, _trace: object) -> None:
        match error:
            case ExecutionExistsError():
                raise ApiError(
                    "ExecutionAlreadyExists",
                    f"Execution Already Exists: '{str(error).split(' ')[2]}'",
                ) from None
            case InvalidNameError():
                name = self._request.get("name", "")
                raise ApiError("InvalidName", f"Invalid Name: '{name:.80}'") from None
            case InvalidInputError():
                raise _invalid_input(str(error)) from None
            case InvalidDefinitionError():
                raise ApiError("ValidationException", f"it cannot run here: {error}") from None


def _input(request: dict[str, Any]) -> Any:
    try:
        return decode(request.get("input", "{}"))
    except (ValueError, RecursionError) as error:
        raise _invalid_input(f"it is not JSON: {error}") from None


def _invalid_input(reason: str) -> ApiError:
    return ApiError("InvalidExecutionInput", f"Invalid State Machine Execution Input: '{reason}'")


def _only(entry: Entry, kind: str) -> None:
    if entry.kind != kind:
        raise ApiError(
            "StateMachineTypeNotSupported",
            f"This operation is not supported by this type of state machine: {entry.kind}",
        )


def _summary(record: ExecutionRecord) -> dict[str, Any]:
    return {
        "executionArn": record.arn,
        "stateMachineArn": record.machine,
        "name": record.name,
        "status": record.status,
        "startDate": moment(record.started_at),
        "stopDate": None if record.stopped_at is None else moment(record.stopped_at),
        "stateMachineVersionArn": record.version or None,
        "stateMachineAliasArn": record.alias or None,
        "redriveCount": record.redrive_count,
        "redriveDate": None if record.redriven_at is None else moment(record.redriven_at),
    }


def _data(record: ExecutionRecord, request: dict[str, Any]) -> dict[str, Any]:
    """The payloads, unless the request wants METADATA_ONLY."""
    if request.get("includedData") == "METADATA_ONLY":
        return {}
    data: dict[str, Any] = {"input": record.input.decode(), "inputDetails": {"included": True}}
    if record.output is not None:
        data.update(output=record.output.decode(), outputDetails={"included": True})
    return data
