"""Building blocks of the agents' tools: schemas, typed errors and the tool that concludes."""

from collections.abc import Callable
from typing import Any, get_args

import msgspec

from redress.agents.contract import LINE_REASONS, PAYMENT_REASONS
from redress.errors import FinalError
from redress.models.investigation import ActionKind, FindingCode

FINDINGS = list(get_args(FindingCode))
ACTIONS = list(get_args(ActionKind))
REASONS = [*PAYMENT_REASONS, *LINE_REASONS]

ACTIONS_SCHEMA: dict[str, Any] = {
    "type": "array",
    "items": {
        "type": "object",
        "properties": {
            "action": {"enum": ACTIONS},
            "subject_id": {"type": "string"},
            "reason_code": {"enum": REASONS},
        },
        "required": ["action", "subject_id", "reason_code"],
    },
    "description": "empty if nothing is owed; subject_id: payment or line id",
}

_CONCLUDE_PROPERTIES: dict[str, Any] = {
    "conclusive": {"type": "boolean", "description": "false: evidence is missing or conflicts"},
    "findings": {
        "type": "array",
        "items": {"enum": FINDINGS},
        "description": "what looked wrong and is not",
    },
    "citations": {
        "type": "array",
        "items": {"type": "string"},
        "description": "evidence ids and passage ids relied on",
    },
    "explanation": {"type": "string", "description": "for the customer, plain and short"},
    "program": {"type": "string", "description": "the reconciliation program"},
}


def conclude_schema(with_actions: bool) -> dict[str, Any]:
    """Return the input schema of `conclude`; actions are left out where other tools record them."""
    properties = dict(_CONCLUDE_PROPERTIES)
    if with_actions:
        properties = {"actions": ACTIONS_SCHEMA, **properties}
    return {"json": {"type": "object", "properties": properties, "required": list(properties)}}


def ok(value: Any) -> dict[str, Any]:
    """Return a tool result: compact JSON text."""
    return {"status": "success", "content": [{"text": msgspec.json.encode(value).decode()}]}


def failed(error: FinalError) -> dict[str, Any]:
    """Return a typed tool error that the model can act on."""
    return {
        "status": "error",
        "content": [
            {
                "text": msgspec.json.encode(
                    {"error": type(error).__name__, "message": str(error)}
                ).decode()
            }
        ],
    }


class Conclusions:
    """Takes the answers of one run: keeps the first that holds the contract and ends the loop.

    Attributes:
        accepted: What `accept` made of the answer; None until then.
        refusal: Why the last answer was refused.
        stop: Ends the agent's loop after the current tools; set once the agent exists.
    """

    def __init__(self, accept: Callable[[Any], Any], tries: int = 1) -> None:
        self._accept = accept
        self._tries = tries
        self._refused = 0
        self.accepted: Any = None
        self.refusal: FinalError | None = None
        self.stop: Callable[[], None] = lambda: None

    def take(self, arguments: Any) -> dict[str, Any]:
        """Return the tool's result for what a model passed to `conclude`."""
        if self.accepted is not None:
            return failed(FinalError("the case is concluded"))
        try:
            self.accepted = self._accept(arguments)
        except FinalError as error:
            self.refusal = error
            self._refused += 1
            if self._refused >= self._tries:
                self.stop()
            return failed(error)
        self.stop()
        return ok({"accepted": True})
