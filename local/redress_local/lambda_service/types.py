"""What a Lambda function is here, and what one invocation of it gives."""

from pathlib import Path
from typing import Final, Protocol

import msgspec

LATEST: Final = "$LATEST"
"""The one version (and qualifier) that functions have here."""

DEFAULT_TIMEOUT: Final = 3
DEFAULT_MEMORY_MB: Final = 128


class FunctionSpec(msgspec.Struct, frozen=True, kw_only=True):
    """One function's code and configuration, with every reference already resolved.

    Attributes:
        name: The function's name, as `FunctionName` gives it.
        arn: Its unqualified ARN.
        code: The folder that holds the handler's module.
        handler: `module.function`, such as `handler.handler`.
        runtime: AWS's identifier of the runtime.
        environment: The function's own variables; nothing of the host's is added to them.
        timeout: Seconds that one invocation may take.
        memory_mb: The limit of the process's memory, in MB.
        layers: Folders of the layers, each with `python/` inside, in the order that the template
            gives them.
        log_group: The log group that its lines go to.
        reserved_concurrency: How many invocations may run at once; None means no reservation and
            0 that every invocation is throttled.
        access_key_id: What the function signs its AWS calls with, so that the gateway knows who
            calls.
        log_format: `JSON` or `Text`, from `LoggingConfig`.
        application_log_level: `LoggingConfig.ApplicationLogLevel`; JSON format only.
        system_log_level: `LoggingConfig.SystemLogLevel`; JSON format only.
        role: The ARN of its execution role.
        dead_letter_arn: The queue of `DeadLetterConfig`.
        tracing: `Active` or `PassThrough`.
        logical_id: The template's name of it, "" for a function that no template made.
    """

    name: str
    arn: str
    code: Path
    handler: str
    runtime: str = "python3.13"
    environment: dict[str, str] = {}
    timeout: int = DEFAULT_TIMEOUT
    memory_mb: int = DEFAULT_MEMORY_MB
    layers: tuple[Path, ...] = ()
    log_group: str = ""
    reserved_concurrency: int | None = None
    access_key_id: str = "test"
    description: str = ""
    log_format: str = "Text"
    application_log_level: str | None = None
    system_log_level: str | None = None
    role: str = ""
    architectures: tuple[str, ...] = ("x86_64",)
    dead_letter_arn: str | None = None
    tracing: str = "PassThrough"
    logical_id: str = ""


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What one invocation gave.

    Attributes:
        payload: The function's answer as JSON; for a failed one `errorType`, `errorMessage` and
            `stackTrace` as the runtime reports them.
        function_error: None when the function returned, `Unhandled` when it did not.
        log_tail: The last 4 KB of the log lines, not encoded.
        request_id: The id that the function saw as `aws_request_id`.
        duration_ms: Time in the handler, in milliseconds.
        init_ms: Time of the init phase when this invocation began a worker, else None.
        max_memory_mb: The process's peak memory so far, in MB.
    """

    payload: bytes
    function_error: str | None = None
    log_tail: bytes = b""
    request_id: str = ""
    duration_ms: float = 0.0
    init_ms: float | None = None
    max_memory_mb: int = 0


class Invoker(Protocol):
    """What runs functions: the worker pool, or what stands in for it."""

    def invoke(
        self,
        spec: FunctionSpec,
        payload: bytes,
        *,
        client_context: str | None = None,
        trace_id: str | None = None,
        request_id: str | None = None,
    ) -> Outcome:
        """Run a function once and wait for its end.

        Args:
            spec: The function.
            payload: The event, JSON.
            client_context: JSON for `context.client_context`.
            trace_id: What goes into `_X_AMZN_TRACE_ID`.
            request_id: What the function sees as `aws_request_id`; the retries of an
                asynchronous event keep theirs. None makes a new one.
        """
        ...

    def discard(self, name: str) -> None:
        """Forget a function's warm workers, since its code or configuration changed."""
        ...
