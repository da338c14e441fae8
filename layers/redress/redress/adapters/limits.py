"""The limits that every repository keeps, so that what works in one works in all."""

from collections.abc import Sequence

from redress.errors import ConflictError, InvalidInputError
from redress.ports import Write

MAX_WRITES = 100
"""Writes in one commit: DynamoDB's limit on a transaction."""

MAX_DOCUMENT_BYTES = 380_000
"""Bytes of one document: DynamoDB's 400 KB an item, less room for keys."""

MAX_KEY_BYTES = 1_024
"""Bytes of one key: DynamoDB's limit on a sort key."""


def check_writes(writes: Sequence[Write]) -> None:
    """Refuse what some store could not hold.

    Raises:
        InvalidInputError: too many writes, one record twice, or a key or document of a bad size.
    """
    if len(writes) > MAX_WRITES:
        raise InvalidInputError(f"a commit holds {len(writes)} writes, at most {MAX_WRITES} can be")
    if len(writes) > 1 and len({(w.partition, w.sort) for w in writes}) < len(writes):
        raise InvalidInputError("a commit writes one record twice")
    for write in writes:
        for key in (write.partition, write.sort, write.index):
            if key is not None and not _is_key(key):
                raise InvalidInputError(f"a key has 1 to {MAX_KEY_BYTES} bytes, not {key!r:.80}")
        if len(write.document) > MAX_DOCUMENT_BYTES:
            size = len(write.document)
            raise InvalidInputError(
                f"{write.partition} {write.sort} has {size} bytes, at most {MAX_DOCUMENT_BYTES}"
            )


def conflict(write: Write) -> ConflictError:
    """Return the error of a write whose record has another version."""
    return ConflictError(
        f"{write.partition} {write.sort} is not at version {write.expected_version} any more"
    )


def _is_key(key: str) -> bool:
    try:
        return 0 < len(key.encode()) <= MAX_KEY_BYTES
    except UnicodeEncodeError:
        return False
