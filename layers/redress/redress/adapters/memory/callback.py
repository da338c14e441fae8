"""Task tokens in memory, for tests and dry runs."""

from collections.abc import Iterable
from typing import Any

from redress.models.base import dump


class MemoryCallback:
    """A `TaskCallback` for the tokens it was told about; `answers` maps tokens to answers."""

    def __init__(self, tokens: Iterable[str] = ()) -> None:
        self.waiting = set(tokens)
        self.answers: dict[str, dict[str, Any]] = {}

    def send_success(self, token: str, output: dict[str, Any]) -> bool:
        """Keep a success; False if nothing waits for the token now."""
        return self._answer(token, {"output": dump(output)})

    def send_failure(self, token: str, error: str, cause: str) -> bool:
        """Keep a failure; False if nothing waits for the token now."""
        return self._answer(token, {"error": error, "cause": cause})

    def _answer(self, token: str, answer: dict[str, Any]) -> bool:
        if token not in self.waiting:
            return False
        self.waiting.remove(token)
        self.answers[token] = answer
        return True
