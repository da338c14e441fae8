"""Another agent's card: fetched once, kept by its ETag, believed only if it is signed.

Reading a card takes A2A's types, which are imported when the first card is read.
"""

import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec

from redress.a2a.wire import CARD_PATH, VERSION
from redress.errors import AgentUnavailableError
from redress.ports import PublicKeys

MAX_CARD = 256 * 1024
"""Bytes of a card that is looked at."""
FRESH_SECONDS = 300.0
"""How long a card is believed without asking whether it has changed."""


class TrustedCard:
    """What is needed of one agent's card: where it takes JSON-RPC.

    Args:
        url: The agent's base URL, to which the card's path is added.
        http: The process's HTTP client.
        keys: Of those whose cards are believed.
        now: Monotonic seconds.
    """

    def __init__(
        self, url: str, http: httpx.Client, keys: PublicKeys, now: Callable[[], float]
    ) -> None:
        self._url = url
        self._http = http
        self._keys = keys
        self._now = now
        self._lock = threading.Lock()
        self._endpoint = ""
        self._etag = ""
        self._fresh_until = 0.0

    def endpoint(self) -> str:
        """Return the URL of the agent's JSON-RPC interface.

        Raises:
            AgentUnavailableError: there is no card, or nobody we trust has signed it.
            httpx.HTTPError: the agent did not answer, and no card of it is known.
            DependencyUnavailableError: the keys could not be read.
        """
        with self._lock:
            if self._now() < self._fresh_until:
                return self._endpoint
            try:
                answer = self._fetch()
            except httpx.HTTPError:
                if not self._endpoint:
                    raise
                # The known card is as good as it was; whether the agent lives, the call will show.
                return self._endpoint
            if answer.status_code != httpx.codes.NOT_MODIFIED:
                self._endpoint = _read(answer, self._url, self._keys)
                self._etag = answer.headers.get("etag", "")
            self._fresh_until = self._now() + FRESH_SECONDS
            return self._endpoint

    def _fetch(self) -> httpx.Response:
        headers = {"If-None-Match": self._etag} if self._etag and self._endpoint else {}
        answer = self._http.get(self._url + CARD_PATH, headers=headers)
        if answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR:
            answer.raise_for_status()
        return answer


def _read(answer: httpx.Response, base: str, keys: PublicKeys) -> str:
    if answer.status_code != httpx.codes.OK or len(answer.content) > MAX_CARD:
        raise AgentUnavailableError(f"{base} has no agent card: HTTP {answer.status_code}")
    try:
        card = msgspec.json.decode(answer.content, type=dict[str, Any])
    except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
        raise AgentUnavailableError(f"the agent card of {base} is malformed") from error
    from redress.a2a.signing import UntrustedCardError, check_card

    try:
        checked = check_card(card, keys)
    except UntrustedCardError as error:
        raise AgentUnavailableError(f"the agent card of {base} is not trusted: {error}") from error
    for interface in checked.supported_interfaces:
        known = interface.protocol_binding == "JSONRPC" and interface.protocol_version == VERSION
        # Tokens go to the agent that was asked for and to nobody whom its card may name.
        if known and _origin(interface.url) == _origin(base):
            return str(interface.url)
    raise AgentUnavailableError(f"the agent of {base} offers no JSON-RPC of A2A {VERSION} there")


def _origin(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    return parts.scheme, parts.netloc
