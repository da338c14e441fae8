"""What earlier attempts on a case did, or left half-done: it stands and is settled first."""

import msgspec

from redress.models.settlement import EffectRecord, RuledAction
from redress.ports import Repository
from redress.steps.effects import effects_of

ALREADY_DONE = "already-done: An earlier attempt did this; it is not done again."
ALREADY_BEGUN = "already-begun: An earlier attempt began this; it is brought to its end."


def begun_actions(
    case_id: str,
    attempt: int,
    orders: Repository,
    payments: Repository,
    inventory: Repository,
) -> tuple[RuledAction, ...]:
    """Return the actions of earlier attempts whose effects stand, refunds first.

    What is done is allowed. What is half-done, pieces set aside or claimed without the refund or
    shipment, keeps its decision: settling it again brings it to its end or undoes it.
    """
    if attempt == 1:
        return ()
    standing: dict[str, list[EffectRecord]] = {}
    for repository in (payments, orders, inventory):
        for record in effects_of(repository, case_id):
            if record.effect.state == "done":
                standing.setdefault(record.effect.effect_key, []).append(record)
    found = [_resumed(records) for records in standing.values()]
    return tuple(sorted(found, key=lambda each: (each.action, each.subject_id)))


def _resumed(records: list[EffectRecord]) -> RuledAction:
    action = records[0].action
    if any(record.effect.action == action.action for record in records):
        return msgspec.structs.replace(action, decision="allow", reasons=(ALREADY_DONE,))
    return msgspec.structs.replace(action, reasons=(ALREADY_BEGUN,))
