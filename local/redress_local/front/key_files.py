"""Keeps the local issuer's keys: in memory, or in files that only their owner may read."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from joserfc.errors import JoseError
from joserfc.jwk import ECKey, RSAKey

from redress_local.front.models import FrontError


class KeyFileError(FrontError):
    """A key file cannot be used."""


def load_or_make(folder: Path | None, algorithm: str) -> ECKey | RSAKey:
    """The key for an algorithm, RS256 or ES256; a new one where none is kept.

    Raises:
        KeyFileError: The file holds no such key, or others may read it.
    """
    if folder is None:
        return _make(algorithm)
    path = folder / f"issuer-{algorithm.lower()}.pem"
    if not path.exists():
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        key = _make(algorithm)
        _publish(path, key.as_pem(private=True))
    return _read(path, algorithm)


def _publish(path: Path, pem: bytes) -> None:
    # Two processes may start at once: the first one's key stays.
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".issuer-")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(pem)
        try:
            os.link(temporary, path)
        except FileExistsError:
            return
    finally:
        Path(temporary).unlink()


def _read(path: Path, algorithm: str) -> ECKey | RSAKey:
    if path.stat().st_mode & 0o077:
        raise KeyFileError(f"{path}: others may read it; run `chmod 600 {path}` or remove it")
    kind = ECKey if algorithm == "ES256" else RSAKey
    try:
        key = kind.import_key(path.read_bytes(), {"use": "sig", "alg": algorithm})
        private = key.is_private
    except (JoseError, ValueError, TypeError) as error:
        raise KeyFileError(f"{path}: it holds no {algorithm} key; remove it") from error
    if not private:
        raise KeyFileError(f"{path}: it holds no private key; remove it")
    key.ensure_kid()
    return key


def _make(algorithm: str) -> ECKey | RSAKey:
    parameters = {"use": "sig", "alg": algorithm}
    if algorithm == "ES256":
        return ECKey.generate_key("P-256", parameters=parameters, auto_kid=True)  # type: ignore[arg-type]
    return RSAKey.generate_key(2048, parameters=parameters, auto_kid=True)  # type: ignore[arg-type]
