"""Effects are made and undone alike on every store."""

from collections.abc import Callable

import pytest
from redress.errors import CaseOwnedElsewhereError
from redress.models.settlement import Effect, RuledAction
from redress.ports import Repository, Write
from redress.steps.effects import Change, do_once, effects_of, undo_once, undone

ACTION = RuledAction("refund_payment", "pay_1", "overcharged", "allow", (), "key")
EFFECT = Effect("key", "case_1", "refund_payment", "pay_1", "done")
NOTHING = Effect("key", "case_1", "refund_payment", "pay_1", "skipped")


def counting(repository: Repository) -> Callable[[], Change]:
    def change() -> Change:
        found = repository.get("ledger", "entry")
        version = found.version if found else 0
        entry = Write(partition="ledger", sort="entry", document=b"1", expected_version=version)
        return Change(EFFECT, (entry,))

    return change


def entries(repository: Repository) -> int:
    found = repository.get("ledger", "entry")
    return found.version if found else 0


def test_done_once(repository: Repository) -> None:
    for _ in range(3):
        assert do_once(repository, ACTION, 1, counting(repository)) == EFFECT
    assert entries(repository) == 1
    (record,) = effects_of(repository, "case_1")
    assert (record.effect, record.attempt, record.action) == (EFFECT, 1, ACTION)


def test_undone_once_and_done_again_by_the_next_attempt(repository: Repository) -> None:
    do_once(repository, ACTION, 1, counting(repository))
    for _ in range(2):
        effect = undo_once(repository, ACTION, 1, NOTHING, lambda e: undone(e, ()))
        assert effect.state == "compensated"
    with pytest.raises(CaseOwnedElsewhereError):
        do_once(repository, ACTION, 1, counting(repository))
    assert do_once(repository, ACTION, 2, counting(repository)) == EFFECT
    assert entries(repository) == 2


def test_undoing_nothing_fences_off_what_comes_late(repository: Repository) -> None:
    undo_once(repository, ACTION, 1, NOTHING, lambda e: undone(e, ()))
    with pytest.raises(CaseOwnedElsewhereError):
        do_once(repository, ACTION, 1, counting(repository))
    assert entries(repository) == 0


def test_a_rival_wins_the_race(repository: Repository) -> None:
    def overtaken() -> Change:
        change = counting(repository)()
        if not effects_of(repository, "case_1"):
            do_once(repository, ACTION, 1, counting(repository))
        return change

    assert do_once(repository, ACTION, 1, overtaken) == EFFECT
    assert entries(repository) == 1
