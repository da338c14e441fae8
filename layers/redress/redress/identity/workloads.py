"""What each kind of program may do at most, whoever the user is."""

from collections.abc import Mapping
from typing import Final

from redress.models.identity import Scope, Workload
from redress.models.investigation import DomainName

_READS: Final[frozenset[Scope]] = frozenset({"orders:read", "payments:read", "inventory:read"})

WORKLOAD_SCOPES: Final[Mapping[Workload, frozenset[Scope]]] = {
    "evidence": _READS,
    "orders-agent": frozenset({"orders:read"}),
    "payments-agent": frozenset({"payments:read"}),
    "inventory-agent": frozenset({"inventory:read"}),
    "orchestrator": _READS,
    "monolith": _READS,
    # Nobody else may hold what moves money or goods.
    "settlement": frozenset({"refunds:execute", "shipments:execute"}),
}

AGENT_OF: Final[Mapping[DomainName, Workload]] = {
    "orders": "orders-agent",
    "payments": "payments-agent",
    "inventory": "inventory-agent",
}
"""The workload that is a domain's agent."""
