"""Tokens that work once: their ids are remembered until they have expired."""

import hashlib

from redress.errors import ConflictError, TokenRefusedError
from redress.ports import Repository, Write

USED = "used"
_KEPT_SECONDS = 300


class ReplayGuard:
    """Remembers the ids of tokens that were used.

    Args:
        used: The records, which all processes that take the tokens share.
        purpose: What they were used for: each token serves once for each purpose.
    """

    def __init__(self, used: Repository, purpose: str) -> None:
        self._used = used
        self._purpose = purpose

    def use(self, jti: str, expires_at: int) -> None:
        """Remember a token until after it has expired (epoch seconds).

        Raises:
            TokenRefusedError: it was used before.
            DependencyUnavailableError: the store did not answer; the token may be used up.
        """
        name = hashlib.sha256(f"{self._purpose}\n{jti}".encode()).hexdigest()
        write = Write(
            partition=f"jti#{name}",
            sort=USED,
            document=b"{}",
            expected_version=0,
            expires_at=expires_at + _KEPT_SECONDS,
        )
        try:
            self._used.commit([write])
        except ConflictError as error:
            raise TokenRefusedError("the token was used before") from error
