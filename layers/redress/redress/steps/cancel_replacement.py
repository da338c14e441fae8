"""CancelReplacement: undoes ShipReplacement, the half-done kind included."""

import msgspec

from redress.domains.inventory.gateway import (
    load_reservation,
    load_stock,
    put_reservation,
    put_stock,
)
from redress.domains.inventory.service import restore
from redress.domains.orders.gateway import partition_key, put_shipment, shipment_key
from redress.domains.orders.models import Shipment
from redress.errors import CompensationFailedError
from redress.models.base import parse_json
from redress.models.settlement import Effect, RuledAction, SettlementRequest, StepResult
from redress.ports import Repository
from redress.steps.effects import (
    Change,
    deciding_again,
    find_effect,
    put_effect,
    undo_once,
    undone,
)
from redress.steps.guards import put_guard, read_guard
from redress.steps.settlement import RESHIPMENTS, executable, nothing_done, undo_each


def cancel_replacement(
    request: SettlementRequest, orders: Repository, inventory: Repository
) -> StepResult:
    """Cancel each reshipment that has not left, the last one first; its pieces are held again.

    All are tried; asked again, it returns what it cancelled.

    Raises:
        CompensationFailedError: a parcel has left, or a record is gone.
        ConflictError: other writes kept coming first.
    """

    def undo(action: RuledAction) -> Effect:
        effect = cancel_shipment(orders, request, action)
        if effect.state != "done":
            _put_back(inventory, action, request.attempt)
        return effect

    return undo_each(executable(request.ruling, RESHIPMENTS), undo)


def cancel_shipment(orders: Repository, request: SettlementRequest, action: RuledAction) -> Effect:
    """Cancel one reshipment, once.

    Raises:
        CompensationFailedError: its parcel has left.
        ConflictError: other writes kept coming first.
    """
    order_id = request.ruling.order_id

    def reverse(effect: Effect) -> Change:
        guard = read_guard(orders, order_id)
        found = orders.get(partition_key(order_id), shipment_key(effect.reference))
        if found is None:
            raise CompensationFailedError(f"shipment {effect.reference} is gone")
        shipment = parse_json(Shipment, found.document)
        if any(parcel.status != "preparing" for parcel in shipment.parcels):
            raise CompensationFailedError(f"shipment {shipment.shipment_id} has left")
        cancelled = msgspec.structs.replace(shipment, cancelled=True)
        return undone(effect, (put_shipment(cancelled, found.version), put_guard(order_id, guard)))

    nothing = nothing_done(request.ruling, action, action.action)
    return undo_once(orders, action, request.attempt, nothing, reverse)


def _put_back(inventory: Repository, action: RuledAction, attempt: int) -> None:
    """Hold consumed pieces again, unless a later attempt has taken them over."""

    def once() -> None:
        stored = find_effect(inventory, action.effect_key)
        if stored.record is None or not stored.done or stored.record.attempt > attempt:
            return
        sku = action.sku or ""
        found = load_reservation(inventory, sku, action.effect_key)
        if found is None or found[0].status != "consumed":
            return
        facts = load_stock(inventory, [sku])
        stock, held = restore(facts.stocks[0], found[0])
        inventory.commit(
            [
                put_stock(stock, facts.versions[sku]),
                put_reservation(held, found[1]),
                put_effect(stored.record, stored.version),
            ]
        )

    deciding_again(once)
