"""An issuer over repositories in memory, for tests of whoever takes its tokens."""

import itertools
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from redress.adapters.local_keys import LocalKey
from redress.adapters.memory.repository import MemoryRepository
from redress.identity.broker import Broker
from redress.identity.grants import save_grant
from redress.identity.replay import ReplayGuard
from redress.identity.scopes import DEFAULT_CUSTOMER_SCOPES
from redress.identity.tokens import Verifier
from redress.models.identity import (
    Access,
    Audience,
    ExchangeRequest,
    Grant,
    Scope,
    Workload,
    sku_digests,
)

ISSUER = "https://redress.test"
NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
ACCESS = Access(
    subject="cus_1",
    case_id="case_1",
    order_id="ord_1",
    sku_digests=sku_digests(("sku_a", "sku_b")),
    as_of=NOW,
    scopes=("payments:read",),
    audience="redress:payments:tools",
    act=("payments-agent",),
)


class Hand:
    """A clock that is moved by hand."""

    def __init__(self, now: datetime = NOW) -> None:
        self.time = now

    def now(self) -> datetime:
        return self.time

    def pass_seconds(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


class Identity:
    """A broker with a key of its own, one claimed case, and verifiers for any audience."""

    def __init__(self, **changed: Any) -> None:
        self.clock = Hand()
        self.cases, self.tasks = MemoryRepository(), MemoryRepository()
        self.key = LocalKey()
        numbers = itertools.count(1)
        self.broker = Broker(
            grants=self.cases,
            used=self.tasks,
            signer=self.key,
            clock=self.clock,
            new_id=lambda: f"id_{next(numbers)}",
            issuer=ISSUER,
        )
        self.grant = msgspec.structs.replace(
            Grant(
                grant_id="grant_1",
                case_id="case_1",
                customer_id="cus_1",
                scopes=DEFAULT_CUSTOMER_SCOPES,
                source="api",
                expires_at=NOW + timedelta(days=1),
                order_id="ord_1",
                skus=("sku_a", "sku_b"),
                as_of=NOW,
            ),
            **changed,
        )
        save_grant(self.cases, self.grant)

    def verifier(self, audience: Audience) -> Verifier:
        """Return who checks tokens for `audience`."""
        replay = ReplayGuard(self.tasks, audience)
        return Verifier(self.key, ISSUER, audience, self.clock, replay)

    def token(self, workload: Workload, audience: Audience, *scope: Scope, **more: Any) -> str:
        """Exchange the case's grant for a token."""
        fields = {"case_id": "case_1", "grant_id": self.grant.grant_id, **more}
        request = ExchangeRequest(workload=workload, audience=audience, scope=scope, **fields)
        return self.broker.exchange(request).access_token
