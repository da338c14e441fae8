"""The one rule of access: requested AND user AND workload AND audience."""

from collections.abc import Iterable, Mapping
from typing import Final, Literal

from redress.errors import AccessDeniedError
from redress.identity.workloads import WORKLOAD_SCOPES
from redress.models.identity import Audience, Scope, Workload
from redress.models.investigation import DomainName

AudienceKind = Literal["tools", "agent", "records"]

READ_SCOPE: Final[Mapping[DomainName, Scope]] = {
    "orders": "orders:read",
    "payments": "payments:read",
    "inventory": "inventory:read",
}
"""What reading a domain's facts takes."""

_EXECUTE_SCOPES: Final[Mapping[DomainName, frozenset[Scope]]] = {
    "orders": frozenset({"shipments:execute"}),
    "payments": frozenset({"refunds:execute"}),
    "inventory": frozenset({"shipments:execute"}),
}


def audience(domain: DomainName, kind: AudienceKind) -> Audience:
    """Return the audience of a domain's tools, agent or records."""
    return f"redress:{domain}:{kind}"


def _audience_scopes() -> dict[Audience, frozenset[Scope]]:
    found: dict[Audience, frozenset[Scope]] = {}
    for domain, read in READ_SCOPE.items():
        found[audience(domain, "tools")] = frozenset({read})
        found[audience(domain, "agent")] = frozenset({read})
        found[audience(domain, "records")] = _EXECUTE_SCOPES[domain] | {read}
    return found


AUDIENCE_SCOPES: Final[Mapping[Audience, frozenset[Scope]]] = _audience_scopes()
"""What each audience understands; nothing else has any meaning to it."""

USER_SCOPES: Final[Mapping[str, frozenset[Scope]]] = {
    "redress/orders.read": frozenset({"orders:read"}),
    "redress/payments.read": frozenset({"payments:read"}),
    "redress/inventory.read": frozenset({"inventory:read"}),
    # A customer asks for redress; that only the settlement may give it, the one rule sees to.
    "redress/refunds.request": frozenset({"refunds:execute", "shipments:execute"}),
}
"""What each scope of a customer's token lets Redress do about the customer's case."""

DEFAULT_CUSTOMER_SCOPES: Final[tuple[Scope, ...]] = tuple(
    sorted(frozenset[Scope]().union(*USER_SCOPES.values()))
)
"""What a trusted system grants by opening a case in a customer's name."""


def user_scopes(scope: str) -> tuple[Scope, ...]:
    """Return what a customer's token grants, sorted; `scope` is the claim, separated by spaces."""
    granted = (USER_SCOPES.get(name, frozenset[Scope]()) for name in scope.split())
    return tuple(sorted(frozenset[Scope]().union(*granted)))


def allowed(
    requested: Iterable[Scope], user: Iterable[Scope], workload: Workload, audience: Audience
) -> frozenset[Scope]:
    """Return what is requested, granted by the user, and right for workload and audience.

    Raises:
        AccessDeniedError: nothing is left.
    """
    scopes = (
        frozenset(requested)
        & frozenset(user)
        & WORKLOAD_SCOPES.get(workload, frozenset())
        & AUDIENCE_SCOPES.get(audience, frozenset())
    )
    if not scopes:
        raise AccessDeniedError(
            f"user, {workload} and {audience} together allow nothing of what was asked for"
        )
    return scopes
