"""Which names a request may call this machine by: a page that rebinds its own name gets nothing."""

from __future__ import annotations

from collections.abc import Iterable

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1", "host.docker.internal"})


class AllowedHosts:
    """Judges `Host` headers; remembers its judgements, up to a number.

    Args:
        extra: More names that stand for this machine.
    """

    _REMEMBERED = 1_000

    def __init__(self, extra: Iterable[str] = ()) -> None:
        self._names = LOOPBACK | {name.lower() for name in extra}
        self._known: dict[bytes, bool] = {}

    def allow(self, host: bytes | None) -> bool:
        """Tell whether a `Host` header, port included, names this machine."""
        if host is None:
            return False
        known = self._known.get(host)
        if known is None:
            known = self._judge(host.decode("latin-1").lower())
            if len(self._known) < self._REMEMBERED:
                self._known[host] = known
        return known

    def _judge(self, host: str) -> bool:
        if host.startswith("["):
            name, bracket, port = host[1:].partition("]")
            port = port.removeprefix(":")
            if not bracket:
                return False
        else:
            name, _, port = host.partition(":")
        if port and not port.isdigit():
            return False
        # SDKs put `sync-` before the host of StartSyncExecution and TestState.
        name = name.removeprefix("sync-")
        return name in self._names or name.endswith(".localhost")
