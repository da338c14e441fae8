"""Reads what a function returned as an HTTP answer: payload format 2.0."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any, NamedTuple

import msgspec

Headers = list[tuple[str, str]]
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_ILLEGAL = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
# The server frames the answer itself.
_HOP_BY_HOP = {"connection", "content-length", "keep-alive", "transfer-encoding", "upgrade"}
_DEFAULT_TYPE = "text/plain;charset=UTF-8"


class MalformedAnswerError(Exception):
    """The function returned what is no answer."""


class HttpAnswer(NamedTuple):
    """A status, headers with lower case names (a name may come twice) and the body."""

    status: int
    headers: Headers
    body: bytes


def message(status: int, text: str) -> HttpAnswer:
    """An answer of the gateway itself."""
    body = msgspec.json.encode({"message": text})
    return HttpAnswer(status, [("content-type", "application/json")], body)


def read_answer(payload: bytes) -> HttpAnswer:
    """The answer that a function's payload means.

    An object with a statusCode says all; any other JSON is the body of a 200.

    Raises:
        MalformedAnswerError: It is no JSON, or a field has the wrong type.
    """
    try:
        value = msgspec.json.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise MalformedAnswerError("not JSON") from error
    if not isinstance(value, dict) or "statusCode" not in value:
        body = value.encode() if isinstance(value, str) else payload
        return HttpAnswer(200, [("content-type", "application/json")], body)
    headers = _headers(value.get("headers"))
    if not any(name == "content-type" for name, _ in headers):
        headers.append(("content-type", _DEFAULT_TYPE))
    headers += [("set-cookie", cookie) for cookie in _cookies(value.get("cookies"))]
    return HttpAnswer(_status(value["statusCode"]), headers, _body(value))


def _status(value: Any) -> int:
    if isinstance(value, str) and re.fullmatch(r"[0-9]{3}", value):
        value = int(value)
    if type(value) is not int or not 200 <= value <= 599:
        raise MalformedAnswerError(f"statusCode {value!r:.40}")
    return value


def _headers(value: Any) -> Headers:
    if value is None:
        return []
    if not isinstance(value, dict):
        raise MalformedAnswerError("headers is no object")
    headers: Headers = []
    for name, item in value.items():
        if isinstance(item, bool):
            text = str(item).lower()
        elif isinstance(item, (str, int, float)):
            text = str(item)
        else:
            raise MalformedAnswerError(f"header {name!r:.40} is no text")
        if not _TOKEN.fullmatch(name) or _ILLEGAL.search(text):
            raise MalformedAnswerError(f"header {name!r:.40} holds illegal characters")
        if name.lower() not in _HOP_BY_HOP:
            headers.append((name.lower(), text))
    return headers


def _cookies(value: Any) -> list[str]:
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise MalformedAnswerError("cookies is no list of texts")
    if any(_ILLEGAL.search(item) for item in value):
        raise MalformedAnswerError("a cookie holds illegal characters")
    return value


def _body(value: dict[str, Any]) -> bytes:
    body = value.get("body")
    encoded = value.get("isBase64Encoded", False)
    if body is None:
        return b""
    if not isinstance(body, str) or encoded not in (True, False, None):
        raise MalformedAnswerError("body is no text")
    if not encoded:
        return body.encode()
    try:
        return base64.b64decode(body, validate=True)
    except (binascii.Error, ValueError) as error:
        raise MalformedAnswerError("body is not base64") from error
