"""Effects that happen at most once: each is recorded in the commit that makes its change.

A record carries the attempt that did or undid the effect. An attempt never does what it, or a later
one, has undone, and never undoes what a later one did. Undoing what never happened leaves a record
too: it fences off a step that was given up but still runs somewhere.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, TypeVar

import msgspec

from redress.errors import CaseOwnedElsewhereError, ConflictError, InvalidInputError
from redress.models.base import dump_json, parse_json
from redress.models.settlement import Effect, EffectRecord, RuledAction
from redress.ports import Repository, Write

EFFECT = "effect"

_TRIES = 6
"""How often a commit that lost a race is decided again before the state machine's retry."""

T = TypeVar("T")


class StoredEffect(NamedTuple):
    """What is recorded under an effect's key, and its version; nothing at version 0."""

    record: EffectRecord | None
    version: int

    @property
    def done(self) -> bool:
        """Tell whether the effect stands."""
        return self.record is not None and self.record.effect.state == "done"


class Change(NamedTuple):
    """An effect and the writes that make it true."""

    effect: Effect
    writes: Sequence[Write]


def partition_key(effect_key: str) -> str:
    """Return the partition of an effect's record."""
    return f"effect#{effect_key}"


def case_index(case_id: str) -> str:
    """Return the index key under which a case's effects are filed."""
    return f"case#{case_id}"


def find_effect(repository: Repository, effect_key: str) -> StoredEffect:
    """Read what is recorded of an effect."""
    found = repository.get(partition_key(effect_key), EFFECT)
    if found is None:
        return StoredEffect(None, 0)
    return StoredEffect(parse_json(EffectRecord, found.document), found.version)


def effects_of(repository: Repository, case_id: str) -> list[EffectRecord]:
    """Read all effects of a case; may lag behind writes."""
    records = repository.by_index(case_index(case_id))
    return [parse_json(EffectRecord, r.document) for r in records if r.sort == EFFECT]


def put_effect(record: EffectRecord, expected_version: int) -> Write:
    """Build the write of an effect's record."""
    return Write(
        partition=partition_key(record.effect.effect_key),
        sort=EFFECT,
        document=dump_json(record),
        expected_version=expected_version,
        index=case_index(record.effect.case_id),
    )


def do_once(
    repository: Repository,
    action: RuledAction,
    attempt: int,
    change: Callable[[], Change],
) -> Effect:
    """Make an effect true unless it is, and return it.

    `change` reads the ledger and returns the effect with its writes; after a lost race it is asked
    again. An effect of an earlier attempt is taken over as it is.

    Raises:
        CaseOwnedElsewhereError: this attempt's settlement was undone, or a later one's.
        ConflictError: other writes kept coming first.
    """

    def once() -> Effect:
        stored = find_effect(repository, action.effect_key)
        if stored.record is not None and stored.record.attempt >= attempt:
            if stored.done:
                return stored.record.effect
            raise CaseOwnedElsewhereError(
                f"attempt {attempt} to {action.action} {action.subject_id} was undone"
            )
        if stored.record is not None and stored.done:
            taken = Change(stored.record.effect, ())
        else:
            taken = change()
        record = EffectRecord(effect=taken.effect, attempt=attempt, action=action)
        repository.commit([*taken.writes, put_effect(record, stored.version)])
        return taken.effect

    return deciding_again(once)


def undo_once(
    repository: Repository,
    action: RuledAction,
    attempt: int,
    nothing: Effect,
    reverse: Callable[[Effect], Change],
) -> Effect:
    """Undo an effect unless it is undone, and return what is left of it.

    `reverse` gets the effect that stands and returns it undone, with the writes; it may return it
    unchanged to leave it standing. `nothing` is recorded where there is nothing to undo.

    Raises:
        ConflictError: other writes kept coming first.
    """

    def once() -> Effect:
        stored = find_effect(repository, action.effect_key)
        if stored.record is None:
            change = Change(nothing, ())
        else:
            effect = stored.record.effect
            if effect.case_id != nothing.case_id:
                raise InvalidInputError(f"the effect on {effect.subject_id} is of another case")
            if stored.record.attempt > attempt or (
                stored.record.attempt == attempt and not stored.done
            ):
                return effect
            change = reverse(effect) if stored.done else Change(effect, ())
        if change.effect.state != "done":
            record = EffectRecord(effect=change.effect, attempt=attempt, action=action)
            repository.commit([*change.writes, put_effect(record, stored.version)])
        return change.effect

    return deciding_again(once)


def undone(effect: Effect, writes: Iterable[Write]) -> Change:
    """Return an effect as compensated, with the writes that compensate it."""
    return Change(msgspec.structs.replace(effect, state="compensated"), tuple(writes))


def deciding_again(once: Callable[[], T]) -> T:
    """Call `once`, which reads, decides and commits, again when another write came first.

    Raises:
        ConflictError: it did so every time.
    """
    for _ in range(_TRIES - 1):
        try:
            return once()
        except ConflictError:
            continue
    return once()
