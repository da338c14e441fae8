"""The policy gate: Cedar decides what may be done, with facts from the ledger only."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import cedarpy
import msgspec

from redress.errors import InvalidInputError
from redress.models.base import Model
from redress.models.investigation import ActionKind, DomainName
from redress.models.settlement import Decision

SCHEMA_FILE = "redress.cedarschema"


class ActionFacts(Model, frozen=True):
    """What Cedar is told about one action; every value comes from the ledger or from a check.

    Money is in minor units. `amount_minor` is the refund, or what the pieces of a reshipment cost.
    `case_minor` and `day_minor` are the refunds of the case, and of the customer today, with this
    one. The `payment_*` fields and `refundable_minor` are about the payment refunded, `quantity`
    and `available` about the pieces sent again. `unanswered` are the domains that gave the
    investigation no answer.
    """

    action: ActionKind
    subject_id: str
    customer_id: str
    order_owner: str
    amount_minor: int
    currency: str
    unanswered: tuple[DomainName, ...]
    case_minor: int = 0
    day_minor: int = 0
    payment_owner: str = ""
    payment_status: str = ""
    refundable_minor: int = 0
    quantity: int = 0
    available: int = 0
    cited: bool = False
    supported: bool = False
    reconciled: bool = False
    conclusive: bool = False


class GateAnswer(NamedTuple):
    """A decision; reasons are "<policy id>: <its reason>", sorted."""

    decision: Decision
    reasons: tuple[str, ...]


class PolicyGate:
    """Cedar policies, parsed and validated once; deny by default."""

    def __init__(self, policies: str, schema: str, origin: str = "the policies") -> None:
        """Load policies given as text.

        Raises:
            InvalidInputError: they cannot be parsed, use what the schema does not know, or lack
                an id or a reason; no gate is better than an open one.
        """
        try:
            self._policies = cedarpy.PolicySet.from_str(policies)
            annotated = json.loads(cedarpy.policies_to_json_str(policies))
            check = cedarpy.validate_policies(policies, schema)
        except ValueError as error:
            raise InvalidInputError(f"{origin}: {error}") from error
        if not check.validation_passed:
            raise InvalidInputError(f"{origin}: {'; '.join(str(e) for e in check.errors)}")
        if annotated.get("templates"):
            raise InvalidInputError(f"{origin}: templates are not supported")
        self._reasons = _reasons(annotated["staticPolicies"], origin)

    @classmethod
    def from_folder(cls, folder: str | Path) -> "PolicyGate":
        """Load all `*.cedar` files of a folder against its `redress.cedarschema`.

        Raises:
            InvalidInputError: a file is missing, unreadable or malformed.
        """
        try:
            schema = (Path(folder) / SCHEMA_FILE).read_text(encoding="utf-8")
            files = sorted(Path(folder).glob("*.cedar"))
            policies = "\n".join(file.read_text(encoding="utf-8") for file in files)
        except (OSError, UnicodeError) as error:
            raise InvalidInputError(f"no policies can be read in {folder}: {error}") from error
        return cls(policies, schema, origin=str(folder))

    def decide(self, facts: ActionFacts, approved: bool = False) -> GateAnswer:
        """Ask whether an action may be done now, with an approval, or not at all.

        `approved` says that a human has approved it already; then the answer is allow or deny.
        """
        resource = _resource(facts)
        entities = _json([resource])
        if approved:
            return self._ask(facts, resource, entities, approved=True)
        unattended = self._ask(facts, resource, entities, approved=False)
        if unattended.decision == "allow":
            return unattended
        attended = self._ask(facts, resource, entities, approved=True)
        if attended.decision == "allow":
            return GateAnswer("needs_approval", unattended.reasons)
        return attended

    def _ask(
        self, facts: ActionFacts, resource: dict[str, Any], entities: str, *, approved: bool
    ) -> GateAnswer:
        request = {
            "principal": {"type": "Customer", "id": facts.customer_id},
            "action": {"type": "Action", "id": facts.action},
            "resource": resource["uid"],
            "context": _json(_context(facts, approved=approved)),
        }
        answer = cedarpy.is_authorized(request, self._policies, entities)
        diagnostics = answer.diagnostics
        if diagnostics.errors:
            # Cedar skips a policy that errs. A skipped forbid would open the gate.
            return GateAnswer("deny", ("policy-error: A policy could not be evaluated.",))
        names = sorted(self._reasons[name] for name in diagnostics.reasons)
        if answer.decision is cedarpy.Decision.Allow:
            return GateAnswer("allow", tuple(names))
        return GateAnswer("deny", tuple(names) or ("no-permit: No policy permits this.",))


def _resource(facts: ActionFacts) -> dict[str, Any]:
    attributes: dict[str, Any] = {"order_owner": _customer(facts.order_owner)}
    if facts.action == "reship_line":
        kind = "OrderLine"
    else:
        kind = "Payment"
        attributes["owner"] = _customer(facts.payment_owner)
        attributes["status"] = facts.payment_status
        attributes["refundable_minor"] = facts.refundable_minor
    return {"uid": {"type": kind, "id": facts.subject_id}, "attrs": attributes, "parents": []}


def _context(facts: ActionFacts, *, approved: bool) -> dict[str, Any]:
    context: dict[str, Any] = {
        "amount_minor": facts.amount_minor,
        "currency": facts.currency,
        "cited": facts.cited,
        "supported": facts.supported,
        "conclusive": facts.conclusive,
        "unanswered": facts.unanswered,
        "approved": approved,
    }
    if facts.action == "reship_line":
        return context | {"quantity": facts.quantity, "available": facts.available}
    return context | {
        "case_minor": facts.case_minor,
        "day_minor": facts.day_minor,
        "reconciled": facts.reconciled,
    }


def _json(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _customer(customer_id: str) -> dict[str, Any]:
    return {"__entity": {"type": "Customer", "id": customer_id}}


def _reasons(policies: Mapping[str, Any], origin: str) -> dict[str, str]:
    """Return "<id>: <reason>" by Cedar's own name of a policy."""
    reasons: dict[str, str] = {}
    seen: set[str] = set()
    for name, policy in policies.items():
        annotations = policy.get("annotations") or {}
        policy_id, reason = annotations.get("id"), annotations.get("reason")
        if not policy_id or not reason:
            raise InvalidInputError(f"{origin}: {policy_id or name} needs an @id and a @reason")
        if policy_id in seen:
            raise InvalidInputError(f"{origin}: two policies have the id {policy_id}")
        seen.add(policy_id)
        reasons[name] = f"{policy_id}: {reason}"
    if not reasons:
        raise InvalidInputError(f"{origin}: there are no policies")
    return reasons
