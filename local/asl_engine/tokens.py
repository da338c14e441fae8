"""Task tokens: made by the engine, answered by whoever was given one."""

from __future__ import annotations

import base64
import binascii
import uuid
from typing import TYPE_CHECKING

from asl_engine.errors import TaskTokenError
from asl_engine.runtime import Phase, Track

if TYPE_CHECKING:
    from asl_engine.core import Core


def make_token(execution_arn: str) -> str:
    """A token that nobody can guess; the engine reads from it whose it is."""
    secret = uuid.uuid4().hex + uuid.uuid4().hex
    return base64.urlsafe_b64encode(f"{execution_arn}#{secret}".encode()).decode()


def waiting_track(core: Core, token: str) -> Track:
    """The track that waits on a token.

    Raises:
        TaskTokenError: None does, and why.
    """
    track = core.tokens.get(token)
    if track is None:
        raise _refusal(core, token)
    return track


def check_waiting(track: Track, token: str) -> None:
    """Check, with the execution's lock held, that a track still waits on a token.

    Raises:
        TaskTokenError: It does not.
    """
    waits = track.phase in (Phase.CALLING, Phase.SUBMITTED) and track.token == token
    if not waits or track.dead or track.execution.done:
        raise TaskTokenError("TaskTimedOut", "no task waits on this token any more")


def _refusal(core: Core, token: str) -> TaskTokenError:
    try:
        arn, mark, secret = base64.urlsafe_b64decode(token.encode()).decode().rpartition("#")
    except (binascii.Error, UnicodeError, ValueError):
        arn = mark = secret = ""
    if not mark or len(secret) != 64 or not arn.startswith("arn:"):
        return TaskTokenError("InvalidToken", "this is not a task token")
    record = core.journal.record(arn)
    if record is not None:
        for _, events in core.journal.batches(record.key):
            for event in events:
                if event.details is not None and event.details.get("_token") == token:
                    return TaskTokenError("TaskTimedOut", "no task waits on this token any more")
    return TaskTokenError("TaskDoesNotExist", "no task was given this token")
