"""What the parts of the engine share."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asl_engine.clock import Clock
    from asl_engine.core import Core
    from asl_engine.journal import Journal
    from asl_engine.machines import Machines
    from asl_engine.runtime import Track


class EngineBase:
    """The state of an engine, which its parts add operations to; made by `Engine`.

    Attributes:
        clock: Time.
        journal: Where executions are kept.
    """

    clock: Clock
    journal: Journal
    _core: Core
    _machines: Machines

    def drive_later(self, track: Track) -> None:
        """Run a track on the engine's pool; internal to `states:startExecution`."""
        self._core.scheduler.submit(partial(self._core.drive, track))
