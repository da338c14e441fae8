"""The broker: exchanges a grant, or a token of ours, for a token for one audience (RFC 8693)."""

from collections.abc import Callable

import msgspec

from redress.errors import AccessDeniedError, InvalidInputError
from redress.identity.grants import MAX_CHAIN, access_by, load_grant
from redress.identity.replay import ReplayGuard
from redress.identity.scopes import allowed, audience
from redress.identity.tokens import MAX_LIFE, Verifier, claims_of, sign
from redress.identity.workloads import AGENT_OF
from redress.models.identity import Access, Audience, ExchangeRequest, IssuedToken, Workload
from redress.ports import Clock, Repository, Signer

EXCHANGED = "exchange"
"""The purpose for which the broker uses a subject token up; its own audience uses it up, too."""

_OWN_AUDIENCE: dict[Workload, Audience] = {
    workload: audience(domain, "agent") for domain, workload in AGENT_OF.items()
}


class Broker:
    """Issues tokens; the one place that may sign them.

    Args:
        grants: The cases repository, where grants are.
        used: Remembers exchanged tokens.
        signer: Signs.
        clock: The current time.
        new_id: Makes unguessable ids.
        issuer: `iss` of every token.
        life: Seconds that a token lives, at most 60.
    """

    def __init__(
        self,
        *,
        grants: Repository,
        used: Repository,
        signer: Signer,
        clock: Clock,
        new_id: Callable[[], str],
        issuer: str,
        life: int = MAX_LIFE,
    ) -> None:
        self._grants = grants
        self._replay = ReplayGuard(used, EXCHANGED)
        self._signer = signer
        self._clock = clock
        self._new_id = new_id
        self._issuer = issuer
        self._life = min(life, MAX_LIFE)

    def exchange(self, request: ExchangeRequest) -> IssuedToken:
        """Issue a token of scope requested AND user AND workload AND audience.

        Raises:
            InvalidInputError: not exactly one of grant id and subject token is given.
            AccessDeniedError: nothing of it is allowed, or the grant is another case's.
            TokenRefusedError: the subject token is not valid, or not the workload's to exchange.
            DependencyUnavailableError: grants or key could not be reached.
        """
        if request.grant_id is not None and request.subject_token is None:
            access = self._by_grant(request, request.grant_id)
        elif request.subject_token is not None and request.grant_id is None:
            access = self._by_token(request, request.subject_token)
        else:
            raise InvalidInputError("a grant id or a subject token is exchanged: give one of them")
        claims = claims_of(
            access,
            issuer=self._issuer,
            jti=self._new_id(),
            now=int(self._clock.now().timestamp()),
            life=self._life,
        )
        return IssuedToken(
            access_token=sign(claims, self._signer), expires_in=self._life, scope=access.scopes
        )

    def _by_grant(self, request: ExchangeRequest, grant_id: str) -> Access:
        grant = load_grant(self._grants, grant_id, self._clock.now())
        return access_by(grant, request.case_id, request.scope, request.workload, request.audience)

    def _by_token(self, request: ExchangeRequest, token: str) -> Access:
        """Only who a token was made for may exchange it, and it never grows."""
        own = _OWN_AUDIENCE.get(request.workload)
        if own is None:
            raise AccessDeniedError(f"{request.workload} serves nobody, so it exchanges no tokens")
        verifier = Verifier(self._signer, self._issuer, own, self._clock, self._replay)
        subject = verifier.verify(token, request.case_id)
        if len(subject.act) >= MAX_CHAIN:
            raise AccessDeniedError(f"the token went through {MAX_CHAIN} hands")
        scopes = allowed(request.scope, subject.scopes, request.workload, request.audience)
        return msgspec.structs.replace(
            subject,
            scopes=tuple(sorted(scopes)),
            audience=request.audience,
            act=(request.workload, *subject.act),
        )
