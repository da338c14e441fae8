"""Runs Lambda handlers in this process, over the same JSON boundary that Lambda has."""

from __future__ import annotations

import importlib.util
import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec
from redress.errors import RedressError
from redress.runtime import Runtime, using

from redress_local.template import Function

_log = logging.getLogger(__name__)

Handler = Callable[[Any, Any], Any]


class FunctionNotFoundError(Exception):
    """The template has no such function."""


class FunctionLoadError(Exception):
    """A function's handler cannot be imported."""


class LambdaContext:
    """The context object that a handler gets."""

    memory_limit_in_mb = "1024"

    def __init__(self, function: Function, request_id: str) -> None:
        self.function_name = function.name
        self.invoked_function_arn = function.arn
        self.aws_request_id = request_id
        self._timeout = function.timeout

    def get_remaining_time_in_millis(self) -> int:
        """Milliseconds that the function may still run: locally all that it has."""
        return self._timeout * 1000


class FunctionHost:
    """The functions of a template, each loaded from its own file on first use.

    Args:
        functions: By ARN, as the template reader gives them.
        runtime_for: Makes what a function is allowed to use.
    """

    def __init__(
        self,
        functions: Mapping[str, Function],
        runtime_for: Callable[[Function], Runtime],
    ) -> None:
        self._functions = dict(functions)
        for function in functions.values():
            self._functions[function.name] = self._functions[function.logical_id] = function
        self._runtime_for = runtime_for
        self._lock = threading.Lock()
        self._loaded: dict[str, tuple[Handler, Runtime]] = {}
        self._requests = 0

    def __contains__(self, name: str) -> bool:
        return name in self._functions

    def invoke(self, name: str, payload: bytes) -> bytes:
        """Call a function by name or ARN with JSON and return its JSON answer.

        Raises:
            FunctionNotFoundError: No such function.
            FunctionLoadError: Its file cannot be imported.
            Exception: Whatever the handler raised; unexpected errors are logged.
        """
        function = self._functions.get(name)
        if function is None:
            raise FunctionNotFoundError(f"there is no function {name}")
        handler, runtime = self._load(function)
        self._requests += 1
        context = LambdaContext(function, f"local-{self._requests}")
        try:
            with using(runtime):
                answer = handler(msgspec.json.decode(payload), context)
            return msgspec.json.encode(answer)
        except RedressError:
            raise
        except Exception:
            # The state machine sees the class and the message; the stack trace is for the log.
            _log.exception("function failed", extra={"function": function.name})
            raise

    def load_all(self) -> None:
        """Import every function.

        Raises:
            FunctionLoadError: One cannot be imported.
        """
        self.load(self._functions)

    def load(self, names: Iterable[str]) -> None:
        """Import functions by name or ARN; names of anything else are passed over.

        Raises:
            FunctionLoadError: One cannot be imported.
        """
        for name in names:
            if name in self._functions:
                self._load(self._functions[name])

    def runtime_of(self, name: str) -> Runtime:
        """What a function may use.

        Raises:
            FunctionNotFoundError: No such function.
            FunctionLoadError: Its file cannot be imported.
        """
        if name not in self._functions:
            raise FunctionNotFoundError(f"there is no function {name}")
        return self._load(self._functions[name])[1]

    def _load(self, function: Function) -> tuple[Handler, Runtime]:
        with self._lock:
            found = self._loaded.get(function.arn)
            if found is None:
                found = (load_handler(function), self._runtime_for(function))
                self._loaded[function.arn] = found
            return found


def load_handler(function: Function) -> Handler:
    """Import a function's file under a name of its own and return its handler.

    Raises:
        FunctionLoadError: The file is missing, does not import, or lacks the handler.
    """
    name = f"redress_function_{function.logical_id}"
    spec = importlib.util.spec_from_file_location(name, function.handler)
    if spec is None or spec.loader is None or not function.handler.is_file():
        raise FunctionLoadError(f"{function.logical_id}: there is no {function.handler}")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        # As Lambda's Runtime.ImportModuleError: whatever the module raised, it cannot be used.
        _log.exception("function does not import", extra={"function": function.name})
        raise FunctionLoadError(f"{function.logical_id}: {error}") from error
    handler = getattr(module, function.entry, None)
    if not callable(handler):
        raise FunctionLoadError(f"{function.logical_id}: {function.handler} has no handler")
    return handler  # type: ignore[no-any-return]
