"""Checks access tokens as API Gateway's JWT authorizer does."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from redress_local.front.models import JwtAuthorizer, UnsupportedApiError

Key = ECKey | RSAKey
MAX_TOKEN = 8192
"""Characters of a token that is looked at."""

_SOURCE = re.compile(r"\$request\.(header|querystring)\.([A-Za-z0-9_-]+)")
# An algorithm that a key's kind allows: the token's own header never chooses it.
_ALGORITHMS = {"RS256", "ES256"}


class TokenError(Exception):
    """The token is not accepted: 401. The message says why, for logs and `www-authenticate`.

    Attributes:
        given: Whether there was a token at all.
    """

    def __init__(self, message: str, *, given: bool = True) -> None:
        self.given = given
        super().__init__(message)


class ScopeError(Exception):
    """The token is good, and has none of the route's scopes: 403."""


class JwtVerifier:
    """Checks the tokens of one authorizer.

    Args:
        authorizer: Issuer, audience and where the token is.
        keys: The issuer's public keys by key id; each pins its algorithm in `alg`.
        clock: Seconds since the epoch.

    Raises:
        UnsupportedApiError: The identity source is not a header or a query parameter, or there
            is no audience.
    """

    def __init__(
        self,
        authorizer: JwtAuthorizer,
        keys: Callable[[], Mapping[str, Key]],
        clock: Callable[[], float],
    ) -> None:
        source = _SOURCE.fullmatch(authorizer.identity_source)
        if source is None:
            raise UnsupportedApiError(
                f"authorizer {authorizer.name}: identity source "
                f"{authorizer.identity_source!r} is not served"
            )
        if not authorizer.audience:
            raise UnsupportedApiError(f"authorizer {authorizer.name} names no audience")
        self._authorizer = authorizer
        self._in_header = source.group(1) == "header"
        self._name = source.group(2).lower() if self._in_header else source.group(2)
        self._keys = keys
        self._clock = clock

    def check(
        self, headers: Mapping[str, str], query: Sequence[tuple[str, str]], scopes: Sequence[str]
    ) -> dict[str, Any]:
        """Check a request's token.

        Args:
            headers: Lower case names.
            query: Name and value pairs.
            scopes: The route's; one of them is enough, none are needed if there are none.

        Returns:
            `requestContext.authorizer` of the event.

        Raises:
            TokenError: There is no token or it is not good.
            ScopeError: It has none of the scopes.
        """
        if self._in_header:
            text = headers.get(self._name, "")
        else:
            given = [value for name, value in query if name == self._name]
            text = given[0] if len(given) == 1 else ""
        claims = self.verify(_bare(text))
        held = _scopes(claims)
        if scopes and not set(scopes) & set(held):
            raise ScopeError("the token has none of the scopes " + " ".join(scopes))
        described = {name: _as_text(value) for name, value in claims.items()}
        return {"jwt": {"claims": described, "scopes": held if scopes else None}}

    def verify(self, token: str) -> dict[str, Any]:
        """The claims of a good token.

        Raises:
            TokenError: It is not good.
        """
        if not token:
            raise TokenError("there is no token", given=False)
        if len(token) > MAX_TOKEN:
            raise TokenError("the token is too large")
        claims = self._signed(token)
        self._check_claims(claims)
        return claims

    def _signed(self, token: str) -> dict[str, Any]:
        try:
            header = jws.extract_compact(token.encode("ascii")).headers()
            key = self._key(header)
            # The key decides: a token that says `none` or HS256 matches no key.
            decoded = jwt.decode(token, key, algorithms=[str(key.alg)])
        except (JoseError, ValueError, TypeError, RecursionError) as error:
            raise TokenError("the token cannot be verified") from error
        if decoded.header.get("alg") != key.alg:
            raise TokenError("the token is signed in another way than its key allows")
        return dict(decoded.claims)

    def _key(self, header: Mapping[str, Any]) -> Key:
        if header.get("alg") not in _ALGORITHMS:
            raise TokenError("the token's algorithm is not allowed")
        kid = header.get("kid")
        key = self._keys().get(kid) if isinstance(kid, str) else None
        if key is None:
            raise TokenError("the token is signed by an unknown key")
        return key

    def _check_claims(self, claims: Mapping[str, Any]) -> None:
        now = self._clock()
        if claims.get("iss") != self._authorizer.issuer:
            raise TokenError("the token is of another issuer")
        audience = claims.get("aud", claims.get("client_id"))
        given = audience if isinstance(audience, list) else [audience]
        if not any(isinstance(item, str) and item in self._authorizer.audience for item in given):
            raise TokenError("the token is for another audience")
        if _time(claims, "exp") <= now:
            raise TokenError("the token has expired")
        if _time(claims, "iat") > now:
            raise TokenError("the token is issued in the future")
        if "nbf" in claims and _time(claims, "nbf") > now:
            raise TokenError("the token is not valid yet")


def _bare(text: str) -> str:
    kind, _, rest = text.strip().partition(" ")
    return rest.strip() if kind.lower() == "bearer" else text.strip()


def _time(claims: Mapping[str, Any], name: str) -> float:
    value = claims.get(name)
    # Infinity and NaN are floats that json reads: neither is a time.
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1e11:
        raise TokenError(f"the token has no {name}")
    return float(value)


def _scopes(claims: Mapping[str, Any]) -> list[str]:
    value = claims.get("scope", claims.get("scp"))
    if isinstance(value, str):
        return value.split()
    if isinstance(value, list):
        return [item for item in value if isinstance(item, str)]
    return []


def _as_text(value: Any) -> str:
    """A claim as the event carries it: always text, a list as `[one two]`."""
    if isinstance(value, str):
        return value
    if isinstance(value, list):
        return f"[{' '.join(_as_text(item) for item in value)}]"
    return msgspec.json.encode(value).decode()
