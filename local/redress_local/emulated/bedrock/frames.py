"""Messages of application/vnd.amazon.eventstream, in which Bedrock streams."""

from __future__ import annotations

import binascii
import struct
from typing import Any

import msgspec

CONTENT_TYPE = "application/vnd.amazon.eventstream"
_STRING = 7


def event(kind: str, payload: dict[str, Any]) -> bytes:
    """Return the message of one event: `contentBlockDelta`."""
    return _message({":event-type": kind, ":message-type": "event"}, payload)


def exception(kind: str, payload: dict[str, Any]) -> bytes:
    """Return the message of an error that ends a stream: `throttlingException`."""
    return _message({":exception-type": kind, ":message-type": "exception"}, payload)


def _message(headers: dict[str, str], payload: dict[str, Any]) -> bytes:
    return encode({**headers, ":content-type": "application/json"}, msgspec.json.encode(payload))


def encode(headers: dict[str, str], payload: bytes) -> bytes:
    """Return one message: lengths, their CRC, headers of type string, payload, CRC of all."""
    packed = b""
    for name, value in headers.items():
        key, text = name.encode(), value.encode()
        packed += struct.pack(f"!B{len(key)}sBH", len(key), key, _STRING, len(text)) + text
    prelude = struct.pack("!II", len(packed) + len(payload) + 16, len(packed))
    message = prelude + struct.pack("!I", binascii.crc32(prelude)) + packed + payload
    return message + struct.pack("!I", binascii.crc32(message))
