"""What the models of one case may use, and the meter that counts it before and after each call."""

from typing import Any

import msgspec

from redress.agents.models.prices import price_of
from redress.errors import BudgetExceededError
from redress.models.investigation import Usage

BYTES_PER_TOKEN = 4
"""Estimate used before a call, and after it where a server does not report its tokens."""


class Budget(msgspec.Struct, frozen=True, kw_only=True):
    """Limits of one case, over all its agents and tries.

    Attributes:
        model_calls: Calls of a model, so turns of an agent.
        total_tokens: Input and output tokens together.
        cost_usd_micros: Money, in millionths of a US dollar.
    """

    model_calls: int = 40
    total_tokens: int = 400_000
    cost_usd_micros: int = 2_000_000


DEFAULT_BUDGET = Budget()


def share(whole: Budget, spent: Usage, most: Budget) -> Budget:
    """Return what one agent may use: `most`, or what is left of the whole if that is less.

    Raises:
        BudgetExceededError: nothing is left; the message says of what.
    """
    tokens = spent.input_tokens + spent.output_tokens
    left = Budget(
        model_calls=min(most.model_calls, whole.model_calls - spent.model_calls),
        total_tokens=min(most.total_tokens, whole.total_tokens - tokens),
        cost_usd_micros=min(most.cost_usd_micros, whole.cost_usd_micros - spent.cost_usd_micros),
    )
    for name in left.__struct_fields__:
        if getattr(left, name) <= 0:
            raise BudgetExceededError(f"the case has used all its {name.replace('_', ' ')}")
    return left


class Meter:
    """Counts what one agent run uses on top of what the case has used before."""

    def __init__(self, model_id: str, budget: Budget, spent: Usage | None = None) -> None:
        self._price = price_of(model_id)
        self._budget = budget
        spent = spent or Usage()
        self._calls = spent.model_calls
        self._input_tokens = spent.input_tokens
        self._output_tokens = spent.output_tokens
        self._input_bytes = spent.input_bytes
        self._tool_calls = spent.tool_calls
        self._cost = spent.cost_usd_micros
        self._pending_bytes = 0
        self._held = Budget(model_calls=0, total_tokens=0, cost_usd_micros=0)
        if self.calls_left <= 0:
            raise BudgetExceededError(f"the case has used all its {budget.model_calls} model calls")

    @property
    def calls_left(self) -> int:
        """Return how many model calls the budget still allows."""
        return self._budget.model_calls - self._calls

    def hold(self, budget: Budget) -> None:
        """Set aside what another agent may use, before it is asked.

        Raises:
            BudgetExceededError: so much is not left.
        """
        held = _sum(self._held, budget)
        used = Budget(
            model_calls=self._calls,
            total_tokens=self._input_tokens + self._output_tokens,
            cost_usd_micros=self._cost,
        )
        wanted = _sum(used, held)
        for name in wanted.__struct_fields__:
            if getattr(wanted, name) > getattr(self._budget, name):
                raise BudgetExceededError(
                    f"another agent might use more {name.replace('_', ' ')} than the case has left"
                )
        self._held = held

    def release(self, budget: Budget) -> None:
        """Give back what was set aside for an agent that has answered, or will not."""
        self._held = _sum(self._held, budget, sign=-1)

    def add(self, usage: Usage) -> None:
        """Count what another agent used for this case."""
        self._calls += usage.model_calls
        self._input_tokens += usage.input_tokens
        self._output_tokens += usage.output_tokens
        self._input_bytes += usage.input_bytes
        self._tool_calls += usage.tool_calls
        self._cost += usage.cost_usd_micros

    @property
    def usage(self) -> Usage:
        """Return what the case has used so far, earlier tries included."""
        return Usage(
            model_calls=self._calls,
            input_tokens=self._input_tokens,
            output_tokens=self._output_tokens,
            input_bytes=self._input_bytes,
            tool_calls=self._tool_calls,
            cost_usd_micros=self._cost,
        )

    def reserve(self, input_bytes: int) -> None:
        """Check that a call with so much input fits into the budget.

        Raises:
            BudgetExceededError: it does not; the message says which limit.
        """
        tokens = input_bytes // BYTES_PER_TOKEN
        if self.calls_left <= 0:
            raise BudgetExceededError(f"all {self._budget.model_calls} model calls are used")
        if self._input_tokens + self._output_tokens + tokens > self._budget.total_tokens:
            raise BudgetExceededError(
                f"the next model call would use more than {self._budget.total_tokens} tokens"
            )
        if self._cost + self._price.micros(tokens, 0) > self._budget.cost_usd_micros:
            raise BudgetExceededError(
                "the next model call would cost more than "
                f"{self._budget.cost_usd_micros / 1e6:.2f} USD"
            )
        self._pending_bytes = input_bytes

    def record(self, reported: dict[str, Any] | None, output_bytes: int) -> None:
        """Count a call that was answered; `reported` is the provider's own token count."""
        reported = reported or {}
        tokens_in = sum(
            reported.get(key) or 0
            for key in ("inputTokens", "cacheReadInputTokens", "cacheWriteInputTokens")
        )
        tokens_out = reported.get("outputTokens") or 0
        tokens_in = tokens_in or -(-self._pending_bytes // BYTES_PER_TOKEN)
        tokens_out = tokens_out or -(-output_bytes // BYTES_PER_TOKEN)
        self._calls += 1
        self._input_tokens += tokens_in
        self._output_tokens += tokens_out
        self._input_bytes += self._pending_bytes
        self._cost += self._price.micros(tokens_in, tokens_out)

    def record_tool_call(self) -> None:
        """Count a call of a tool."""
        self._tool_calls += 1


def _sum(one: Budget, other: Budget, *, sign: int = 1) -> Budget:
    names = one.__struct_fields__
    return Budget(**{name: getattr(one, name) + sign * getattr(other, name) for name in names})
