"""Signing agent cards, and checking who signed them: ES256 over the canonical JSON (RFC 8785)."""

from typing import Any

from a2a.types import AgentCard, AgentCardSignature
from a2a.utils.signing import (
    SignatureVerificationError,
    _canonicalize_agent_card,
    create_signature_verifier,
)
from google.protobuf.json_format import (  # type: ignore[import-untyped]
    ParseDict,
    ParseError,
)
from jwt import PyJWK
from jwt.exceptions import PyJWKError

from redress.identity.tokens import ALGORITHM, sign_jws
from redress.ports import PublicKeys, Signer


class UntrustedCardError(Exception):
    """A card bears no signature of anybody we trust."""


def sign_card(card: AgentCard, signer: Signer) -> AgentCard:
    """Return the card with one signature, in place of those it had.

    Raises:
        DependencyUnavailableError: the key could not be used.
    """
    signed = AgentCard()
    signed.CopyFrom(card)
    del signed.signatures[:]
    # The SDK signs with a key in memory only; ours may lie in KMS.
    payload = _canonicalize_agent_card(signed).encode()
    protected, _, signature = sign_jws({"typ": "JOSE"}, payload, signer).split(".")
    signed.signatures.append(AgentCardSignature(protected=protected, signature=signature))
    return signed


def check_card(card: dict[str, Any], keys: PublicKeys) -> AgentCard:
    """Return a card as its signer wrote it; what the signature does not cover is dropped.

    Raises:
        UntrustedCardError: it is malformed, or none of its signatures is by one of `keys`.
        DependencyUnavailableError: the keys could not be read.
    """
    try:
        # Fields of other versions of A2A are beside the signed ones.
        read: AgentCard = ParseDict(card, AgentCard(), ignore_unknown_fields=True)
    except (ParseError, RecursionError) as error:
        raise UntrustedCardError("it is malformed") from error

    def find(key_id: str | None, _jku: str | None) -> PyJWK:
        found = keys.find(key_id) if isinstance(key_id, str) else None
        if found is None:
            raise PyJWKError("unknown key")
        return PyJWK.from_dict(dict(found))

    try:
        create_signature_verifier(find, [ALGORITHM])(read)
    except SignatureVerificationError as error:
        raise UntrustedCardError(str(error)) from error
    return read
