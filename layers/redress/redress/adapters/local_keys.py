"""A signing key in a file that only its owner may read: for one machine, without a key service."""

import os
import tempfile
from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey

from redress.errors import DependencyUnavailableError

_PARAMETERS: Any = {"use": "sig", "alg": "ES256"}


class LocalKey:
    """A `Signer` whose key is made on first use.

    Args:
        path: Where the key is kept, readable for its owner alone; None keeps it in memory.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path

    @property
    def key_id(self) -> str:
        """The key's RFC 7638 thumbprint."""
        return self._key.thumbprint()

    def sign(self, message: bytes) -> bytes:
        """Return the ES256 signature over `message`: r and s, 32 bytes each."""
        return jws.JWSRegistry.algorithms["ES256"].sign(message, self._key)

    def find(self, key_id: str) -> Mapping[str, str] | None:
        """Return the public JWK of an id, if there is one."""
        return self._public if key_id == self.key_id else None

    def jwks(self) -> Sequence[Mapping[str, str]]:
        """Return the one public JWK."""
        return (self._public,)

    @cached_property
    def _public(self) -> Mapping[str, str]:
        return {**self._key.as_dict(private=False), "kid": self.key_id, **_PARAMETERS}

    @cached_property
    def _key(self) -> ECKey:
        if self._path is None:
            return _new_key()
        if not self._path.exists():
            _keep(self._path, _new_key().as_pem(private=True))
        return _read(self._path)


def _new_key() -> ECKey:
    return ECKey.generate_key("P-256", _PARAMETERS, private=True)


def _keep(path: Path, pem: bytes) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # mkstemp makes a file of mode 0600. Two processes may start at once: the first key stays.
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".token-key-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(pem)
        try:
            os.link(temporary, path)
        except FileExistsError:
            return
    finally:
        Path(temporary).unlink()


def _read(path: Path) -> ECKey:
    if path.stat().st_mode & 0o077:
        raise DependencyUnavailableError(
            f"{path}: others may read it; run `chmod 600 {path}` or remove it"
        )
    try:
        key = ECKey.import_key(path.read_bytes(), _PARAMETERS)
        usable = key.is_private and key.curve_name == "P-256"
    except (JoseError, ValueError, TypeError) as error:
        raise DependencyUnavailableError(f"{path}: it holds no key; remove it") from error
    if not usable:
        raise DependencyUnavailableError(f"{path}: it holds no private P-256 key; remove it")
    return key
