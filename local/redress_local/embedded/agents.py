"""The domains' agents in this process: asked by A2A at their own apps, their tasks run at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import httpx
import msgspec
from redress.errors import DependencyUnavailableError
from redress.runtime import Runtime

from redress_local.embedded.asgi_transport import AsgiTransport

if TYPE_CHECKING:
    from asl_engine import Engine
    from redress.models.agents import AgentDefinition, AgentTask
    from redress.models.investigation import DomainName
    from starlette.applications import Starlette

AGENTS_URL = "http://agents.local"
"""Nothing resolves it: the apps are in this process."""

_START_SECONDS = 20.0


class LocalStarter:
    """A `TaskStarter` on the engine of this process.

    The task's execution runs in the calling thread: engines without threads get on, and those
    with some never wait for one that waits for them. It is durable before it does anything, so
    a process that dies leaves it to the next one.

    Args:
        engine: Runs it.
        machine: ARN of the machine run_task.
    """

    _one_at_a_time = threading.Lock()

    def __init__(self, engine: Engine, machine: str) -> None:
        self._engine = engine
        self._machine = machine
        # An engine without threads is its caller's alone, and an agent asks several at once.
        alone = not engine.is_concurrent
        self._turn: AbstractContextManager[Any] = self._one_at_a_time if alone else nullcontext()

    def start(self, task: AgentTask) -> None:
        """Start once, however often it is called for a task.

        Raises:
            DependencyUnavailableError: the machine is not there.
        """
        from asl_engine import ExecutionExistsError, MachineNotFoundError

        try:
            with self._turn:
                self._engine.run(
                    self._machine, msgspec.to_builtins(task), task.task_id, timeout=_START_SECONDS
                )
        except ExecutionExistsError:
            # Started before.
            return
        except MachineNotFoundError as error:
            raise DependencyUnavailableError(str(error)) from error


def agents_http(runtime_of: Callable[[str], Runtime]) -> httpx.Client:
    """Return an HTTP client that reaches the agents' apps.

    Args:
        runtime_of: Gives what a function may use, by its logical id.
    """
    from redress.models.investigation import DOMAINS

    apps: Mapping[str, Callable[[], Starlette]] = {
        f"/a2a/{domain}": _maker(domain, runtime_of) for domain in DOMAINS
    }
    return httpx.Client(transport=AsgiTransport(apps))


def _maker(domain: DomainName, runtime_of: Callable[[str], Runtime]) -> Callable[[], Starlette]:
    def make() -> Starlette:
        from importlib import import_module

        from redress.serving.agents import agent_app

        agent: AgentDefinition = import_module(f"redress.domains.{domain}.agent").AGENT
        return agent_app(agent, runtime_of(f"Serve{domain.capitalize()}AgentFunction"))

    return make
