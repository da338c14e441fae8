"""ReserveStock: sets stock aside for every reshipment."""

from redress.domains.inventory.gateway import (
    load_reservation,
    load_stock,
    put_reservation,
    put_stock,
)
from redress.domains.inventory.service import reserve
from redress.errors import InvalidInputError, OutOfStockError
from redress.identity.grants import Grants
from redress.models.settlement import Effect, RuledAction, Ruling, SettlementRequest, StepResult
from redress.ports import Clock, Repository
from redress.steps.effects import Change, do_once
from redress.steps.settlement import RESHIPMENTS, check_mandate, check_right, executable

RESERVE = "reserve_stock"


def reserve_stock(
    request: SettlementRequest, inventory: Repository, cases: Repository, clock: Clock
) -> StepResult:
    """Reserve what each allowed reshipment needs; asked again, it returns what it reserved.

    Raises:
        OutOfStockError: a product ran short since the ruling; what was reserved before stays.
        CaseOwnedElsewhereError, CaseAlreadySettledError: this attempt is over.
        ApprovalMismatchError, ApprovalDeniedError: a human has not approved this settlement.
        AccessDeniedError: the customer has not asked for it, or not any more.
        ConflictError: other writes kept coming first.
    """
    mandate = check_mandate(request, cases)
    actions = executable(request.ruling, RESHIPMENTS)
    grants = Grants(cases, clock)
    check_right(mandate, request.ruling, actions, grants, "inventory", "shipments:execute")
    effects: list[Effect] = []
    for action in actions:

        def change(action: RuledAction = action) -> Change:
            return _reservation(inventory, request.ruling, action)

        effects.append(do_once(inventory, action, request.attempt, change))
    return StepResult(effects=tuple(effects))


def _reservation(inventory: Repository, ruling: Ruling, action: RuledAction) -> Change:
    if action.sku is None or action.quantity < 1:
        raise InvalidInputError(f"{action.subject_id}: a reshipment has a product and pieces")
    facts = load_stock(inventory, [action.sku])
    if not facts.stocks:
        raise OutOfStockError(f"{action.sku} is no product of the warehouse")
    stock, reservation = reserve(
        facts.stocks[0], action.quantity, ruling.order_id, action.effect_key
    )
    earlier = load_reservation(inventory, action.sku, action.effect_key)
    effect = Effect(
        effect_key=action.effect_key,
        case_id=ruling.case_id,
        action=RESERVE,
        subject_id=action.subject_id,
        state="done",
        reference=action.sku,
        detail={"sku": action.sku, "quantity": action.quantity},
    )
    writes = (
        put_stock(stock, facts.versions[action.sku]),
        put_reservation(reservation, earlier[1] if earlier else 0),
    )
    return Change(effect, writes)
