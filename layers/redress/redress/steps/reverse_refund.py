"""ReverseRefund: undoes IssueRefund."""

import msgspec

from redress.domains.payments.gateway import partition_key, put_refund, refund_key
from redress.domains.payments.models import Refund
from redress.errors import CompensationFailedError
from redress.models.base import parse_json
from redress.models.settlement import Effect, RuledAction, SettlementRequest, StepResult
from redress.ports import Repository
from redress.steps.claims import release_line
from redress.steps.effects import Change, undo_once, undone
from redress.steps.guards import put_guard, read_guard
from redress.steps.settlement import REFUNDS, executable, nothing_done, undo_each
from redress.steps.totals import case_total, day_total


def reverse_refund(
    request: SettlementRequest, orders: Repository, payments: Repository
) -> StepResult:
    """Cancel each refund that is still on its way, the last one first, and its claim on pieces.

    All are tried; asked again, it returns what it reversed.

    Raises:
        CompensationFailedError: money has reached the customer, or a record is gone.
        ConflictError: other writes kept coming first.
    """

    def undo(action: RuledAction) -> Effect:
        nothing = nothing_done(request.ruling, action, action.action)

        def reverse(effect: Effect) -> Change:
            return _reversal(payments, request, effect)

        effect = undo_once(payments, action, request.attempt, nothing, reverse)
        if action.action == "refund_line" and effect.state != "done":
            release_line(orders, request, action)
        return effect

    return undo_each(executable(request.ruling, REFUNDS), undo)


def _reversal(payments: Repository, request: SettlementRequest, effect: Effect) -> Change:
    ruling = request.ruling
    guard = read_guard(payments, ruling.order_id)
    found = payments.get(partition_key(ruling.order_id), refund_key(effect.reference))
    if found is None:
        raise CompensationFailedError(f"refund {effect.reference} is gone")
    refund = parse_json(Refund, found.document)
    if refund.status == "completed":
        raise CompensationFailedError(f"refund {refund.refund_id} has reached the customer")
    writes = [put_guard(ruling.order_id, guard)]
    if refund.status == "pending":
        cancelled = msgspec.structs.replace(refund, status="cancelled")
        writes.append(put_refund(cancelled, found.version))
    case = case_total(payments, ruling.case_id, refund.currency)
    day = day_total(payments, ruling.customer_id, effect.detail["day"], refund.currency)
    writes += [case.changed(-refund.amount_minor), day.changed(-refund.amount_minor)]
    return undone(effect, writes)
