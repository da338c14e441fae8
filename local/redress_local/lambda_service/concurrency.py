"""Concurrency of an account: what functions reserve is theirs alone, the rest is shared."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from redress_local.lambda_service.errors import InvalidParameterError, ThrottledError

ACCOUNT_CONCURRENCY = 1000
MINIMUM_UNRESERVED = 100


class Concurrency:
    """Counts running invocations and refuses those over a limit.

    Args:
        limit: Invocations of the account that may run at once.
    """

    def __init__(self, limit: int = ACCOUNT_CONCURRENCY) -> None:
        self.limit = limit
        self._lock = threading.Lock()
        self._reserved: dict[str, int] = {}
        self._running: Counter[str] = Counter()
        self._shared = 0

    @property
    def unreserved(self) -> int:
        """What is left for the functions without a reservation."""
        return max(self.limit - sum(self._reserved.values()), 0)

    def reserve(self, name: str, amount: int) -> None:
        """Set a function's concurrency aside; 0 throttles every invocation of it.

        Raises:
            InvalidParameterError: Too little would be left for the other functions.
        """
        with self._lock:
            others = sum(size for other, size in self._reserved.items() if other != name)
            if self.limit - others - amount < min(MINIMUM_UNRESERVED, self.limit):
                raise InvalidParameterError(
                    "Specified ReservedConcurrentExecutions for function decreases account's "
                    "UnreservedConcurrentExecution below its minimum value of "
                    f"[{MINIMUM_UNRESERVED}]."
                )
            self._reserved[name] = amount

    def release(self, name: str) -> None:
        """Give a function's reservation back."""
        with self._lock:
            self._reserved.pop(name, None)

    @contextmanager
    def slot(self, name: str) -> Iterator[None]:
        """Hold one invocation's place.

        Raises:
            ThrottledError: There is none.
        """
        with self._lock:
            reserved = self._reserved.get(name)
            if reserved is not None:
                if self._running[name] >= reserved:
                    raise ThrottledError("ReservedFunctionConcurrentInvocationLimitExceeded")
            elif self._shared >= self.unreserved:
                raise ThrottledError("ConcurrentInvocationLimitExceeded")
            else:
                self._shared += 1
            self._running[name] += 1
        try:
            yield
        finally:
            with self._lock:
                self._running[name] -= 1
                # By what it took, whatever became of the reservation meanwhile.
                if reserved is None:
                    self._shared -= 1
