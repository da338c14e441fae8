"""The Lambda service of the local cloud: functions, and every way to invoke them."""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any

from redress_local.lambda_service.async_invocation import AsyncInvocation
from redress_local.lambda_service.async_queue import (
    LOCAL_TIME_FACTOR,
    AsyncEvent,
    AsyncQueue,
)
from redress_local.lambda_service.concurrency import ACCOUNT_CONCURRENCY, Concurrency
from redress_local.lambda_service.destinations import Sender, service_of
from redress_local.lambda_service.errors import (
    InvalidParameterError,
    LambdaServiceError,
    ThrottledError,
)
from redress_local.lambda_service.event_config import EventInvokeConfig
from redress_local.lambda_service.event_sources import EventSources
from redress_local.lambda_service.mappings import EventSourceMapping
from redress_local.lambda_service.opt import LayerError
from redress_local.lambda_service.payloads import check_payload
from redress_local.lambda_service.registry import Entry, Registry
from redress_local.lambda_service.tasks import TaskCaller, TaskInvoker, task_caller, task_invoker
from redress_local.lambda_service.types import FunctionSpec, Invoker, Outcome
from redress_local.lambda_service.workers.slots import PoolExhaustedError
from redress_local.lambda_service.workers.supervisor import WorkerPoolError
from redress_local.template_values import ACCOUNT, REGION

SYNC_LIMIT = 6 * 1024 * 1024
ASYNC_LIMIT = 1024 * 1024
"""AWS's limit of an asynchronous payload, in bytes, as botocore's model documents it."""

_DEFAULT_CONFIG = EventInvokeConfig()
_log = logging.getLogger(__name__)


class LambdaService:
    """Functions, their invocation, and what feeds them. Thread-safe.

    Args:
        pool: Runs functions; whoever made it closes it.
        sender: Carries records of asynchronous invocations to queues and buses.
        sqs_client: Gives a boto3 SQS client for event source mappings; called on first use.
        time_factor: What waits between asynchronous attempts are multiplied by; 1 is AWS's pace.
        concurrency: Invocations of the account that may run at once.
        poll_seconds: Of one long poll of a queue.
    """

    def __init__(
        self,
        pool: Invoker,
        *,
        sender: Sender | None = None,
        sqs_client: Callable[[], Any] | None = None,
        time_factor: float = LOCAL_TIME_FACTOR,
        concurrency: int = ACCOUNT_CONCURRENCY,
        account: str = ACCOUNT,
        region: str = REGION,
        poll_seconds: int = 1,
    ) -> None:
        self.account, self.region = account, region
        self.concurrency = Concurrency(concurrency)
        self.registry = Registry(account, region)
        self._pool = pool
        self._sources = EventSources(self.function, self.invoke, sqs_client, poll_seconds)
        invocation = AsyncInvocation(
            invoke=self._invoke_event,
            function=self.function,
            config=self.event_invoke_config,
            enqueue=self.invoke_async,
            sender=sender,
        )
        self._queue = AsyncQueue(invocation.attempt, time_factor=time_factor)

    # --- functions ---

    def create_function(
        self, spec: FunctionSpec, *, tags: Mapping[str, str] | None = None
    ) -> Entry:
        """Add a function.

        Raises:
            ConflictError: There is one of this name.
            InvalidParameterError: What it reserves would leave the others too little, or its
                dead-letter queue is none.
        """
        _check_dead_letter(spec)
        entry = Entry(spec=spec, tags=dict(tags or {}))
        self.registry.add(entry)
        if spec.reserved_concurrency is not None:
            try:
                self.concurrency.reserve(spec.name, spec.reserved_concurrency)
            except InvalidParameterError:
                self.registry.remove(spec.name)
                raise
        return entry

    def function(self, name_or_arn: str) -> FunctionSpec:
        """A function's specification.

        Raises:
            FunctionNotFoundError: There is none.
        """
        return self.registry.find(name_or_arn).spec

    def functions(self) -> list[FunctionSpec]:
        """Every function, by name."""
        return [entry.spec for entry in self.registry.all()]

    def update_function(self, name_or_arn: str, **changes: Any) -> FunctionSpec:
        """Change fields of a function's specification; its warm workers go.

        Raises:
            FunctionNotFoundError: There is none.
        """
        spec = self.registry.update(name_or_arn, changes, _check_dead_letter)
        self._pool.discard(spec.name)
        return spec

    def delete_function(self, name_or_arn: str) -> None:
        """Remove a function; mappings to it stay, as in AWS, and find nothing to invoke.

        Raises:
            FunctionNotFoundError: There is none.
        """
        entry = self.registry.remove(name_or_arn)
        self.concurrency.release(entry.spec.name)
        self._pool.discard(entry.spec.name)

    def put_function_concurrency(self, name_or_arn: str, reserved: int | None) -> None:
        """Reserve concurrency for a function; None gives it back and 0 throttles everything."""
        spec = self.function(name_or_arn)
        if reserved is None:
            self.concurrency.release(spec.name)
        else:
            self.concurrency.reserve(spec.name, reserved)
        self.registry.update(spec.name, {"reserved_concurrency": reserved})

    # --- invocation ---

    def invoke(
        self,
        name_or_arn: str,
        payload: bytes,
        *,
        client_context: str | None = None,
        trace_id: str | None = None,
        request_id: str | None = None,
    ) -> Outcome:
        """Run a function and wait for its answer (RequestResponse).

        Raises:
            FunctionNotFoundError: There is none.
            ThrottledError: No concurrency is left.
            InvalidPayloadError: The payload is not JSON.
            PayloadTooLargeError: It is over 6 MB.
        """
        entry = self.registry.find(name_or_arn)
        payload = check_payload(payload, SYNC_LIMIT, "RequestResponse")
        return self._run(
            entry,
            payload,
            client_context=client_context,
            trace_id=trace_id,
            request_id=request_id,
        )

    def invoke_async(self, name_or_arn: str, payload: bytes, *, trace_id: str | None = None) -> str:
        """Accept an event for a function (Event) and return its request id.

        Raises:
            FunctionNotFoundError: There is none.
            InvalidPayloadError: The payload is not JSON.
            PayloadTooLargeError: It is over 1 MB.
        """
        spec = self.registry.find(name_or_arn).spec
        payload = check_payload(payload, ASYNC_LIMIT, "Event")
        request_id = str(uuid.uuid4())
        self._queue.put(
            AsyncEvent(
                function=spec.name,
                payload=payload,
                request_id=request_id,
                accepted=time.monotonic(),
                trace_id=trace_id,
            )
        )
        return request_id

    def _invoke_event(self, event: AsyncEvent) -> Outcome:
        entry = self.registry.find(event.function)
        return self._run(entry, event.payload, trace_id=event.trace_id, request_id=event.request_id)

    def _run(self, entry: Entry, payload: bytes, **more: str | None) -> Outcome:
        spec = entry.run or entry.spec
        with self.concurrency.slot(spec.name):
            try:
                return self._pool.invoke(spec, payload, **more)
            except PoolExhaustedError as error:
                # This machine's own limit, below the account's.
                _log.warning("%s is throttled: %s", spec.name, error)
                raise ThrottledError("ConcurrentInvocationLimitExceeded") from error
            except (WorkerPoolError, LayerError) as error:
                raise LambdaServiceError(f"{spec.name} cannot be run: {error}") from error

    def wait_for_events(self, timeout: float) -> bool:
        """Wait until every asynchronous event is done with; False after `timeout` seconds."""
        return self._queue.join(timeout)

    def task_invoker(self) -> TaskInvoker:
        """What the ASL engine calls functions with."""
        return task_invoker(self.invoke)

    def task_caller(self) -> TaskCaller:
        """What the ASL engine makes other calls with: events, dry runs, with a client context."""
        return task_caller(self)

    # --- asynchronous configuration ---

    def event_invoke_config(self, name_or_arn: str) -> EventInvokeConfig:
        """What holds for a function's asynchronous events, AWS's defaults included."""
        return self.registry.find(name_or_arn).event_config or _DEFAULT_CONFIG

    def put_event_invoke_config(
        self, name_or_arn: str, config: EventInvokeConfig | None
    ) -> EventInvokeConfig:
        """Say what happens to a function's asynchronous events; None goes back to the defaults.

        Raises:
            FunctionNotFoundError: There is no such function.
            InvalidParameterError: AWS, or the local cloud, does not take it.
        """
        entry = self.registry.find(name_or_arn)
        if config is not None:
            config.check()
        entry.event_config = config
        return config or _DEFAULT_CONFIG

    # --- event source mappings ---

    def create_event_source_mapping(self, mapping: EventSourceMapping) -> EventSourceMapping:
        """Feed a function from a queue; `mapping.function` may be an ARN.

        Raises:
            FunctionNotFoundError: There is no such function.
            ConflictError: The queue feeds it already.
            InvalidParameterError: AWS, or the local cloud, does not take it.
        """
        return self._sources.create(mapping)

    def event_source_mapping(self, identifier: str) -> EventSourceMapping:
        """A mapping by its UUID.

        Raises:
            FunctionNotFoundError: There is none.
        """
        return self._sources.get(identifier)

    def event_source_mappings(self) -> list[EventSourceMapping]:
        """Every mapping, in the order they were made."""
        return self._sources.all()

    def update_event_source_mapping(self, identifier: str, **changes: Any) -> EventSourceMapping:
        """Change a mapping; polling goes on as it now says.

        Raises:
            FunctionNotFoundError: There is none.
            InvalidParameterError: AWS, or the local cloud, does not take the change.
        """
        return self._sources.update(identifier, **changes)

    def delete_event_source_mapping(self, identifier: str) -> EventSourceMapping:
        """Stop a mapping and forget it.

        Raises:
            FunctionNotFoundError: There is none.
        """
        return self._sources.delete(identifier)

    def last_processing_result(self, identifier: str) -> str:
        """What became of a mapping's last batch, in Lambda's words."""
        return self._sources.last_processing_result(identifier)

    def close(self) -> None:
        """Stop the pollers and the queue of asynchronous events at once; the pool stays."""
        self._sources.close()
        self._queue.close()


def _check_dead_letter(spec: FunctionSpec) -> None:
    if spec.dead_letter_arn and service_of(spec.dead_letter_arn) != "sqs":
        raise InvalidParameterError(
            f"The provided target ARN is not a queue: {spec.dead_letter_arn}"
        )
