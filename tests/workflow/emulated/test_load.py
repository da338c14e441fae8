"""Two hundred cases at once: each resolved once, as its label says, and memory stays flat."""

import gc
from collections import Counter
from collections.abc import Iterator
from typing import Any

import psutil
import pytest
from redress.steps.effects import effects_of
from redress_local.emulated.cloud import EmulatedCloud
from redress_local.shop.generator import generate_shop
from redress_local.shop.labels import CaseLabel
from stack_world import StackWorld, until

CASES = 200
FIRST = 100
# An execution is in the journal on the disk; what is left of it in memory is bookkeeping. The
# allocator's arenas of some hundred threads fill up meanwhile, less and less.
MOST_OBJECTS_A_CASE = 100
MOST_BYTES_A_CASE = 200_000


@pytest.fixture(scope="module")
def busy() -> Iterator[StackWorld]:
    shop, labels = generate_shop(310, seed=41)
    with EmulatedCloud.start(port=0, shop=shop) as cloud:
        yield StackWorld(cloud, labels)


def used() -> tuple[int, int]:
    """Objects and bytes of this process, which is the cloud's main one."""
    gc.collect()
    return len(gc.get_objects()), int(psutil.Process().memory_full_info().uss)


def run(world: StackWorld, labels: list[CaseLabel], twice: int) -> None:
    """Open cases all at once, the first few a second time, and see every execution end."""
    already = len(world.executions())
    details = [world.opened(label) for label in labels]
    world.put(*details, *details[:twice])
    expected = already + len(labels) + twice
    answered: set[str] = set()

    def all_ended() -> bool:
        for record in world.cases.by_index("status#awaiting_approval"):
            case_id = record.partition.removeprefix("case#")
            if record.sort == "case" and case_id not in answered:
                answered.add(case_id)
                world.answer(case_id)
        statuses = Counter(execution["status"] for execution in world.executions())
        return statuses.total() == expected and not statuses["RUNNING"]

    until(all_ended, f"the end of {len(labels)} cases", seconds=240)


def done(world: StackWorld, label: CaseLabel) -> list[Any]:
    """What was carried out for a case, from the three domains."""
    found = {}
    for repository in reversed(world.domains):
        for record in effects_of(repository, label.case_id):
            action = record.action
            if record.effect.state == "done":
                found[action.action, action.subject_id] = action.amount_minor
    return sorted((*key, amount) for key, amount in found.items() if key[0] != "reserve_stock")


def refunds(world: StackWorld, label: CaseLabel) -> int:
    """How many refunds of an order bear an effect's key."""
    return sum(kind == "refund" for kind, _ in world.ledger(label.order_id))


@pytest.mark.timeout(400)
def test_all_are_resolved_exactly_once(busy: StackWorld) -> None:
    labels = list(busy.labels.cases[:CASES])
    assert len(labels) == CASES
    before = {label.case_id: refunds(busy, label) for label in labels}
    run(busy, labels[:FIRST], twice=0)
    objects, size = used()
    run(busy, labels[FIRST:], twice=20)
    more_objects, more_size = used()

    failed = [e["executionArn"] for e in busy.executions() if e["status"] != "SUCCEEDED"]
    assert [busy.states.describe_execution(executionArn=arn) for arn in failed] == []
    for label in labels:
        case = busy.case(label.case_id)
        assert case is not None
        assert case.status == "resolved" or not label.expected_actions, case
        wanted = sorted((a.action, a.subject_id, a.amount_minor) for a in label.expected_actions)
        assert done(busy, label) == wanted, label
        paid = refunds(busy, label) - before[label.case_id]
        assert paid == sum(action.startswith("refund") for action, _, _ in wanted), label
    assert (more_objects - objects) / (CASES - FIRST) < MOST_OBJECTS_A_CASE
    assert (more_size - size) / (CASES - FIRST) < MOST_BYTES_A_CASE
