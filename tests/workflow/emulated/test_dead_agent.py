"""A domain's agent that Lambda does not run: one stage too few, or evidence that is missing."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from stack_world import StackWorld, until

DEAD = "RunPaymentsAgentFunction"


@contextmanager
def throttled(world: StackWorld, logical_id: str) -> Iterator[None]:
    """No invocation of a function is let through."""
    functions = world.cloud.functions.functions()
    name = next(f.name for f in functions if f.logical_id == logical_id)
    client = world.cloud.client("lambda")
    client.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
    try:
        yield
    finally:
        client.delete_function_concurrency(FunctionName=name)


def test_a_dead_agent_in_each_pattern(world: StackWorld) -> None:
    labels = [one for one in world.labels.cases if one.kind == "duplicate_charge"][-3:]
    patterns = ("pipeline", "orchestrator", "swarm")

    def run(pattern: str) -> dict[str, Any]:
        label = labels[patterns.index(pattern)]
        detail = {**world.opened(label), "pattern": pattern, "case_id": f"case_dead_{pattern}"}
        execution = world.started_by(world.put(detail)[0])

        def look() -> dict[str, Any] | None:
            found = world.states.describe_execution(executionArn=execution)
            return dict(found) if found["status"] != "RUNNING" else None

        # Each waits for its retries, and for agents that start cold.
        return dict(until(look, f"the end of {pattern}", 180))

    before = {label.order_id: world.ledger(label.order_id) for label in labels}
    with throttled(world, DEAD), ThreadPoolExecutor(3) as pool:
        ended = dict(zip(patterns, pool.map(run, patterns), strict=True))

    assert ended["pipeline"]["status"] == "FAILED"
    case = world.case("case_dead_pipeline")
    assert case is not None
    assert case.status == "failed"
    assert case.failure is not None
    assert case.failure["reason"].startswith("PaymentsStageFailed: Lambda.TooManyRequests")
    for pattern in ("orchestrator", "swarm"):
        # They went on without it; without payments there was nothing left to decide.
        assert ended[pattern]["status"] == "FAILED", ended[pattern]
        case = world.case(f"case_dead_{pattern}")
        assert case is not None
        assert case.status == "failed"
        assert case.failure is not None
        assert case.failure["reason"] == "payments gave no answer: replay the case later"
    assert before == {label.order_id: world.ledger(label.order_id) for label in labels}
