"""Grants in the cases repository: what a user lets Redress do about one case."""

import hashlib
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

from redress.errors import AccessDeniedError
from redress.identity.scopes import READ_SCOPE, allowed, audience
from redress.models.base import dump_json, parse_json
from redress.models.case import SupportCase
from redress.models.identity import Access, Audience, Grant, Scope, Workload, sku_digests
from redress.models.investigation import NOT_PERMITTED, DomainName, EvidenceBundle
from redress.models.settlement import Ruling
from redress.ports import Clock, Repository, Write

GRANT = "grant"
GRANT_LIFE = timedelta(days=90)
"""How long a user's word on a case holds: as long as a failed case is worth a replay."""
DELEGATION_LIFE = timedelta(hours=1)
"""How long a task may run on what its caller's token allowed."""
MAX_CHAIN = 8
"""Workloads that a grant may be handed through."""

_MAX_ID = 128


class StoredGrant(NamedTuple):
    """A grant and its version."""

    grant: Grant
    version: int


def partition_key(grant_id: str) -> str:
    """Return the partition of a grant."""
    return f"grant#{grant_id}"


def bus_grant_id(case_id: str) -> str:
    """Return the id of the grant of a case that a trusted system put on the bus."""
    name = f"grant.{case_id}"
    if len(name) <= _MAX_ID:
        return name
    return f"grant.sha256.{hashlib.sha256(case_id.encode()).hexdigest()}"


def find_grant(grants: Repository, grant_id: str) -> StoredGrant | None:
    """Read a grant, if there is one; it may have expired."""
    found = grants.get(partition_key(grant_id), GRANT)
    if found is None:
        return None
    return StoredGrant(parse_json(Grant, found.document), found.version)


def put_grant(grant: Grant, expected_version: int) -> Write:
    """Build the write of a grant; version 0 creates it."""
    return Write(
        partition=partition_key(grant.grant_id),
        sort=GRANT,
        document=dump_json(grant),
        expected_version=expected_version,
        expires_at=int(grant.expires_at.timestamp()),
    )


def save_grant(grants: Repository, grant: Grant, expected_version: int = 0) -> None:
    """Store a grant.

    Raises:
        ConflictError: it is stored in another version already.
    """
    grants.commit([put_grant(grant, expected_version)])


def load_grant(grants: Repository, grant_id: str, now: datetime) -> Grant:
    """Read a grant that holds.

    Raises:
        AccessDeniedError: there is none, or it has expired.
    """
    found = find_grant(grants, grant_id)
    if found is None:
        raise AccessDeniedError(f"there is no grant {grant_id}")
    if found.grant.expires_at <= now:
        raise AccessDeniedError(f"the grant {grant_id} has expired: the case is opened anew")
    return found.grant


def access_by(
    grant: Grant, case_id: str, scopes: tuple[Scope, ...], workload: Workload, target: Audience
) -> Access:
    """Return what a grant gives to a workload about a case: the one rule, applied.

    Raises:
        AccessDeniedError: nothing, or the grant is another case's, or of a case nobody claimed.
    """
    if grant.case_id != case_id:
        raise AccessDeniedError(f"the grant {grant.grant_id} is of another case")
    if grant.order_id is None or grant.as_of is None:
        raise AccessDeniedError(f"nobody has claimed the case of the grant {grant.grant_id}")
    if len(grant.act) >= MAX_CHAIN:
        raise AccessDeniedError(f"the grant {grant.grant_id} went through {MAX_CHAIN} hands")
    return Access(
        subject=grant.customer_id,
        case_id=grant.case_id,
        order_id=grant.order_id,
        sku_digests=sku_digests(grant.skus),
        as_of=grant.as_of,
        scopes=tuple(sorted(allowed(scopes, grant.scopes, workload, target))),
        audience=target,
        act=(workload, *grant.act),
    )


class Grants:
    """What steps of the workflow, which make no hop and so need no token, may do.

    Args:
        cases: The cases repository, where grants are.
        clock: The current time.
    """

    def __init__(self, cases: Repository, clock: Clock) -> None:
        self._cases = cases
        self._clock = clock

    def authorise(
        self,
        about: SupportCase | Ruling,
        grant_id: str | None,
        *,
        workload: Workload,
        audience: Audience,
        scope: Scope,
    ) -> Access:
        """Return what the grant of a case gives to a workload.

        Raises:
            AccessDeniedError: it does not allow it, has expired, or is not this case's.
            DependencyUnavailableError: the store did not answer.
        """
        if grant_id is None:
            raise AccessDeniedError(f"nobody has granted anything about case {about.case_id}")
        grant = load_grant(self._cases, grant_id, self._clock.now())
        access = access_by(grant, about.case_id, (scope,), workload, audience)
        if (access.subject, access.order_id) != (about.customer_id, about.order_id):
            raise AccessDeniedError(f"the grant {grant.grant_id} is of another customer or order")
        return access

    def permits_reading(self, case: SupportCase, workload: Workload, domain: DomainName) -> bool:
        """Tell whether a workload may read what a domain knows of a case.

        Raises:
            DependencyUnavailableError: the store did not answer.
        """
        try:
            self.authorise(
                case,
                case.grant_id,
                workload=workload,
                audience=audience(domain, "records"),
                scope=READ_SCOPE[domain],
            )
        except AccessDeniedError:
            return False
        return True


def not_permitted(domain: DomainName) -> EvidenceBundle:
    """Return what is known of a domain that the user may not read: nothing."""
    return EvidenceBundle(domain=domain, items=(), missing=(f"{domain}/{NOT_PERMITTED}",))


def delegate(
    grants: Repository,
    access: Access,
    skus: tuple[str, ...],
    clock: Clock,
    new_id: Callable[[], str],
) -> str:
    """Store what a token allowed, for work that outlives the token, and return the grant's id.

    Nothing is added: the same subject, case and scopes, for `DELEGATION_LIFE`, with the chain of
    those who acted kept. The token has only digests of the order's products: `skus` are they.

    Raises:
        AccessDeniedError: `skus` are not the products that the token is for.
        DependencyUnavailableError: the store did not answer.
    """
    if sku_digests(skus) != access.sku_digests:
        raise AccessDeniedError("these are not the products that the token is for")
    grant = Grant(
        grant_id=f"delegation.{new_id()}",
        case_id=access.case_id,
        customer_id=access.subject,
        scopes=access.scopes,
        source="delegation",
        expires_at=clock.now() + DELEGATION_LIFE,
        order_id=access.order_id,
        skus=skus,
        as_of=access.as_of,
        act=access.act,
    )
    save_grant(grants, grant)
    return grant.grant_id
