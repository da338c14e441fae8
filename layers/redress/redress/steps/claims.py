"""Claiming pieces of a line for a refund, in the orders' own records."""

from datetime import datetime

from redress.domains.orders.gateway import load_order
from redress.domains.payments.gateway import load_payments
from redress.errors import RefundRefusedError
from redress.models.settlement import Effect, RuledAction, Ruling, SettlementRequest
from redress.ports import Repository
from redress.steps.effects import Change, do_once, undo_once, undone
from redress.steps.guards import (
    LineClaim,
    claimed_pieces,
    find_claim,
    put_claim,
    put_guard,
    read_guard,
)
from redress.steps.ledger import short_pieces
from redress.steps.settlement import nothing_done

CLAIM_LINE = "claim_line"


def claim_line(
    orders: Repository,
    payments: Repository,
    request: SettlementRequest,
    action: RuledAction,
    as_of: datetime,
) -> Effect:
    """Claim the pieces that a refund will pay for, once.

    Refunds and shipments are in different tables. The claim comes first, in the table of the
    shipments, so that the same pieces are never both sent and paid back.

    Raises:
        RefundRefusedError: they are not short any more.
        ConflictError: other writes kept coming first.
    """

    def change() -> Change:
        ruling = request.ruling
        guard = read_guard(orders, ruling.order_id)
        facts = load_payments(payments, ruling.order_id)
        claimed = claimed_pieces(orders, ruling.order_id, facts, but=action.effect_key)
        short = sum(
            shortage.quantity
            for shortage in short_pieces(load_order(orders, ruling.order_id), facts, claimed, as_of)
            if shortage.line_id == action.line_id
        )
        if action.line_id is None or not 0 < action.quantity <= short:
            raise RefundRefusedError(
                f"{action.quantity} of {action.line_id} are to be refunded, {short} are short"
            )
        return _claim(orders, ruling, action, action.line_id, guard)

    return do_once(orders, action, request.attempt, change)


def release_line(orders: Repository, request: SettlementRequest, action: RuledAction) -> Effect:
    """Give claimed pieces back, once.

    Raises:
        ConflictError: other writes kept coming first.
    """
    ruling = request.ruling

    def reverse(effect: Effect) -> Change:
        guard = read_guard(orders, ruling.order_id)
        found = find_claim(orders, ruling.order_id, action.effect_key)
        released = LineClaim(
            line_id=effect.subject_id,
            quantity=action.quantity,
            effect_key=action.effect_key,
            status="released",
        )
        version = found.version if found else 0
        return undone(
            effect,
            (put_guard(ruling.order_id, guard), put_claim(ruling.order_id, released, version)),
        )

    nothing = nothing_done(ruling, action, CLAIM_LINE)
    return undo_once(orders, action, request.attempt, nothing, reverse)


def _claim(
    orders: Repository, ruling: Ruling, action: RuledAction, line_id: str, guard: int
) -> Change:
    found = find_claim(orders, ruling.order_id, action.effect_key)
    claim = LineClaim(
        line_id=line_id,
        quantity=action.quantity,
        effect_key=action.effect_key,
        status="held",
    )
    effect = Effect(
        effect_key=action.effect_key,
        case_id=ruling.case_id,
        action=CLAIM_LINE,
        subject_id=line_id,
        state="done",
        detail={"quantity": action.quantity},
    )
    writes = (
        put_guard(ruling.order_id, guard),
        put_claim(ruling.order_id, claim, found.version if found else 0),
    )
    return Change(effect, writes)
