"""REST JSON over botocore's model of a service: routes, typed input, typed output, errors."""

from __future__ import annotations

import functools
import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple
from urllib.parse import parse_qs, unquote

import msgspec

from redress_local.lambda_service.errors import InvalidParameterError, LambdaServiceError

Query = str | Mapping[str, str | Sequence[str]]
Operation = Callable[[dict[str, Any]], Mapping[str, Any]]

_JSON_TYPES: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "integer": (int,),
    "long": (int,),
    "boolean": (bool,),
    "double": (int, float),
    "list": (list,),
    "map": (dict,),
    "structure": (dict,),
}


class RestAnswer(NamedTuple):
    """An HTTP answer."""

    status: int
    headers: dict[str, str]
    body: bytes


class Route(NamedTuple):
    """One operation: its method, path, model and code."""

    method: str
    pattern: re.Pattern[str]
    model: Any
    run: Operation


@functools.cache
def service_model(service: str) -> Any:
    """Botocore's model of a service; loaded once."""
    from botocore.session import get_session

    return get_session().get_service_model(service)


class RestService:
    """Routes requests to operations, with input checked against the service's model.

    Args:
        service: botocore's name of it.
        operations: By AWS's names, from checked input to output.
    """

    def __init__(self, service: str, operations: Mapping[str, Operation]) -> None:
        self._model = service_model(service)
        self._routes = [self._route(name, run) for name, run in operations.items()]

    def _route(self, name: str, run: Operation) -> Route:
        model = self._model.operation_model(name)
        path = model.http["requestUri"].partition("?")[0].rstrip("/")
        pattern = re.sub(r"\\\{(\w+)\\?\+?\\\}", r"(?P<\1>[^/]+)", re.escape(path))
        return Route(model.http["method"], re.compile(pattern + "/?"), model, run)

    def handle(
        self, method: str, path: str, query: Query, headers: Mapping[str, str], body: bytes
    ) -> RestAnswer:
        """Answer a request; never raises.

        Args:
            method: Of HTTP.
            path: Percent-encoded or not.
            query: The raw query string, or its parameters.
            headers: Any case.
            body: As it came.
        """
        try:
            for route in self._routes:
                match = route.pattern.fullmatch(path) if route.method == method else None
                if match is not None:
                    found = {name: unquote(value) for name, value in match.groupdict().items()}
                    values = _input(route.model, found, query, headers, body)
                    return self._success(route, route.run(values))
            if any(route.pattern.fullmatch(path) for route in self._routes):
                return failure(UnknownOperationError(f"{method} is not allowed on {path}", 405))
            return failure(UnknownOperationError(f"{method} {path} is not an operation here", 404))
        except LambdaServiceError as error:
            return failure(error)

    def _success(self, route: Route, output: Mapping[str, Any]) -> RestAnswer:
        shape = route.model.output_shape
        status = int(route.model.http.get("responseCode", 200))
        if shape is None or status == 204:
            return answer(status, b"")
        return answer(status, msgspec.json.encode(output, enc_hook=_timestamp))


class UnknownOperationError(LambdaServiceError):
    """A request that is no operation, or none that the local cloud knows."""

    code = "UnknownOperationException"
    kind = "User"

    def __init__(self, message: str, status: int) -> None:
        self.status = status
        super().__init__(message)


def answer(status: int, body: bytes, **headers: str) -> RestAnswer:
    """An answer with a request id of its own, unless a header gives one."""
    found = {
        "content-type": "application/json",
        "x-amzn-requestid": str(uuid.uuid4()),
        **{name.replace("_", "-"): value for name, value in headers.items()},
    }
    return RestAnswer(status, found, body)


def failure(error: LambdaServiceError) -> RestAnswer:
    """An error in the shape of AWS's REST services."""
    # AWS spells the key either way, by error; clients read both.
    key = "message" if error.status in {413, 429} or error.code.startswith("Invalid") else "Message"
    body = {"Type": error.kind, key: str(error), **error.fields()}
    return answer(error.status, msgspec.json.encode(body), x_amzn_errortype=error.code)


def parameters(query: Query) -> dict[str, list[str]]:
    """The parameters of a query, each with all its values."""
    if isinstance(query, str):
        return parse_qs(query.lstrip("?"), keep_blank_values=True)
    return {
        name: [value] if isinstance(value, str) else list(value) for name, value in query.items()
    }


def _input(
    model: Any, found: Mapping[str, str], query: Query, headers: Mapping[str, str], body: bytes
) -> dict[str, Any]:
    shape = model.input_shape
    if shape is None:
        return {}
    values: dict[str, Any] = {}
    given = parameters(query)
    lowered = {name.lower(): value for name, value in headers.items()}
    payload = _object(body)
    for name, member in shape.members.items():
        place = member.serialization.get("location")
        wire = member.serialization.get("name", name)
        if place == "uri":
            values[name] = found.get(wire)
        elif place == "querystring" and wire in given:
            many = [_scalar(member, name, each) for each in given[wire]]
            values[name] = many if member.type_name == "list" else many[-1]
        elif place == "header" and wire.lower() in lowered:
            values[name] = lowered[wire.lower()]
        elif place is None and payload.get(wire) is not None:
            values[name] = payload[wire]
    for name in shape.required_members:
        if values.get(name) is None:
            raise InvalidParameterError(f"1 validation error detected: {name} must not be null")
    for name, value in values.items():
        _check(shape.members[name], name, value)
    return values


def _object(body: bytes) -> dict[str, Any]:
    if not body.strip():
        return {}
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise SerializationError(f"Could not parse request body into json: {error}") from None
    if not isinstance(value, dict):
        raise SerializationError("The request body must be a JSON object")
    return value


class SerializationError(LambdaServiceError):
    """A request that is not JSON, or of other types than the operation takes."""

    code = "SerializationException"
    status = 400
    kind = "User"


def _scalar(member: Any, name: str, text: str) -> Any:
    if member.type_name in {"integer", "long"}:
        try:
            return int(text)
        except ValueError:
            raise InvalidParameterError(f"{name} must be a number, not {text[:40]!r}") from None
    return text == "true" if member.type_name == "boolean" else text


def _check(shape: Any, place: str, value: Any) -> None:
    """Hold a value to its shape: type, range, length, pattern, enumeration, required members."""
    kind = shape.type_name
    wanted = _JSON_TYPES.get(kind)
    if wanted and (
        not isinstance(value, wanted) or (isinstance(value, bool) and kind != "boolean")
    ):
        raise SerializationError(f"{place} must be of type {kind}")
    if kind == "structure":
        for name in shape.required_members:
            if value.get(name) is None:
                raise InvalidParameterError(f"{place}.{name} must not be null")
        for name, member in shape.members.items():
            if value.get(name) is not None:
                _check(member, f"{place}.{name}", value[name])
    elif kind == "list":
        _range(shape, place, len(value), "length")
        for index, item in enumerate(value):
            _check(shape.member, f"{place}.{index + 1}.member", item)
    elif kind == "map":
        for key, item in value.items():
            _check(shape.key, f"{place}.{key}", key)
            _check(shape.value, f"{place}.{key}", item)
    elif kind == "string":
        _text(shape, place, value)
    elif kind in {"integer", "long"}:
        _range(shape, place, value, "value")


def _range(shape: Any, place: str, number: int, what: str) -> None:
    low, high = shape.metadata.get("min"), shape.metadata.get("max")
    if low is not None and number < low:
        raise InvalidParameterError(
            f"1 validation error detected: Value at '{place}' failed to satisfy constraint: "
            f"Member must have {what} greater than or equal to {low}"
        )
    if high is not None and number > high:
        raise InvalidParameterError(
            f"1 validation error detected: Value at '{place}' failed to satisfy constraint: "
            f"Member must have {what} less than or equal to {high}"
        )


def _text(shape: Any, place: str, value: str) -> None:
    _range(shape, place, len(value), "length")
    enum = getattr(shape, "enum", None)
    if enum and value not in enum:
        raise InvalidParameterError(
            f"1 validation error detected: Value '{value[:80]}' at '{place}' failed to satisfy "
            f"constraint: Member must satisfy enum value set: [{', '.join(enum)}]"
        )
    pattern = shape.metadata.get("pattern")
    if pattern and (compiled := _pattern(pattern)) and not compiled.fullmatch(value):
        raise InvalidParameterError(
            f"1 validation error detected: Value '{value[:80]}' at '{place}' failed to satisfy "
            f"constraint: Member must satisfy regular expression pattern: {pattern}"
        )


@functools.cache
def _pattern(pattern: str) -> re.Pattern[str] | None:
    try:
        return re.compile(pattern)
    except re.error:
        # Java's dialect has what Python's lacks: such a pattern is not checked.
        return None


def _timestamp(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.timestamp()
    raise TypeError(f"{type(value).__name__} is not JSON")
