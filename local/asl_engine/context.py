"""Evaluating a state's fields: `$states`, the context object and the errors they end in."""

from __future__ import annotations

from typing import Any

from asl_engine.clock import iso
from asl_engine.codec import encode
from asl_engine.errors import TaskError
from asl_engine.expressions import ExpressionError
from asl_engine.matching import QUERY_EVALUATION_ERROR
from asl_engine.program import Field
from asl_engine.runtime import Track

_SHOWN_CHARACTERS = 1_000
_RETRYING = frozenset({"Task", "Parallel", "Map"})


class EvaluationError(TaskError):
    """`States.QueryEvaluationError`, with the field that it happened in."""

    def __init__(self, location: str, cause: str) -> None:
        self.location = location
        super().__init__(QUERY_EVALUATION_ERROR, cause)


def context_object(track: Track) -> dict[str, Any]:
    """The context object as the track's current state sees it.

    `Map.Item` is not in it: like sfnx, which says so from measuring AWS, only a Map's
    ItemSelector has it.
    """
    execution = track.execution
    if execution.mocked_context is not None:
        return execution.mocked_context
    state: dict[str, Any] = {"EnteredTime": iso(track.entered_at), "Name": track.state.name}
    if track.state.type in _RETRYING:
        state["RetryCount"] = sum(track.attempts) if track.attempts else 0
    context: dict[str, Any] = {
        "Execution": execution.details,
        "State": state,
        "StateMachine": execution.start_context,
    }
    if track.token is not None:
        context["Task"] = {"Token": track.token}
    return context


class Scopes:
    """The bindings of one state's expressions; each part is built when it is needed."""

    __slots__ = ("_bindings", "_states", "track")

    def __init__(self, track: Track) -> None:
        self.track = track
        self._states: dict[str, Any] = {"input": track.input}
        self._bindings: dict[str, Any] | None = None

    def add(self, name: str, value: Any) -> None:
        """Put `result`, `errorOutput` or `context` into `$states`."""
        self._states[name] = value

    def evaluate(self, field: Field) -> Any:
        """The value of a field.

        Raises:
            EvaluationError: An expression failed or gave nothing.
        """
        if field.static:
            return field.value
        if self._bindings is None:
            self._bindings = {**self.track.variables, "states": self._states}
        if field.needs_context and "context" not in self._states:
            self._states["context"] = context_object(self.track)
        try:
            return field.template.evaluate(self._bindings)
        except ExpressionError as error:
            place = field.name + error.pointer
            message = (
                f"The JSONata expression '{error.expression}' specified for the field '{place}' "
                f"{error.reason.removesuffix('.')}."
            )
            raise failed(self.track, field, message, place) from None


def failed(track: Track, field: Field, message: str, place: str = "") -> EvaluationError:
    """An evaluation error in AWS's words; `place` is where in the field it happened."""
    return EvaluationError(
        place or field.name,
        f"An error occurred while executing the state '{track.state.name}' (entered at the "
        f"event id #{track.entered_event}). {message}",
    )


def wrong_type(track: Track, field: Field, wanted: str, value: Any) -> EvaluationError:
    """The error of an expression that gave a value of another type than its field takes."""
    source = str(field.template.value).removeprefix("{%").removesuffix("%}").strip()
    text = encode(value).decode()
    return failed(
        track,
        field,
        f"The JSONata expression '{source}' specified for the field '{field.name}' returned an "
        f"unexpected result type. Expected '{wanted}', but was '{_type_name(value)}' for value: "
        f"{text[:_SHOWN_CHARACTERS]}",
    )


def _type_name(value: Any) -> str:
    if value is None:
        return "null"
    names = {bool: "boolean", str: "string", dict: "object", list: "array"}
    return names.get(type(value), "number")


def number(track: Track, field: Field, value: Any, *, least: int = 0) -> int:
    """Check that a field came out as a number that it may be.

    Raises:
        EvaluationError: It did not.
    """
    if (
        isinstance(value, bool)
        or not isinstance(value, (int, float))
        or not least <= value < 2**53
        or value != int(value)
    ):
        raise failed(
            track,
            field,
            f"The field '{field.name}' must be a whole number of {least} or more, not "
            f"{value!r:.100}.",
        )
    return int(value)
