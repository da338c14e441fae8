"""Push notifications: a POST to an address that a caller gave, which must not lead inside.

The host is resolved once, every address is judged, and the connection goes to an address that was
judged: a name that answers differently the next moment (DNS rebinding) gains nothing.
"""

import ipaddress
import socket
import ssl
from collections.abc import Callable, Iterable, Sequence
from typing import Any
from urllib.parse import urlsplit

import httpcore

from redress.a2a.tasks import PushConfig
from redress.models.base import dump_json

MAX_URL = 1_024
TIMEOUT_SECONDS = 5.0

Resolve = Callable[[str, int], Sequence[str]]
"""Returns the addresses of a host; raises OSError if there are none."""


class UnsafeUrlError(Exception):
    """A push notification URL leads nowhere, or where none may lead."""


def resolve(host: str, port: int) -> list[str]:
    """Return a host's addresses.

    Raises:
        OSError: it has none.
    """
    return [str(info[4][0]) for info in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def is_public(address: str) -> bool:
    """Whether an address is a public one; an IPv4 address inside an IPv6 one counts as itself."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    if isinstance(found, ipaddress.IPv6Address):
        if found.ipv4_mapped is not None:
            return is_public(str(found.ipv4_mapped))
        inner = found.sixtofour or (found.teredo or (None, None))[1]
        # NAT64 leads to the IPv4 address in its last bits.
        if found in _NAT64:
            inner = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
        if inner is not None and not is_public(str(inner)):
            return False
    return found.is_global and not (
        found.is_multicast or found.is_reserved or found.is_loopback or found.is_link_local
    )


_NAT64 = ipaddress.ip_network("64:ff9b::/96")


def check_url(url: str, find: Resolve = resolve) -> None:
    """Refuse a URL that is not https to a public host.

    Raises:
        UnsafeUrlError: it is malformed, not https, bears credentials, or leads inside.
    """
    if len(url) > MAX_URL or not url.isascii() or any(char <= " " for char in url):
        raise UnsafeUrlError("the URL is too long or malformed")
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port or 443
    except ValueError as error:
        raise UnsafeUrlError("the URL is malformed") from error
    if parts.scheme != "https" or not host or parts.username is not None:
        raise UnsafeUrlError("the URL must be https://host/..., without credentials")
    _public_addresses(host, port, find)


def _public_addresses(host: str, port: int, find: Resolve) -> Sequence[str]:
    try:
        addresses = find(host, port)
    except (OSError, UnicodeError) as error:
        raise UnsafeUrlError("the URL's host has no address") from error
    if not addresses or not all(is_public(address) for address in addresses):
        raise UnsafeUrlError("the URL's host is not a public one")
    return addresses


class _PublicBackend(httpcore.NetworkBackend):
    """Connects to public addresses only, each judged right before."""

    def __init__(self, find: Resolve) -> None:
        self._find = find
        self._sync = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first address that answers."""
        problem: Exception = httpcore.ConnectError("the host has no address")
        for address in _public_addresses(host, port, self._find):
            try:
                return self._sync.connect_tcp(address, port, timeout, local_address, socket_options)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                problem = error
        raise problem


class PushSender:
    """Sends push notifications; keep one a process.

    Args:
        find: Resolves hosts.
        tls: By default it trusts what this machine trusts.
    """

    def __init__(self, find: Resolve = resolve, tls: ssl.SSLContext | None = None) -> None:
        self._find = find
        # Nothing here follows redirects, which would lead past the checks.
        self._pool = httpcore.ConnectionPool(
            ssl_context=tls or httpcore.default_ssl_context(),
            network_backend=_PublicBackend(find),
            max_keepalive_connections=0,
        )

    def send(self, config: PushConfig, task: dict[str, Any]) -> bool:
        """POST that a task has another state to a config's URL; False if nobody took it.

        It tells no facts: whoever wants these asks for the task, with a token.

        Args:
            config: Where to.
            task: The task as A2A writes it.
        """
        told = {"taskId": task["id"], "contextId": task["contextId"], "status": task["status"]}
        headers: dict[bytes | str, bytes | str] = {
            "Content-Type": "application/json",
            "User-Agent": "redress",
        }
        if config.token:
            headers["X-A2A-Notification-Token"] = config.token
        if config.scheme and config.credentials:
            headers["Authorization"] = f"{config.scheme} {config.credentials}"
        seconds = dict.fromkeys(("connect", "read", "write", "pool"), TIMEOUT_SECONDS)
        try:
            check_url(config.url, self._find)
            with self._pool.stream(
                "POST",
                config.url,
                headers=headers,
                content=dump_json({"statusUpdate": told}),
                extensions={"timeout": seconds},
            ) as answer:
                return 200 <= answer.status < 300
        except (UnsafeUrlError, httpcore.TimeoutException, httpcore.NetworkError):
            return False
        except (httpcore.ProtocolError, ssl.SSLError, ValueError):
            return False
