"""What Lambda takes as a payload."""

from __future__ import annotations

import msgspec

from redress_local.lambda_service.errors import InvalidPayloadError, PayloadTooLargeError


def check_payload(payload: bytes, limit: int, kind: str) -> bytes:
    """A payload that Lambda takes; none at all is an empty object.

    Args:
        payload: As it was sent.
        limit: Bytes.
        kind: The invocation type, for the message.

    Raises:
        InvalidPayloadError: It is not JSON.
        PayloadTooLargeError: It is over the limit.
    """
    if len(payload) > limit:
        raise PayloadTooLargeError(
            f"{len(payload)} byte payload is too large for the {kind} invocation type "
            f"(limit {limit} bytes)"
        )
    if not payload:
        return b"{}"
    try:
        # Raw checks the syntax and builds nothing; text must be UTF-8 nevertheless.
        msgspec.json.decode(payload, type=msgspec.Raw)
        payload.decode()
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidPayloadError(f"Could not parse request body into json: {error}") from None
    return payload
