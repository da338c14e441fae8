"""CancelReplacement, ReverseRefund, ReleaseStock: all is undone, half-done steps included."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pytest
from redress.adapters.memory.repository import MemoryRepository
from redress.domains.orders.gateway import load_order, put_shipment
from redress.domains.payments.gateway import load_payments
from redress.errors import (
    CaseOwnedElsewhereError,
    CompensationFailedError,
    DependencyUnavailableError,
    InvalidInputError,
    OutOfStockError,
)
from redress.models.settlement import SettlementRequest
from redress.ports import Write
from redress.steps.totals import case_total, day_total


def settled(world: Any, **named: Any) -> SettlementRequest:
    claim = world.claim()
    return SettlementRequest(world.decide(**named), claim.attempt)


def take_over(world: Any, **named: Any) -> SettlementRequest:
    world.clock.forward(hours=2)
    claim = world.claim(f"exec_at_{world.clock.now()}")
    return SettlementRequest(world.decide(attempt=claim.attempt, **named), claim.attempt)


def nothing_happened(world: Any) -> bool:
    return (world.refunded(), world.replacements(), world.stock()) == (0, [], (10, 0))


@pytest.mark.parametrize("steps", [0, 1, 2, 3])
def test_whatever_was_done_is_undone(world: Any, steps: int) -> None:
    request = settled(world)
    for step in (world.reserve, world.refund, world.ship)[:steps]:
        step(request)
    first = world.undo(request)
    assert nothing_happened(world)
    assert world.undo(request) == first
    assert nothing_happened(world)
    assert case_total(world.payments, "case_1", "USD").minor == 0
    assert day_total(world.payments, "cus_1", "2026-11-20", "USD").minor == 0


def test_a_half_done_list_is_undone(world: Any) -> None:
    """Of two reshipments the second one cannot be reserved."""
    lost = world.action("reship_line", "line_1", "missing_item")
    shipment = load_order(world.orders, "ord_1").shipments[0]
    empty = msgspec.structs.replace(shipment.parcels[0], items=())
    changed = msgspec.structs.replace(shipment, parcels=(empty,))
    world.orders.commit([put_shipment(changed, 1)])
    request = settled(world, actions=[lost, world.MISSING])
    assert [a.decision for a in request.ruling.actions] == ["allow", "allow"]
    world.set_stock(1)
    with pytest.raises(OutOfStockError):
        world.reserve(request)
    assert world.stock("sku_a") == (10, 1)
    world.release(request)
    assert (world.stock("sku_a"), world.stock("sku_b")) == ((10, 0), (1, 0))


def test_what_was_undone_is_not_done_by_a_step_that_runs_late(world: Any) -> None:
    request = settled(world)
    world.undo(request)
    for step in (world.reserve, world.refund):
        with pytest.raises(CaseOwnedElsewhereError):
            step(request)
    with pytest.raises(OutOfStockError):
        world.ship(request)
    assert nothing_happened(world)


def test_the_next_attempt_does_it_again(world: Any) -> None:
    request = settled(world)
    world.settle(request)
    world.undo(request)
    again = take_over(world)
    world.settle(again)
    assert (world.refunded(), len(world.replacements()), world.stock()) == (8400, 1, (8, 0))
    refunds = load_payments(world.payments, "ord_1").refunds
    assert sorted(r.status for r in refunds) == ["cancelled", "pending"]


def test_the_next_attempt_keeps_what_stands(world: Any) -> None:
    """The first one died after the refund; nothing was undone."""
    request = settled(world)
    world.reserve(request)
    world.refund(request)
    again = take_over(world, actions=[world.MISSING])
    assert [(a.subject_id, a.decision) for a in again.ruling.actions] == [
        ("pay_2", "allow"),
        ("line_2", "allow"),
    ]
    assert again.ruling.actions[0].reasons[0].startswith("already-done")
    assert again.ruling.actions[1].reasons[0].startswith("already-begun")
    world.settle(again)
    assert (world.refunded(), len(world.replacements()), world.stock()) == (8400, 1, (8, 0))
    assert len(load_payments(world.payments, "ord_1").refunds) == 1


def test_an_old_attempt_does_not_undo_what_a_later_one_took_over(world: Any) -> None:
    request = settled(world)
    world.settle(request)
    again = take_over(world)
    world.settle(again)
    results = world.undo(request)
    assert all(e.state == "done" for result in results for e in result.effects)
    assert (world.refunded(), len(world.replacements()), world.stock()) == (8400, 1, (8, 0))


def test_a_later_attempt_undoes_what_an_earlier_one_did(world: Any) -> None:
    world.settle(settled(world))
    again = take_over(world)
    world.reserve(again)
    world.undo(again)
    assert nothing_happened(world)


def test_death_between_stock_and_shipment(make_world: Callable[..., Any]) -> None:
    class Dying(MemoryRepository):
        dies = False

        def commit(self, writes: Sequence[Write]) -> None:
            if self.dies:
                raise DependencyUnavailableError("died")
            super().commit(writes)

    world = make_world(Dying)
    request = settled(world)
    world.reserve(request)
    world.orders.dies = True
    with pytest.raises(DependencyUnavailableError):
        world.ship(request)
    world.orders.dies = False
    assert world.stock() == (8, 0)
    # A later attempt fails before it ships, so that only the release runs.
    again = take_over(world)
    world.reserve(again)
    world.reverse(again)
    world.release(again)
    assert nothing_happened(world)


def test_a_refund_that_arrived_cannot_be_reversed(world: Any) -> None:
    request = settled(world)
    world.refund(request)
    world.change_refunds(status="completed")
    with pytest.raises(CompensationFailedError, match="reached the customer"):
        world.reverse(request)
    assert world.refunded() == 8400


def test_a_parcel_that_left_cannot_be_cancelled(world: Any) -> None:
    request = settled(world)
    world.settle(request)
    (shipment,) = world.replacements()
    version = load_order(world.orders, "ord_1").versions[f"shipment#{shipment.shipment_id}"]
    left = msgspec.structs.replace(shipment.parcels[0], status="in_transit")
    gone = msgspec.structs.replace(shipment, parcels=(left,))
    world.orders.commit([put_shipment(gone, version)])
    for step in (world.cancel, world.release):
        with pytest.raises(CompensationFailedError, match="has left"):
            step(request)
    assert world.stock() == (8, 0)
    world.reverse(request)
    assert world.refunded() == 0


def test_one_that_fails_does_not_keep_the_others(world: Any) -> None:
    """pay_3 repeats the charge once more; its refund has arrived, that of pay_2 has not."""
    world.payments.commit([_put(world, world.payment("pay_3", after=80))])
    third = world.action("refund_payment", "pay_3", "duplicate_charge")
    request = settled(
        world, actions=[world.DUPLICATE, third], computed={"pay_2": 8400, "pay_3": 8400}
    )
    effects = world.refund(request).effects
    facts = load_payments(world.payments, "ord_1")
    for refund in facts.refunds:
        if refund.payment_id == "pay_3":
            completed = msgspec.structs.replace(refund, status="completed")
            world.payments.commit([_put_refund(facts, completed)])
    with pytest.raises(CompensationFailedError):
        world.reverse(request)
    assert len(effects) == 2
    assert (world.refunded("pay_2"), world.refunded("pay_3")) == (0, 8400)


def test_a_line_refund_gives_its_claim_back(world: Any) -> None:
    world.set_stock(0)
    request = settled(world, actions=[world.MISSING_REFUND], computed={"line_2": 3400})
    world.refund(request)
    assert world.refunded() == 3400
    world.undo(request)
    world.set_stock(5)
    other = world.case("case_2")
    world.claim("exec_2", other)
    world.settle(SettlementRequest(world.decide([world.MISSING], case=other), 1))
    assert (world.refunded(), len(world.replacements()), world.stock()) == (0, 1, (3, 0))


def test_another_cases_effect_is_not_undone(world: Any) -> None:
    request = settled(world)
    world.settle(request)
    forged = msgspec.structs.replace(request.ruling, case_id="case_2")
    for step in (world.cancel, world.reverse, world.release):
        with pytest.raises(InvalidInputError):
            step(SettlementRequest(forged, 1))
    assert (world.refunded(), len(world.replacements())) == (8400, 1)


def _put(world: Any, payment: Any) -> Write:
    from redress.domains.payments.gateway import put_payment

    return put_payment(payment, 0)


def _put_refund(facts: Any, refund: Any) -> Write:
    from redress.domains.payments.gateway import put_refund

    return put_refund(refund, facts.versions[f"refund#{refund.refund_id}"])
