"""Pages of lists: `maxResults` and `nextToken`."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar
from zlib import crc32

import msgspec

from asl_engine.api.protocol import ApiError

T = TypeVar("T")

DEFAULT_PAGE = 100
_PAGING = frozenset({"nextToken", "maxResults"})


class _Token(msgspec.Struct, array_like=True, forbid_unknown_fields=True):
    question: int
    position: str


_decode = msgspec.json.Decoder(_Token).decode


class Pager:
    """Reads and writes the position of one list request.

    A token belongs to the request that it came from: with other arguments, it is `InvalidToken`.

    Args:
        operation: The operation's name.
        request: Its members.
    """

    def __init__(self, operation: str, request: Mapping[str, Any]) -> None:
        asked = sorted((k, v) for k, v in request.items() if k not in _PAGING)
        self._question = crc32(msgspec.json.encode([operation, asked]))
        self.limit: int = request.get("maxResults") or DEFAULT_PAGE
        self.position: str | None = None
        token = request.get("nextToken")
        if token is not None:
            self.position = self._read(token)

    def _read(self, token: str) -> str:
        try:
            found = _decode(base64.urlsafe_b64decode(token.encode()))
        except (binascii.Error, ValueError, msgspec.MsgspecError):
            found = None
        if found is None or found.question != self._question:
            raise self.refused()
        return found.position

    def refused(self) -> ApiError:
        """The error for a token that is not this list's."""
        return ApiError("InvalidToken", "Invalid Token: 'the nextToken is not of this request'")

    def number(self, default: int) -> int:
        """The position as a number."""
        if self.position is None:
            return default
        try:
            return int(self.position)
        except ValueError:
            raise self.refused() from None

    def token(self, position: object) -> str:
        """The token with which the list goes on at a position."""
        content = msgspec.json.encode(_Token(self._question, str(position)))
        return base64.urlsafe_b64encode(content).decode()

    def sorted_page(
        self, items: Iterable[T], key: Callable[[T], str]
    ) -> tuple[list[T], str | None]:
        """A page of items that have an order of their own: those after the last one shown.

        What is added or removed between two pages moves nothing else.

        Returns:
            The page, and the next token if there are more.
        """
        after = self.position
        left = sorted(
            (item for item in items if after is None or key(item) > after),
            key=key,
        )
        shown = left[: self.limit]
        return shown, self.token(key(shown[-1])) if len(left) > len(shown) else None
