"""The ClientContext of an invocation: JSON in base64."""

from __future__ import annotations

import base64

import msgspec

from redress_local.lambda_service.errors import InvalidParameterError, InvalidPayloadError

_LIMIT = 3583


def client_context(encoded: str | None) -> str | None:
    """Read a client context as it was sent.

    Returns:
        It as JSON; None where there is none.

    Raises:
        InvalidParameterError: It is over 3,583 bytes of base64.
        InvalidPayloadError: It is not JSON in base64.
    """
    if not encoded:
        return None
    if len(encoded) > _LIMIT:
        raise InvalidParameterError(f"ClientContext is over {_LIMIT} bytes of base64")
    try:
        text = base64.b64decode(encoded, validate=True).decode()
    except ValueError:
        raise InvalidPayloadError("Client context must be a valid Base64-encoded string.") from None
    try:
        msgspec.json.decode(text, type=msgspec.Raw)
    except msgspec.DecodeError as error:
        raise InvalidPayloadError(f"Could not parse request body into json: {error}") from None
    return text
