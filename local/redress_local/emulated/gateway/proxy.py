"""Hands requests to moto as they are, over connections that stay open."""

from __future__ import annotations

import aiohttp
from yarl import URL

from redress_local.emulated.gateway.asgi import Scope

HOP_BY_HOP = frozenset(
    {
        b"connection",
        b"expect",
        b"keep-alive",
        b"proxy-authenticate",
        b"proxy-authorization",
        b"proxy-connection",
        b"te",
        b"trailer",
        b"transfer-encoding",
        b"upgrade",
    }
)
_OURS = HOP_BY_HOP | {b"content-length"}
_SKIPPED = ("Accept", "Accept-Encoding", "User-Agent", "Content-Type")

Answer = tuple[int, list[tuple[bytes, bytes]], bytes]


class UpstreamError(Exception):
    """The server behind does not answer."""


class Proxy:
    """One server behind the gateway; to be used in one event loop.

    Args:
        url: The server: `http://127.0.0.1:5000`.
        timeout: Seconds that one answer may take; above SQS's longest poll.
    """

    def __init__(self, url: str, timeout: float = 60.0) -> None:
        self._url = url.rstrip("/")
        self._timeout = aiohttp.ClientTimeout(total=timeout, connect=5)
        self._session: aiohttp.ClientSession | None = None

    async def forward(self, scope: Scope, body: bytes) -> Answer:
        """Send a request on, its Host with it, so that URLs in the answer name the gateway.

        Raises:
            UpstreamError: The server is not there, or its answer breaks off.
        """
        raw_path = scope["raw_path"].decode("latin-1")
        query = scope["query_string"].decode("latin-1")
        url = URL(f"{self._url}{raw_path}{'?' + query if query else ''}", encoded=True)
        headers = [
            (name.decode("latin-1"), value.decode("latin-1"))
            for name, value in scope["headers"]
            if name not in _OURS
        ]
        try:
            async with self._open().request(
                scope["method"],
                url,
                headers=headers,
                data=body or None,
                allow_redirects=False,
                skip_auto_headers=_SKIPPED,
            ) as answer:
                data = await answer.read()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise UpstreamError(str(error) or type(error).__name__) from error
        head = scope["method"] == "HEAD"
        dropped = HOP_BY_HOP if head else _OURS
        pairs = [(n.lower(), v) for n, v in answer.raw_headers if n.lower() not in dropped]
        return answer.status, pairs, data

    async def close(self) -> None:
        """Close the connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=120),
                timeout=self._timeout,
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                trust_env=False,
            )
        return self._session
