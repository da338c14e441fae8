"""Whatever is retried, repeated, interrupted, undone or taken over: nothing is paid or sent twice.

Hypothesis drives two cases about the same order. Any settlement step of any attempt, long given up
ones included, may run at any time; before any of its commits the process may die, lose the store's
answer, or be overtaken by another step.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import hypothesis.strategies as st
from hypothesis import HealthCheck, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from redress.adapters.memory.repository import MemoryRepository
from redress.domains.inventory.models import Reservation
from redress.domains.orders.gateway import load_order
from redress.domains.payments.gateway import load_payments
from redress.domains.payments.models import Refund
from redress.errors import DependencyUnavailableError, RedressError
from redress.models.base import parse_json
from redress.models.investigation import ProposedAction
from redress.models.settlement import SettlementRequest
from redress.ports import Record, Write
from redress.steps.effects import effects_of
from redress.steps.totals import case_total, day_total

DO = ("reserve", "refund", "ship")
UNDO = ("cancel", "reverse", "release")
CASES = ("case_1", "case_2")
OVERCHARGE = ProposedAction("refund_payment", "pay_1", "overcharged")


class Trouble:
    """What happens at a commit to come: `mode` at the `left`-th one, once."""

    def __init__(self) -> None:
        self.clear()

    def clear(self) -> None:
        self.left = -1
        self.mode = ""
        self.overtake: Callable[[], object] = lambda: None

    def at(self, left: int, mode: str, overtake: Callable[[], object] | None = None) -> None:
        self.left, self.mode = left, mode
        if overtake:
            self.overtake = overtake

    def due(self) -> str:
        self.left -= 1
        if self.left != -1:
            return ""
        mode, overtake = self.mode, self.overtake
        self.clear()
        if mode == "overtaken":
            overtake()
        return mode


class TroubledRepository:
    """A memory repository whose commits meet trouble."""

    def __init__(self, trouble: Trouble) -> None:
        self._inner = MemoryRepository()
        self._trouble = trouble

    def get(self, partition: str, sort: str) -> Record | None:
        return self._inner.get(partition, sort)

    def query(self, partition: str, prefix: str = "") -> list[Record]:
        return self._inner.query(partition, prefix)

    def by_index(self, index: str) -> list[Record]:
        return self._inner.by_index(index)

    def commit(self, writes: Sequence[Write]) -> None:
        mode = self._trouble.due()
        if mode == "died":
            raise DependencyUnavailableError("died before the commit")
        self._inner.commit(writes)
        if mode == "unheard":
            raise DependencyUnavailableError("the answer was lost")


class Settlements(RuleBasedStateMachine):
    make_world: Callable[..., Any]

    @initialize(levels=st.sampled_from([(0, 0), (2, 2), (3, 3), (10, 10), (0, 4), (9, 9)]))
    def open_cases(self, levels: tuple[int, int]) -> None:
        """Open both cases; the second one may find other stock, and so wish for the other remedy.

        Both payments are 10.00 above the invoice: pay_2 is a duplicate, pay_1 an overcharge.
        """
        self.trouble = Trouble()
        self.world = type(self).make_world(lambda: TroubledRepository(self.trouble))
        for payment_id in ("pay_1", "pay_2"):
            self.world.change_payment(payment_id, amount_minor=9400)
        self.requests: dict[str, list[SettlementRequest]] = {name: [] for name in CASES}
        self.undone: dict[str, int] = {}
        for name, level in zip(CASES, levels, strict=True):
            self.in_stock = level
            self.world.set_stock(level)
            self._attempt(name)

    def _attempt(self, name: str) -> None:
        world = self.world
        case = world.case(name)
        number = len(self.requests[name]) + 1
        claim = world.claim(f"{name}_exec_{number}", case)
        line = world.MISSING if world.stock()[0] - world.stock()[1] >= 2 else world.MISSING_REFUND
        ruling = world.decide(
            [world.DUPLICATE, OVERCHARGE, line] if name == "case_1" else [OVERCHARGE, line],
            computed={"pay_2": 9400, "pay_1": 1000, "line_2": 3400},
            attempt=claim.attempt,
            case=case,
        )
        self.requests[name].append(SettlementRequest(ruling, claim.attempt))

    def _run(self, step: str, request: SettlementRequest) -> None:
        # The state machine would retry, compensate or park; here anything may follow.
        with suppress(RedressError):
            getattr(self.world, step)(request)

    def _request(self, name: str, back: int) -> SettlementRequest:
        requests = self.requests[name]
        return requests[max(0, len(requests) - 1 - back)]

    @rule(
        step=st.sampled_from(DO + UNDO),
        name=st.sampled_from(CASES),
        back=st.sampled_from([0, 0, 0, 1]),
        left=st.integers(-1, 3),
        mode=st.sampled_from(["died", "unheard"]),
    )
    def run_step(self, step: str, name: str, back: int, left: int, mode: str) -> None:
        self.trouble.at(left, mode)
        self._run(step, self._request(name, back))
        self.trouble.clear()

    @rule(
        steps=st.tuples(st.sampled_from(DO + UNDO), st.sampled_from(DO + UNDO)),
        names=st.tuples(st.sampled_from(CASES), st.sampled_from(CASES)),
        backs=st.tuples(st.sampled_from([0, 0, 1]), st.sampled_from([0, 0, 1])),
        left=st.integers(0, 2),
    )
    def overtake(
        self, steps: tuple[str, str], names: tuple[str, str], backs: tuple[int, int], left: int
    ) -> None:
        other = self._request(names[1], backs[1])
        self.trouble.at(left, "overtaken", lambda: self._run(steps[1], other))
        self._run(steps[0], self._request(names[0], backs[0]))
        self.trouble.clear()

    @rule(name=st.sampled_from(CASES))
    def saga(self, name: str) -> None:
        for step in DO:
            self._run(step, self._request(name, 0))

    @rule(
        steps=st.sampled_from([("refund", "refund"), ("refund", "ship"), ("ship", "ship")]),
        left=st.integers(0, 3),
    )
    def race(self, steps: tuple[str, str], left: int) -> None:
        """Bring both cases to a step, and let the second overtake the first in it."""
        first, second = (self._request(name, 0) for name in CASES)
        for step, request in zip(steps, (first, second), strict=True):
            for before in DO[: DO.index(step)]:
                self._run(before, request)
        self.trouble.at(left, "overtaken", lambda: self._run(steps[1], second))
        self._run(steps[0], first)
        self.trouble.clear()

    @rule(name=st.sampled_from(CASES))
    def undo_all(self, name: str) -> None:
        request = self._request(name, 0)
        self.world.undo(request)
        self.undone[name] = request.attempt

    @precondition(lambda self: all(len(r) < 4 for r in self.requests.values()))
    @rule(name=st.sampled_from(CASES))
    def take_over(self, name: str) -> None:
        self.world.clock.forward(hours=2)
        self._attempt(name)

    @rule(more=st.integers(1, 3))
    def restock(self, more: int) -> None:
        on_hand, reserved = self.world.stock()
        self.world.set_stock(on_hand + more, reserved)
        self.in_stock += more

    @invariant()
    def never_more_than_owed(self) -> None:
        if not hasattr(self, "world"):
            return
        refunds = [
            refund
            for refund in load_payments(self.world.payments, "ord_1").refunds
            if refund.status in ("pending", "completed")
        ]
        assert self._paid(refunds, "duplicate_charge") <= 9400
        assert self._paid(refunds, "overcharged") <= 1000
        pieces = sum(r.quantity or 0 for r in refunds)
        assert self._paid(refunds, "missing_item") == pieces * 1700
        assert pieces + self._shipped() <= 2

    @staticmethod
    def _paid(refunds: list[Refund], reason: str) -> int:
        return sum(r.amount_minor for r in refunds if r.reason == reason)

    @invariant()
    def undone_stays_undone(self) -> None:
        """Until the next attempt; whatever of the old ones is still running somewhere."""
        for name, attempt in getattr(self, "undone", {}).items():
            if attempt == self._request(name, 0).attempt:
                for table in ("orders", "payments", "inventory"):
                    found = effects_of(getattr(self.world, table), name)
                    assert all(record.effect.state != "done" for record in found)

    def _shipped(self) -> int:
        return sum(
            item.quantity
            for shipment in self.world.replacements()
            for parcel in shipment.parcels
            for item in parcel.items
        )

    @invariant()
    def no_stock_is_lost(self) -> None:
        if not hasattr(self, "world"):
            return
        reservations = [
            parse_json(Reservation, record.document)
            for record in self.world.inventory.query("sku#sku_b", "reservation#")
        ]
        held = sum(r.quantity for r in reservations if r.status == "held")
        consumed = sum(r.quantity for r in reservations if r.status == "consumed")
        assert self.world.stock() == (self.in_stock - consumed, held)
        assert self._shipped() <= consumed

    @invariant()
    def sums_are_true(self) -> None:
        if not hasattr(self, "world"):
            return
        world = self.world
        days = ("2026-11-20", "2026-11-21")
        by_day = sum(day_total(world.payments, "cus_1", day, "USD").minor for day in days)
        by_case = sum(case_total(world.payments, name, "USD").minor for name in CASES)
        assert by_day == by_case == world.refunded()

    def teardown(self) -> None:
        """Let each case come to an end: settled, or undone without a trace."""
        if not hasattr(self, "world"):
            return
        for name in CASES:
            request = self._request(name, 0)
            try:
                self.world.settle(request)
            except RedressError:
                for step in UNDO:
                    getattr(self.world, step)(request)
        on_hand, reserved = self.world.stock()
        assert reserved == 0
        assert on_hand + self._shipped() == self.in_stock
        self.never_more_than_owed()
        live = load_order(self.world.orders, "ord_1")
        assert all(s.promised_by > datetime(2026, 11, 1, tzinfo=UTC) for s in live.shipments)


def test_any_interleaving(make_world: Callable[..., Any]) -> None:
    machine = type("BoundSettlements", (Settlements,), {"make_world": staticmethod(make_world)})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=60,
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow],
        ),
    )
