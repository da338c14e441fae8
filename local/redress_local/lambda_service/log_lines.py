"""What a log record says, whether its function logs text or JSON."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import msgspec

_TEXT_LINE = re.compile(
    r"\[(?P<level>[A-Z]+)\]\t(?P<time>\S+)\t(?P<request>[0-9a-f-]{36})?\t(?P<message>.*)", re.DOTALL
)
_REQUEST = re.compile(r"RequestId: ([0-9a-f-]{36})")


class Line(msgspec.Struct, frozen=True, kw_only=True):
    """One record as it is shown."""

    time: str
    level: str
    message: str
    request_id: str


def parse(record: dict[str, Any]) -> Line:
    """What a record says, whichever format its function logs in."""
    message = record["message"].rstrip("\n")
    at = datetime.fromtimestamp(record["timestamp"] / 1000, UTC).isoformat(timespec="milliseconds")
    try:
        document = msgspec.json.decode(message)
    except (msgspec.DecodeError, RecursionError):
        document = None
    if isinstance(document, dict):
        return _parse_json(document, at, message)
    if match := _TEXT_LINE.fullmatch(message):
        return Line(
            time=match["time"],
            level=match["level"],
            message=match["message"],
            request_id=match["request"] or "",
        )
    request = _REQUEST.search(message)
    return Line(time=at, level="", message=message, request_id=request.group(1) if request else "")


def _parse_json(document: dict[str, Any], at: str, message: str) -> Line:
    body = document.get("record")
    if isinstance(document.get("type"), str) and isinstance(body, dict):
        words = [document["type"]]
        words.extend(str(body[key]) for key in ("status", "errorType") if body.get(key))
        metrics = body.get("metrics")
        if isinstance(metrics, dict) and "durationMs" in metrics:
            words.append(f"{metrics['durationMs']} ms")
        level = "" if body.get("status", "success") == "success" else "WARN"
        return Line(
            time=str(document.get("time") or at),
            level=level,
            message=" ".join(words),
            request_id=str(body.get("requestId") or ""),
        )
    text = _text(document, message)
    request = document.get("requestId") or document.get("function_request_id") or ""
    return Line(
        time=str(document.get("timestamp") or document.get("time") or at),
        level=str(document.get("level") or document.get("log_level") or ""),
        message=text,
        request_id=str(request),
    )


def _text(document: dict[str, Any], message: str) -> str:
    said = document.get("message")
    text = said if isinstance(said, str) or said is None else msgspec.json.encode(said).decode()
    error = ": ".join(
        str(document[key]) for key in ("errorType", "errorMessage") if document.get(key)
    )
    if not error:
        return message if text is None else text
    return error if text is None or text in error else f"{text} ({error})"
