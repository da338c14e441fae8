"""A signing key that never leaves AWS KMS (ECC_NIST_P256)."""

from collections.abc import Callable, Mapping, Sequence
from threading import Lock
from time import monotonic
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import load_der_public_key
from joserfc.jwk import ECKey

from redress.adapters.aws.clients import AWS_ERRORS, client, translated
from redress.errors import DependencyUnavailableError

_PARAMETERS: Any = {"use": "sig", "alg": "ES256"}
_ASK_AGAIN_SECONDS = 60.0
_CURVE = "ECC_NIST_P256"


class KmsKey:
    """A `Signer` on a KMS key; who only checks signatures needs `kms:GetPublicKey` alone.

    The public key is read once, and again, at most once a minute, when a token names another key:
    behind an alias the key may have been replaced.

    Args:
        key_id: The key's ARN, id or alias.
        kms: A low-level client, by default this process's.
        seconds: Measures time.
    """

    def __init__(
        self, key_id: str, kms: Any = None, seconds: Callable[[], float] = monotonic
    ) -> None:
        self._id = key_id
        self._client = kms
        self._seconds = seconds
        self._lock = Lock()
        self._known: Mapping[str, str] | None = None
        self._asked_at = 0.0

    @property
    def key_id(self) -> str:
        """The public key's RFC 7638 thumbprint.

        Raises:
            DependencyUnavailableError: KMS did not answer.
        """
        return self._public()["kid"]

    def sign(self, message: bytes) -> bytes:
        """Return the ES256 signature over `message`: r and s, 32 bytes each.

        Raises:
            DependencyUnavailableError: KMS did not sign.
        """
        try:
            answer = self._kms.sign(
                KeyId=self._id,
                Message=message,
                MessageType="RAW",
                SigningAlgorithm="ECDSA_SHA_256",
            )
        except AWS_ERRORS as error:
            raise translated(error, "the signing key") from error
        # KMS answers in DER, as X9.62 has it; JWS wants the two numbers (RFC 7518, 3.4).
        return b"".join(n.to_bytes(32, "big") for n in decode_dss_signature(answer["Signature"]))

    def find(self, key_id: str) -> Mapping[str, str] | None:
        """Return the public JWK of an id, if there is one.

        Raises:
            DependencyUnavailableError: KMS did not answer.
        """
        found = self._public()
        if found["kid"] != key_id and self._seconds() - self._asked_at >= _ASK_AGAIN_SECONDS:
            found = self._read()
        return found if found["kid"] == key_id else None

    def jwks(self) -> Sequence[Mapping[str, str]]:
        """Return the one public JWK.

        Raises:
            DependencyUnavailableError: KMS did not answer.
        """
        return (self._public(),)

    @property
    def _kms(self) -> Any:
        return self._client or client("kms")

    def _public(self) -> Mapping[str, str]:
        return self._known or self._read()

    def _read(self) -> Mapping[str, str]:
        with self._lock:
            try:
                answer = self._kms.get_public_key(KeyId=self._id)
            except AWS_ERRORS as error:
                raise translated(error, "the signing key") from error
            self._asked_at = self._seconds()
            self._known = _jwk(answer["PublicKey"])
            return self._known


def _jwk(der: bytes) -> Mapping[str, str]:
    """Return the JWK of a public key in DER, as X.509 has it.

    Raises:
        DependencyUnavailableError: it is no key that ES256 could use.
    """
    public = load_der_public_key(der)
    if not isinstance(public, EllipticCurvePublicKey) or not isinstance(public.curve, SECP256R1):
        raise DependencyUnavailableError("the signing key is of another kind: make it " + _CURVE)
    key = ECKey.import_key(public)
    jwk: Any = key.as_dict(private=False)
    return {**jwk, "kid": key.thumbprint(), **_PARAMETERS}
