"""What functions log: fixed messages with fields, never payloads, prompts or tokens.

In Lambda the runtime itself turns these records and their fields into JSON (`LogFormat: JSON`),
request id included, and sets the level (`ApplicationLogLevel`); a logging library would cost each
cold start 0.12 s of CPU for the same lines. Elsewhere the logger stays silent until its user adds
a handler.
"""

import logging
import re
from collections.abc import Callable
from functools import wraps
from time import perf_counter
from typing import Any

from redress.errors import RedressError

logger = logging.getLogger("redress")
logger.addHandler(logging.NullHandler())
# At INFO it tells each start where it found its credentials.
logging.getLogger("botocore").setLevel(logging.WARNING)

Handler = Callable[[dict[str, Any], object], Any]

_CASE_ID = re.compile(r"[\w.:\-]{1,128}", re.ASCII)
_WORD_START = re.compile(r"(?<!^)(?=[A-Z])")
_HOLDERS = ("case", "ruling", "detail")


def logged(handler: Handler) -> Handler:
    """Log start, end and error of a Lambda handler, with case id and duration.

    The function goes by the first word of its module's docstring, in snake case.

    A `RedressError` is an answer that the state machine expects, hence a warning with its class
    only; its message may quote input. Anything else is an error.
    """
    # "IssueRefund: money back ...": the same wherever the file lies, which in AWS is /var/task.
    title = (handler.__globals__["__doc__"] or "").partition(":")[0]
    function = _WORD_START.sub("_", title).lower()

    @wraps(handler)
    def wrapper(event: dict[str, Any], context: object) -> Any:
        if not logger.isEnabledFor(logging.WARNING):
            return handler(event, context)
        fields: dict[str, Any] = {"function": function, "case_id": case_id(event)}
        started = perf_counter()
        logger.info("function started", extra=fields)
        try:
            answer = handler(event, context)
        except RedressError as error:
            fields |= {"duration_ms": _since(started), "error": type(error).__name__}
            logger.warning("function refused", extra=fields)
            raise
        except Exception as error:
            # The boundary to the platform: it is logged and raised on, never swallowed.
            fields |= {"duration_ms": _since(started), "error": type(error).__name__}
            logger.error("function failed", extra=fields)
            raise
        logger.info("function finished", extra=fields | {"duration_ms": _since(started)})
        return answer

    return wrapper


def case_id(event: Any) -> str | None:
    """Find the id of the case that an input is about; None where there is none or it is odd."""
    if not isinstance(event, dict):
        return None
    found = event.get("case_id")
    for holder in _HOLDERS:
        inner = event.get(holder)
        if found is None and isinstance(inner, dict):
            found = inner.get("case_id")
    if isinstance(found, str) and _CASE_ID.fullmatch(found):
        return found
    return None


def _since(started: float) -> int:
    return round((perf_counter() - started) * 1000)
