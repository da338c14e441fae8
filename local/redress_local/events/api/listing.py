"""Lists by NamePrefix in pages of NextToken and Limit."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

from asl_engine.api.protocol import ApiError

T = TypeVar("T")
DEFAULT_LIMIT = 100


def page(
    request: dict[str, Any], items: Iterable[T], key: Callable[[T], str]
) -> tuple[list[T], dict[str, str]]:
    """A page of items in the order of their keys, which are unique.

    Args:
        request: NamePrefix, NextToken and Limit, where given.
        items: All that there is.
        key: The item's name.

    Returns:
        The items, and NextToken where there are more.

    Raises:
        ApiError: The token is none of ours.
    """
    prefix: str = request.get("NamePrefix") or ""
    after = _read(request.get("NextToken"))
    limit: int = request.get("Limit") or DEFAULT_LIMIT
    left = sorted(
        (item for item in items if key(item).startswith(prefix) and key(item) > after), key=key
    )
    found = left[:limit]
    more = {"NextToken": _write(key(found[-1]))} if len(left) > limit else {}
    return found, more


def _write(key: str) -> str:
    return base64.urlsafe_b64encode(b"after:" + key.encode()).decode()


def _read(token: str | None) -> str:
    if token is None:
        return ""
    try:
        text = base64.b64decode(token, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        text = ""
    marker, _, key = text.partition(":")
    if marker != "after":
        raise ApiError("InvalidToken", "the NextToken is not one that this list gave")
    return key
