"""Replays of archives in the background: started, described, cancelled, resumed after a crash."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from msgspec.structs import replace

from redress_local.events.archives import Archives
from redress_local.events.delivery import Deliverer
from redress_local.events.errors import EventsError, IllegalStatusError, LimitError
from redress_local.events.models import Replay
from redress_local.events.store import EventStore, Planned

MAX_ACTIVE = 10
"""How many replays an account may have at a time."""

_ROOM = 500
_log = logging.getLogger(__name__)


class Plan(Protocol):
    """Tells what an event on a bus sets off."""

    def __call__(self, bus: str, envelope: dict[str, Any], *, only: Sequence[str] = ()) -> Planned:
        """Plan an event, for `only` these rules."""


class Replays:
    """All replays, each in a thread of its own; in the caller's where deliveries are inline."""

    def __init__(
        self,
        store: EventStore,
        archives: Archives,
        delivery: Deliverer,
        plan: Plan,
        *,
        now: Callable[[], float],
    ) -> None:
        self._store = store
        self._archives = archives
        self._delivery = delivery
        self._plan = plan
        self._now = now
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._threads: dict[str, threading.Thread] = {}

    def start(
        self,
        name: str,
        archive: str,
        *,
        start: float,
        end: float,
        rules: Sequence[str] = (),
        description: str | None = None,
    ) -> Replay:
        """Start to put an archive's events on its bus again, each with `replay-name`.

        Args:
            name: The replay's name, never used before.
            archive: The archive's name.
            start: Epoch seconds; the time of the first event wanted.
            end: Epoch seconds; the time of the last event wanted.
            rules: ARNs of the only rules that get the events; all of the bus when empty.
            description: What it is for.

        Returns:
            The replay as it starts.

        Raises:
            UnknownArchiveError: No such archive.
            ExistsError: The name is taken.
            LimitError: Ten replays are active.
        """
        source = self._archives.archive(archive)
        self._archives.prune(source)
        replay = Replay(
            name=name,
            archive=source.name,
            bus=source.bus,
            start=start,
            end=end,
            rules=tuple(rules),
            description=description,
            at=self._now(),
        )
        with self._lock:
            if sum(other.active for other in self._store.all_replays()) >= MAX_ACTIVE:
                raise LimitError(f"an account has at most {MAX_ACTIVE} active replays")
            self._store.new_replay(replay)
        self._launch(name)
        return replay

    def resume(self) -> list[str]:
        """Go on with the replays that a dead process left behind; returns their names."""
        names = [replay.name for replay in self._store.all_replays() if replay.active]
        for name in names:
            self._launch(name)
        return names

    def get(self, name: str) -> Replay:
        """A replay as it is now.

        Raises:
            UnknownReplayError: There is none.
        """
        return self._store.get_replay(name)

    def all(self) -> list[Replay]:
        """Every replay, oldest first."""
        return list(self._store.all_replays())

    def cancel(self, name: str) -> Replay:
        """Stop a replay after the events that it is at.

        Raises:
            UnknownReplayError: No such replay.
            IllegalStatusError: It is over, or being cancelled.
        """

        def cancelling(replay: Replay) -> Replay:
            if replay.state not in {"STARTING", "RUNNING"}:
                raise IllegalStatusError(
                    f"Replay {name} is not in a valid state for this operation."
                )
            return replace(replay, state="CANCELLING")

        return self._store.change_replay(name, cancelling)

    def wait(self, name: str, timeout: float) -> Replay:
        """Wait until a replay's thread is done; returns the replay as it is then."""
        with self._lock:
            thread = self._threads.get(name)
        if thread is not None:
            thread.join(timeout)
        return self.get(name)

    def close(self, timeout: float = 5.0) -> None:
        """Stop the threads; the replays stay as far as they are."""
        self._closing.set()
        with self._lock:
            threads = list(self._threads.values())
        for thread in threads:
            thread.join(timeout)

    def _launch(self, name: str) -> None:
        if self._delivery.inline:
            self._run(name)
            return
        thread = threading.Thread(target=self._run, args=(name,), name="replay", daemon=True)
        with self._lock:
            self._threads[name] = thread
        thread.start()

    def _run(self, name: str) -> None:
        try:
            while not self._closing.is_set() and self._step(name):
                # The archive waits for the targets, not the other way round.
                while not self._delivery.wait_idle(0.1, at_most=_ROOM):
                    if self._closing.is_set():
                        return
        except EventsError as error:
            self._fail(name, str(error))
        except Exception as error:  # noqa: BLE001 - see below
            # The thread's boundary: whatever broke, the replay must not seem to run for ever.
            _log.exception("replay broke", extra={"replay": name})
            self._fail(name, type(error).__name__)
        finally:
            with self._lock:
                self._threads.pop(name, None)

    def _step(self, name: str) -> bool:
        """Replay the next events; returns whether there may be more."""
        replay = self._store.get_replay(name)
        page = self._store.archived_page(replay) if replay.state != "CANCELLING" else []
        only = [arn.rpartition("/")[2] for arn in replay.rules]
        plans = [
            self._plan(replay.bus, {**event, "replay-name": name}, only=only) for _, event in page
        ]
        after: list[Replay] = []

        def advance(now: Replay) -> Replay:
            if now.state == "CANCELLING" and not page:
                return replace(now, state="CANCELLED", ended_at=self._now())
            if not page:
                return replace(now, state="COMPLETED", ended_at=self._now())
            last, event = page[-1]
            return replace(
                now,
                state="RUNNING" if now.state == "STARTING" else now.state,
                last=last,
                cursor=event["id"],
                events=now.events + len(page),
            )

        owed = self._store.accept(
            plans,
            replay=lambda execute: after.append(
                self._store.change_replay_within(execute, name, advance)
            ),
        )
        self._delivery.deliver(owed)
        return after[0].active

    def _fail(self, name: str, reason: str) -> None:
        self._store.change_replay(
            name,
            lambda replay: replace(
                replay, state="FAILED", reason=reason[:512], ended_at=self._now()
            ),
        )
