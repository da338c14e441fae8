"""ShipReplacement: books the reshipment and consumes the reservation."""

from datetime import datetime, timedelta

from redress.domains.inventory.gateway import (
    load_reservation,
    load_stock,
    put_reservation,
    put_stock,
)
from redress.domains.inventory.service import consume
from redress.domains.orders.gateway import load_order, put_shipment
from redress.domains.orders.models import OrderFacts, Parcel, ParcelItem, Shipment
from redress.domains.payments.gateway import load_payments
from redress.errors import CaseOwnedElsewhereError, OutOfStockError, RefundRefusedError
from redress.identity.grants import Grants
from redress.models.settlement import Effect, RuledAction, SettlementRequest, StepResult
from redress.ports import Clock, EventPublisher, Repository
from redress.steps.effects import Change, deciding_again, do_once, find_effect, put_effect
from redress.steps.guards import claimed_pieces, put_guard, read_guard
from redress.steps.ledger import short_pieces
from redress.steps.progress import publish_progress, shown
from redress.steps.settlement import RESHIPMENTS, check_mandate, check_right, executable

REPLACEMENT_DAYS = 7
"""Days within which a replacement is promised; the policy's prose quotes it."""


def ship_replacement(
    request: SettlementRequest,
    orders: Repository,
    payments: Repository,
    inventory: Repository,
    cases: Repository,
    clock: Clock,
    publisher: EventPublisher,
) -> StepResult:
    """Book each allowed reshipment once; asked again, it returns what it booked.

    The pieces leave the stock first, then the shipment is booked: in between they are nowhere
    twice, and doing or undoing this step again finds them.

    Raises:
        RefundRefusedError: the pieces are not short any more.
        OutOfStockError: nothing is reserved for the reshipment.
        CaseOwnedElsewhereError, CaseAlreadySettledError: this attempt is over.
        ApprovalMismatchError, ApprovalDeniedError: a human has not approved this settlement.
        AccessDeniedError: the customer has not asked for it, or not any more.
        ConflictError: other writes kept coming first.
    """
    mandate = check_mandate(request, cases)
    actions = executable(request.ruling, RESHIPMENTS)
    grants = Grants(cases, clock)
    check_right(mandate, request.ruling, actions, grants, "orders", "shipments:execute")
    as_of, now = mandate.as_of, clock.now()
    effects: list[Effect] = []
    for action in actions:
        _take_from_stock(inventory, action, request.attempt)

        def change(action: RuledAction = action) -> Change:
            return _shipment(request, action, orders, payments, as_of, max(now, as_of))

        effects.append(do_once(orders, action, request.attempt, change))
    result = StepResult(effects=tuple(effects))
    if effects:
        facts = {"effects": shown(result.effects)}
        publish_progress(publisher, request.ruling, "shipped", request.attempt, now, facts)
    return result


def _take_from_stock(inventory: Repository, action: RuledAction, attempt: int) -> None:
    """Consume the reservation that this attempt made or took over."""

    def once() -> None:
        stored = find_effect(inventory, action.effect_key)
        if stored.record is not None and stored.record.attempt > attempt:
            raise CaseOwnedElsewhereError(f"a later attempt sends {action.subject_id}")
        sku = action.sku or ""
        found = load_reservation(inventory, sku, action.effect_key)
        if stored.record is None or not stored.done or found is None:
            raise OutOfStockError(f"nothing is reserved for {action.subject_id}")
        reservation, version = found
        if reservation.status == "consumed":
            return
        facts = load_stock(inventory, [sku])
        stock, consumed = consume(facts.stocks[0], reservation)
        # The effect's record is written unchanged: releasing the stock meanwhile conflicts.
        inventory.commit(
            [
                put_stock(stock, facts.versions[sku]),
                put_reservation(consumed, version),
                put_effect(stored.record, stored.version),
            ]
        )

    deciding_again(once)


def _shipment(
    request: SettlementRequest,
    action: RuledAction,
    orders: Repository,
    payments: Repository,
    as_of: datetime,
    at: datetime,
) -> Change:
    ruling = request.ruling
    guard = read_guard(orders, ruling.order_id)
    order = load_order(orders, ruling.order_id)
    facts = load_payments(payments, ruling.order_id)
    claimed = claimed_pieces(orders, ruling.order_id, facts, but=action.effect_key)
    # Parcels carry products, so a shipment for one line can fill another one of its product.
    short = sum(
        s.quantity for s in short_pieces(order, facts, claimed, as_of) if s.sku == action.sku
    )
    if not _is_line(order, action) or not 0 < action.quantity <= short:
        raise RefundRefusedError(
            f"{action.quantity} of {action.subject_id} are to be sent again, {short} are short"
        )
    name = f"{action.effect_key[:24]}.{request.attempt}"
    item = ParcelItem(sku=action.sku or "", quantity=action.quantity)
    shipment = Shipment(
        shipment_id=f"replacement.{name}",
        order_id=ruling.order_id,
        promised_by=at + timedelta(days=REPLACEMENT_DAYS),
        parcels=(Parcel(parcel_id=f"parcel.{name}", status="preparing", items=(item,)),),
        effect_key=action.effect_key,
    )
    effect = Effect(
        effect_key=action.effect_key,
        case_id=ruling.case_id,
        action=action.action,
        subject_id=action.subject_id,
        state="done",
        reference=shipment.shipment_id,
        detail={"sku": action.sku, "quantity": action.quantity},
    )
    return Change(effect, (put_shipment(shipment, 0), put_guard(ruling.order_id, guard)))


def _is_line(facts: OrderFacts, action: RuledAction) -> bool:
    subject = (action.subject_id, action.sku)
    return any((line.line_id, line.sku) == subject for line in facts.order.lines)
