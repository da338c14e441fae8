"""Grants of claimed cases over a repository in memory."""

from datetime import UTC, datetime, timedelta

from redress.adapters.memory.repository import MemoryRepository
from redress.identity.grants import Grants, save_grant
from redress.identity.scopes import DEFAULT_CUSTOMER_SCOPES
from redress.models.case import SupportCase
from redress.models.identity import Grant, Scope
from redress.ports import Repository


class _Now:
    def now(self) -> datetime:
        return datetime.now(UTC)


def granted(
    *cases: SupportCase,
    scopes: tuple[Scope, ...] = DEFAULT_CUSTOMER_SCOPES,
    repository: Repository | None = None,
) -> Grants:
    """Grant `scopes` about each of the cases, as their customers."""
    kept = repository or MemoryRepository()
    for case in cases:
        grant = Grant(
            grant_id=case.grant_id,
            case_id=case.case_id,
            customer_id=case.customer_id,
            scopes=scopes,
            source="api",
            expires_at=datetime.now(UTC) + timedelta(days=1),
            order_id=case.order_id,
            skus=case.skus,
            as_of=case.as_of,
        )
        save_grant(kept, grant)
    return Grants(kept, _Now())
