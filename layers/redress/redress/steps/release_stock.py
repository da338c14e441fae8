"""ReleaseStock: undoes ReserveStock."""

from redress.domains.inventory.gateway import (
    load_reservation,
    load_stock,
    put_reservation,
    put_stock,
)
from redress.domains.inventory.service import release, restore
from redress.errors import CompensationFailedError
from redress.models.settlement import Effect, RuledAction, SettlementRequest, StepResult
from redress.ports import Repository
from redress.steps.cancel_replacement import cancel_shipment
from redress.steps.effects import Change, undo_once, undone
from redress.steps.reserve_stock import RESERVE
from redress.steps.settlement import RESHIPMENTS, executable, nothing_done, undo_each


def release_stock(
    request: SettlementRequest, orders: Repository, inventory: Repository
) -> StepResult:
    """Give each reservation back, the last one first; asked again, it returns what it gave back.

    An earlier attempt may have shipped already, or have died between stock and shipment; so the
    shipment is cancelled here too, if there is one.

    Raises:
        CompensationFailedError: the pieces have left, or a record is gone.
        ConflictError: other writes kept coming first.
    """

    def undo(action: RuledAction) -> Effect:
        shipment = cancel_shipment(orders, request, action)
        if shipment.state == "done":
            return shipment
        nothing = nothing_done(request.ruling, action, RESERVE)

        def reverse(effect: Effect) -> Change:
            return _release(inventory, action, effect)

        return undo_once(inventory, action, request.attempt, nothing, reverse)

    return undo_each(executable(request.ruling, RESHIPMENTS), undo)


def _release(inventory: Repository, action: RuledAction, effect: Effect) -> Change:
    sku = effect.detail["sku"]
    found = load_reservation(inventory, sku, action.effect_key)
    facts = load_stock(inventory, [sku])
    if found is None or not facts.stocks:
        raise CompensationFailedError(f"the reservation of {sku} for {effect.subject_id} is gone")
    stock, held = restore(facts.stocks[0], found[0])
    freed, released = release(stock, held)
    writes = (put_stock(freed, facts.versions[sku]), put_reservation(released, found[1]))
    return undone(effect, writes)
