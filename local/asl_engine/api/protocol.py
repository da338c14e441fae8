"""AWS JSON 1.0 and 1.1 over one botocore service model: one POST in, one answer out."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import msgspec

from asl_engine.api.shapes import read_input, service_model, write_output

_log = logging.getLogger(__name__)

Operation = Callable[[dict[str, Any]], Mapping[str, Any] | None]
"""Takes the checked members of a request (times as datetimes) and returns those of the answer."""


class ApiError(Exception):
    """An error that the caller of an API gets.

    Args:
        code: AWS's error code: `ExecutionDoesNotExist`.
        message: What is wrong, in a sentence.
        status: The HTTP status.
        extra: More fields of the error's body.
    """

    def __init__(self, code: str, message: str = "", *, status: int = 400, **extra: Any) -> None:
        self.code = code
        self.message = message
        self.status = status
        self.extra = extra
        super().__init__(f"{code}: {message}" if message else code)


class JsonAnswer(NamedTuple):
    """An HTTP answer; `headers` name the request and, for an error, its type."""

    status: int
    body: bytes
    headers: dict[str, str]


class JsonService:
    """Serves operations of one service; safe to call from any thread.

    A request is checked against the service model before an operation sees it: what is missing,
    of a wrong type or outside its limits is a `ValidationException`; a body that is no JSON object
    a `SerializationException`; an operation that is not served an `UnknownOperationException`.

    Args:
        service: botocore's name of the service: `stepfunctions`, `events`.
        operations: What runs, by AWS's name: `StartExecution`.
    """

    def __init__(self, service: str, operations: Mapping[str, Operation]) -> None:
        self.service = service
        self._operations = operations

    def handle(self, target: str, body: bytes) -> JsonAnswer:
        """Answer one request; never raises. It may block: call it in a thread.

        Args:
            target: The `X-Amz-Target` header: `AWSStepFunctions.StartExecution`.
            body: The request's body.
        """
        request_id = str(uuid.uuid4())
        try:
            answer = self._run(target, body)
            status, error, content = 200, None, write_output(answer or {})
            data = msgspec.json.encode(content)
        except ApiError as problem:
            status, error, data = problem.status, problem.code, _error_body(problem)
        except Exception:  # noqa: BLE001 - see below
            # The boundary to the network: a fault of ours is an answer too, and is logged.
            _log.exception("%s failed (request %s)", target[:200], request_id)
            failure = ApiError("InternalFailure", "the service failed; its log says why")
            status, error, data = 500, failure.code, _error_body(failure)
        headers = {
            "Content-Type": f"application/x-amz-json-{self.json_version}",
            "x-amzn-RequestId": request_id,
        }
        if error is not None:
            headers["x-amzn-ErrorType"] = error
        return JsonAnswer(status, data, headers)

    @property
    def json_version(self) -> str:
        """The service's version of AWS JSON: `1.0` or `1.1`."""
        return str(service_model(self.service).metadata.get("jsonVersion", "1.0"))

    def _run(self, target: str, body: bytes) -> Mapping[str, Any] | None:
        model = service_model(self.service)
        prefix, _, name = target.rpartition(".")
        operation = self._operations.get(name)
        if prefix != model.metadata["targetPrefix"] or operation is None:
            raise ApiError(
                "UnknownOperationException", f"the operation {target[:200]!r} is not served here"
            )
        shape = model.operation_model(name).input_shape
        members, problems = read_input(_object(body), shape)
        if problems:
            count = f"{len(problems)} validation error{'s' if len(problems) > 1 else ''} detected"
            raise ApiError("ValidationException", f"{count}: {'; '.join(problems)}")
        return operation(members)


def _object(body: bytes) -> Mapping[str, Any]:
    try:
        value = msgspec.json.decode(body or b"{}")
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ApiError("SerializationException", f"the body is not JSON: {error}") from None
    if not isinstance(value, dict):
        raise ApiError("SerializationException", "the body must be a JSON object")
    return value


def _error_body(error: ApiError) -> bytes:
    # Both spellings: SDKs read `message`, and some older ones only `Message`.
    body = {"__type": error.code, "message": error.message, "Message": error.message}
    return msgspec.json.encode(write_output({**body, **error.extra}))
