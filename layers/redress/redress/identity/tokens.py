"""Tokens that one audience takes once, for at most a minute: ES256, signed here, checked here."""

import base64
from collections.abc import Mapping
from typing import Annotated, Any, Final, get_args

import msgspec
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from redress.errors import AccessDeniedError, InvalidInputError, TokenRefusedError
from redress.identity.exchange import CASE_DETAIL
from redress.identity.grants import MAX_CHAIN
from redress.identity.replay import ReplayGuard
from redress.identity.scopes import AUDIENCE_SCOPES
from redress.identity.workloads import WORKLOAD_SCOPES
from redress.models.base import Identifier, Instant, Model, dump, dump_json, parse
from redress.models.identity import (
    DIGEST_LENGTH,
    Access,
    Audience,
    Scope,
    TokenClaims,
    Workload,
)
from redress.ports import Clock, PublicKeys, Signer

ALGORITHM: Final = "ES256"
JWS_TYPE: Final = "at+jwt"
"""RFC 9068; no other kind of JWS that the same key signs can pass for a token."""
MAX_LIFE = 60
"""Seconds."""
MAX_TOKEN = 8192
"""Characters of a token that is looked at; API Gateway takes 10,240 bytes of headers."""
MAX_SKUS = 500
"""Products that a token holds; with the longest ids it is not larger than `MAX_TOKEN`."""
LEEWAY = 5
"""Seconds that two machines' clocks may be apart."""

_SCOPES: Final = frozenset[str](get_args(Scope))
_WORKLOADS: Final = frozenset[str](get_args(Workload))


class _CaseDetail(Model, frozen=True, kw_only=True):
    type: str
    case_id: Identifier
    order_id: Identifier
    sku_digests: Annotated[
        str,
        msgspec.Meta(
            max_length=DIGEST_LENGTH * MAX_SKUS,
            pattern=rf"^([A-Za-z0-9_\-]{{{DIGEST_LENGTH}}})*(?!\n)$",
        ),
    ]
    as_of: Instant


def sign_jws(header: Mapping[str, Any], payload: bytes, signer: Signer) -> str:
    """Return a compact JWS over `payload`; algorithm and key id are added to the header."""
    full = {**header, "alg": ALGORITHM, "kid": signer.key_id}
    signed = f"{_encoded(dump_json(full))}.{_encoded(payload)}"
    return f"{signed}.{_encoded(signer.sign(signed.encode()))}"


def claims_of(access: Access, *, issuer: str, jti: str, now: int, life: int) -> TokenClaims:
    """Return the claims that say what `access` gives, for `life` seconds from `now`.

    Raises:
        AccessDeniedError: the order has more than `MAX_SKUS` products.
    """
    if len(access.sku_digests) > MAX_SKUS:
        raise AccessDeniedError(
            f"the order has {len(access.sku_digests)} products, a token holds {MAX_SKUS} at most"
        )
    act: dict[str, Any] = {}
    for workload in reversed(access.act):
        act = {"sub": workload, "act": act} if act else {"sub": workload}
    detail = _CaseDetail(
        type=CASE_DETAIL,
        case_id=access.case_id,
        order_id=access.order_id,
        sku_digests="".join(access.sku_digests),
        as_of=access.as_of,
    )
    return TokenClaims(
        iss=issuer,
        sub=access.subject,
        aud=access.audience,
        exp=now + life,
        iat=now,
        nbf=now,
        jti=jti,
        client_id=access.workload,
        scope=" ".join(access.scopes),
        act=act,
        authorization_details=(dump(detail),),
    )


def sign(claims: TokenClaims, signer: Signer) -> str:
    """Return the claims as a signed token."""
    return sign_jws({"typ": JWS_TYPE}, dump_json(claims), signer)


class Verifier:
    """Checks the tokens of one audience.

    Args:
        keys: The issuer's public keys.
        issuer: `iss` of every token.
        audience: Who checks; a token for anybody else is refused.
        clock: The current time.
        replay: Remembers used tokens.
    """

    def __init__(
        self,
        keys: PublicKeys,
        issuer: str,
        audience: Audience,
        clock: Clock,
        replay: ReplayGuard,
    ) -> None:
        self.audience = audience
        self._keys = keys
        self._issuer = issuer
        self._clock = clock
        self._replay = replay

    def verify(self, token: str, case_id: str | None = None) -> Access:
        """Return what a token gives; it is used up by that.

        Args:
            token: The compact JWS.
            case_id: The case that the caller speaks of; any, if it speaks of none.

        Raises:
            TokenRefusedError: it is forged, expired, used before, or for something else.
            DependencyUnavailableError: keys or used tokens could not be read.
        """
        claims = self._claims(token)
        self._check_times(claims)
        if claims.iss != self._issuer:
            raise TokenRefusedError("the token is of another issuer")
        if claims.aud != self.audience:
            raise TokenRefusedError(f"the token is for {claims.aud}, this is {self.audience}")
        access = _access(claims)
        if case_id is not None and access.case_id != case_id:
            raise TokenRefusedError("the token is of another case")
        self._replay.use(claims.jti, claims.exp)
        return access

    def _claims(self, token: str) -> TokenClaims:
        if not token.isascii() or len(token) > MAX_TOKEN:
            raise TokenRefusedError("the token is too large or not ASCII")
        try:
            header = jws.extract_compact(token.encode()).headers()
        except (JoseError, ValueError, TypeError, RecursionError) as error:
            raise TokenRefusedError("the token is no JWS") from error
        if header.get("alg") != ALGORITHM or header.get("typ") != JWS_TYPE:
            raise TokenRefusedError("the token is of another type or algorithm")
        if header.keys() != {"alg", "typ", "kid"}:
            raise TokenRefusedError("the token's header says more or less than alg, typ and kid")
        try:
            # The key is an elliptic curve's and the algorithm fixed: nothing the token says counts.
            decoded = jws.deserialize_compact(token, self._key(header["kid"]), [ALGORITHM])
            return parse(TokenClaims, msgspec.json.decode(decoded.payload or b""))
        except (JoseError, ValueError, TypeError, RecursionError) as error:
            raise TokenRefusedError("the token is not signed by its issuer") from error
        except InvalidInputError as error:
            raise TokenRefusedError(f"the token's claims: {error}") from error

    def _key(self, key_id: Any) -> ECKey:
        found = self._keys.find(key_id) if isinstance(key_id, str) else None
        if found is None:
            raise TokenRefusedError("the token is signed by an unknown key")
        return ECKey.import_key(dict(found))

    def _check_times(self, claims: TokenClaims) -> None:
        now = self._clock.now().timestamp()
        if claims.exp <= now:
            raise TokenRefusedError("the token has expired")
        if max(claims.iat, claims.nbf) > now + LEEWAY:
            raise TokenRefusedError("the token is not valid yet")
        if claims.exp - min(claims.iat, claims.nbf) > MAX_LIFE:
            raise TokenRefusedError(f"the token lives longer than {MAX_LIFE} seconds")


def _access(claims: TokenClaims) -> Access:
    details = claims.authorization_details
    if len(details) != 1 or details[0].get("type") != CASE_DETAIL:
        raise TokenRefusedError("the token is not of exactly one case")
    act = _chain(claims.act)
    if act[0] != claims.client_id:
        raise TokenRefusedError("the token's client is not the one who acts")
    scopes = claims.scope.split()
    if not scopes or not _SCOPES.issuperset(scopes):
        raise TokenRefusedError("the token's scope is empty or unknown")
    # An issuer that went wrong, too, gives nobody more than the one rule does.
    if not (WORKLOAD_SCOPES[act[0]] & AUDIENCE_SCOPES[claims.aud]).issuperset(scopes):
        raise TokenRefusedError("the token's scope is wider than its workload and audience allow")
    try:
        detail = parse(_CaseDetail, details[0])
        return parse(
            Access,
            {
                "subject": claims.sub,
                "case_id": detail.case_id,
                "order_id": detail.order_id,
                "sku_digests": _split(detail.sku_digests),
                "as_of": detail.as_of,
                "scopes": tuple(sorted(set(scopes))),
                "audience": claims.aud,
                "act": act,
            },
        )
    except InvalidInputError as error:
        raise TokenRefusedError(f"the token's claims: {error}") from error


def _split(digests: str) -> tuple[str, ...]:
    starts = range(0, len(digests), DIGEST_LENGTH)
    return tuple(digests[start : start + DIGEST_LENGTH] for start in starts)


def _chain(act: Any) -> tuple[Any, ...]:
    """Return the workloads of an `act` claim, the latest first."""
    chain: list[str] = []
    while act is not None:
        if not isinstance(act, dict) or not act.keys() <= {"sub", "act"} or len(chain) > MAX_CHAIN:
            raise TokenRefusedError("the token's act claim is malformed")
        if act.get("sub") not in _WORKLOADS:
            raise TokenRefusedError("the token's act claim names no workload of ours")
        chain.append(act["sub"])
        act = act.get("act")
    return tuple(chain)


def _encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
