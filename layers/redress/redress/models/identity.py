"""Who acts for whom on which case: grants in the store, tokens on the wire, checked access."""

import base64
import hashlib
from collections.abc import Iterable
from typing import Annotated, Any, Literal

import msgspec

from redress.models.base import Identifier, Instant, Model

Scope = Literal[
    "orders:read", "payments:read", "inventory:read", "refunds:execute", "shipments:execute"
]
Workload = Literal[
    "evidence",
    "orders-agent",
    "payments-agent",
    "inventory-agent",
    "orchestrator",
    "monolith",
    "settlement",
]
"""A kind of program that works on cases; in AWS each is known by its role."""

Audience = Annotated[
    str, msgspec.Meta(pattern=r"^redress:(orders|payments|inventory):(tools|agent|records)(?!\n)$")
]
"""What a token is good for: `redress:<domain>:tools`, `:agent` or `:records`."""

DIGEST_LENGTH = 8
"""Characters of a product's digest."""


def sku_digests(skus: Iterable[str]) -> tuple[str, ...]:
    """Return a digest of each product, by which a token names it: 48 bits of SHA-256, base64url.

    Whole SKUs of a large order would not fit into an HTTP header. Whoever finds another product
    of the same digest, one in 2**48, may ask how many pieces of that are in stock.
    """
    size = DIGEST_LENGTH * 6 // 8
    return tuple(
        base64.urlsafe_b64encode(hashlib.sha256(sku.encode()).digest()[:size]).decode()
        for sku in skus
    )


class Grant(Model, frozen=True, kw_only=True):
    """What a user lets Redress do about one case. Its id may travel anywhere; it is no secret.

    `order_id`, `skus` and `as_of` are bound when the case is claimed. `act` is the chain of
    workloads that a delegated grant has come through, the latest first.
    """

    grant_id: Identifier
    case_id: Identifier
    customer_id: Identifier
    scopes: tuple[Scope, ...]
    source: Literal["api", "bus", "delegation"]
    expires_at: Instant
    order_id: Identifier | None = None
    skus: tuple[Identifier, ...] = ()
    as_of: Instant | None = None
    act: tuple[Workload, ...] = ()


class Access(Model, frozen=True, kw_only=True):
    """What a checked token or grant allows, here and now: the only thing that services look at.

    `sku_digests` are the digests of the order's products, in the order of the case.
    """

    subject: Identifier
    case_id: Identifier
    order_id: Identifier
    sku_digests: tuple[str, ...]
    as_of: Instant
    scopes: tuple[Scope, ...]
    audience: Audience
    act: tuple[Workload, ...]

    @property
    def workload(self) -> Workload:
        """Who acts; the others of `act` had it done, the one who asked first at the end."""
        return self.act[0]


class ExchangeRequest(Model, frozen=True, kw_only=True):
    """An RFC 8693 token exchange: exactly one of `grant_id` and `subject_token` is given."""

    workload: Workload
    audience: Audience
    scope: tuple[Scope, ...]
    case_id: Identifier
    grant_id: Identifier | None = None
    subject_token: str | None = None


class IssuedToken(Model, frozen=True, kw_only=True):
    """The answer to a token exchange; `expires_in` is seconds, at most 60."""

    access_token: str
    expires_in: int
    scope: tuple[Scope, ...]


class TokenClaims(Model, frozen=True, kw_only=True):
    """Claims of a token of ours, all of them required (RFC 9068, 8693, 9396)."""

    iss: str
    sub: Identifier
    aud: Audience
    exp: int
    iat: int
    nbf: int
    jti: Identifier
    client_id: Workload
    scope: str
    act: dict[str, Any]
    authorization_details: tuple[dict[str, Any], ...]
