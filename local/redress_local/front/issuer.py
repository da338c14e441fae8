"""A local issuer of access tokens that stands in for Cognito user pools.

Tokens carry the pool's real issuer URL, so that the template's authorizers accept them; they are
verified with the local keys, without any network.
"""

from __future__ import annotations

import secrets
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec
from joserfc import jwt

from redress_local.front import key_files
from redress_local.front.jwt import Key
from redress_local.front.models import FrontError

Algorithm = Literal["RS256", "ES256"]
MAX_TTL = 3600
_OWN_CLAIMS = {
    "auth_time", "client_id", "cognito:groups", "exp", "iat", "iss", "jti", "nbf", "scope", "scp",
    "sub", "token_use", "username", "version",
}  # fmt: skip


class IssuerError(FrontError):
    """A token that the issuer does not mint.

    Attributes:
        kind: UnknownPool, UnknownClient, UnknownScope or InvalidRequest.
        known: The names to choose from, for the unknown ones.
    """

    def __init__(self, kind: str, message: str, known: Sequence[str] = ()) -> None:
        self.kind = kind
        self.known = tuple(known)
        super().__init__(message)


class Client(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`AWS::Cognito::UserPoolClient`.

    Attributes:
        client_id: Its physical id (`Ref`).
        name: `ClientName`, or its logical id.
        secret: Given with `GenerateSecret`; client_credentials needs one.
        scopes: `AllowedOAuthScopes`.
    """

    client_id: str
    name: str = ""
    secret: str | None = None
    scopes: tuple[str, ...] = ()


class UserPool(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`AWS::Cognito::UserPool` with its clients and resource servers.

    Attributes:
        pool_id: Its physical id (`Ref`), such as `us-east-1_Ab12Cd34E`.
        region: The region in its issuer's URL.
        clients: Its clients; the first is the default.
        scopes: Custom scopes, `{resource server identifier}/{scope name}`.
    """

    pool_id: str
    region: str
    clients: tuple[Client, ...]
    scopes: tuple[str, ...] = ()

    @property
    def issuer(self) -> str:
        """The URL in `iss`."""
        return f"https://cognito-idp.{self.region}.amazonaws.com/{self.pool_id}"


class Issuer:
    """Mints and vouches for access tokens of registered pools. Thread-safe.

    Args:
        folder: Keeps the keys there, in files that only the owner may read; by default they are
            made at start and forgotten at stop.
        clock: Seconds since the epoch.
    """

    def __init__(
        self, *, folder: Path | None = None, clock: Callable[[], float] = time.time
    ) -> None:
        self.clock = clock
        self._lock = threading.Lock()
        self._pools: dict[str, UserPool] = {}
        self._signing: dict[Algorithm, Key] = {
            "RS256": key_files.load_or_make(folder, "RS256"),
            "ES256": key_files.load_or_make(folder, "ES256"),
        }
        self._keys = {str(key.kid): key for key in self._signing.values()}

    def register(self, pool: UserPool) -> None:
        """Know a pool from now on; one with the same id is replaced."""
        with self._lock:
            self._pools[pool.pool_id] = pool

    def pools(self) -> list[UserPool]:
        """The registered pools; the first is the default."""
        with self._lock:
            return list(self._pools.values())

    def pool(self, pool_id: str | None = None) -> UserPool:
        """A pool by its id, or the first.

        Raises:
            IssuerError: It is not known.
        """
        known = {pool.pool_id: pool for pool in self.pools()}
        if pool_id is None and known:
            return next(iter(known.values()))
        if pool_id is None:
            raise IssuerError("UnknownPool", "the template has no user pool")
        if pool_id not in known:
            raise IssuerError("UnknownPool", f"there is no user pool {pool_id:.100}", list(known))
        return known[pool_id]

    def client(self, pool: UserPool, client: str | None = None) -> Client:
        """A pool's client by id or name, or the first.

        Raises:
            IssuerError: It is not known.
        """
        for known in pool.clients:
            if client is None or client in (known.client_id, known.name):
                return known
        if client is None:
            raise IssuerError("UnknownClient", f"the user pool {pool.pool_id} has no client")
        names = [known.name or known.client_id for known in pool.clients]
        raise IssuerError("UnknownClient", f"there is no client {client:.100}", names)

    def vouches_for(self, issuer_url: str) -> bool:
        """Whether an issuer URL is that of a registered pool."""
        return any(pool.issuer == issuer_url for pool in self.pools())

    def keys(self) -> Mapping[str, Key]:
        """The keys by their ids, for verification."""
        return self._keys

    def jwks(self) -> dict[str, Any]:
        """The public keys as a JWK set."""
        return {"keys": [key.as_dict(private=False) for key in self._signing.values()]}

    def scopes(self, pool: UserPool, client: Client) -> list[str]:
        """The scopes that a client may ask for."""
        return sorted(client.scopes or pool.scopes)

    def mint(
        self,
        *,
        pool_id: str | None = None,
        client: str | None = None,
        scopes: Sequence[str] | None = None,
        sub: str | None = None,
        ttl: int = MAX_TTL,
        groups: Sequence[str] = (),
        claims: Mapping[str, Any] | None = None,
        algorithm: Algorithm = "RS256",
    ) -> str:
        """Mint an access token.

        Args:
            pool_id: The first pool by default.
            client: A client's id or name; the pool's first by default.
            scopes: All that the client may have by default.
            sub: The user, who is `username` too, as the functions know customers; by default the
                client itself, as with client_credentials.
            ttl: Seconds, 1 to 3600.
            groups: `cognito:groups`.
            claims: More claims; none that the issuer sets itself.
            algorithm: RS256 is what Cognito signs with.

        Raises:
            IssuerError: A pool, client or scope is not known, or a value is out of range.
        """
        pool = self.pool(pool_id)
        holder = self.client(pool, client)
        allowed = self.scopes(pool, holder)
        wanted = list(dict.fromkeys(allowed if scopes is None else scopes))
        unknown = [scope for scope in wanted if scope not in allowed]
        if unknown:
            raise IssuerError("UnknownScope", f"there is no scope {unknown[0]:.100}", allowed)
        if not 1 <= ttl <= MAX_TTL:
            raise IssuerError("InvalidRequest", f"a token lives 1 to {MAX_TTL} seconds, not {ttl}")
        if sub == "":
            raise IssuerError("InvalidRequest", "a user's name is not empty")
        taken = sorted(_OWN_CLAIMS & set(claims or {}))
        if taken:
            raise IssuerError("InvalidRequest", f"the claim {taken[0]} is the issuer's to set")
        now = int(self.clock())
        body: dict[str, Any] = {
            **(claims or {}),
            "sub": sub or holder.client_id,
            "iss": pool.issuer,
            "client_id": holder.client_id,
            "token_use": "access",
            "scope": " ".join(wanted),
            "version": 2,
            "auth_time": now,
            "iat": now,
            "exp": now + ttl,
            "jti": str(uuid.uuid4()),
        }
        if sub:
            body["username"] = sub
        if groups:
            body["cognito:groups"] = list(groups)
        key = self._signing[algorithm]
        header = {"alg": algorithm, "kid": str(key.kid)}
        return jwt.encode(header, body, key, algorithms=[algorithm])


def new_secret() -> str:
    """A client secret."""
    return secrets.token_urlsafe(39)
