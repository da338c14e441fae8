"""What is kept of past resolutions, how they are found, and what a warm process reads."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from redress.adapters.memory.repository import MemoryRepository
from redress.adapters.resolutions import MAX_CHARACTERS, as_passage, says
from redress.adapters.sqlite.resolutions import (
    HEAD,
    KEPT,
    MAX_KEPT,
    RENEWED_AFTER,
    StoredResolutions,
    kept_with,
)
from redress.models.base import parse
from redress.models.resolution import MAX_ACTIONS, PastResolution
from redress.ports import Record

AT = datetime(2026, 3, 2, 12, tzinfo=UTC)
REASONS = ["duplicate_charge", "overcharged", "refund_not_received", "missing_item"]
KINDS = ["refund_payment", "refund_line", "reship_line"]
FINDINGS = ["second_order", "already_refunded", "backordered", "in_transit"]


def resolution(
    number: int,
    *actions: tuple[str, str, str],
    findings: tuple[str, ...] = (),
    hours: float = 0,
) -> PastResolution:
    names = ("action", "reason_code", "state")
    return parse(
        PastResolution,
        {
            "resolution_id": f"{number:016x}",
            "closed_at": AT + timedelta(hours=hours),
            "actions": [dict(zip(names, action, strict=True)) for action in actions],
            "findings": findings,
        },
    )


DUPLICATE = ("refund_payment", "duplicate_charge", "done")
MISSING = ("reship_line", "missing_item", "done")


class Counting(MemoryRepository):
    def __init__(self) -> None:
        super().__init__()
        self.read: list[str] = []

    def get(self, partition: str, sort: str) -> Record | None:
        self.read.append(sort)
        return super().get(partition, sort)


def test_in_words() -> None:
    passage = as_passage(resolution(1, DUPLICATE, MISSING, DUPLICATE, findings=("backordered",)))
    assert passage.passage_id == "resolution#0000000000000001"
    assert passage.text == (
        "How an earlier case ended; no rule. refund_payment for duplicate_charge: done. "
        "reship_line for missing_item: done. found: backordered."
    )


def test_however_much_was_done_it_is_short() -> None:
    every = [(kind, reason, "not_done") for kind in KINDS for reason in REASONS]
    passage = as_passage(resolution(1, *every[:MAX_ACTIONS], findings=tuple(FINDINGS)))
    assert len(passage.text) <= MAX_CHARACTERS
    assert passage.text.endswith(".")


def test_it_is_found_by_what_was_wrong() -> None:
    library = StoredResolutions(MemoryRepository())
    library.keep(resolution(1, DUPLICATE))
    library.keep(resolution(2, MISSING))
    library.keep(resolution(3, findings=("backordered",)))
    for statement, number in {
        "My card was charged twice!": 1,
        "An item is missing.": 2,
        "Why is it on backorder? BACKORDERED since May": 3,
    }.items():
        (found,) = library.search(statement, 1)
        assert found.passage_id == f"resolution#{number:016x}", statement
        assert found.score > 0
    assert library.search("Hello, how are you? What was done with my case?", 1) == []
    assert library.search("charged", 0) == []


def test_a_warm_process_reads_all_only_after_a_change() -> None:
    records = Counting()
    writer, reader = StoredResolutions(records), StoredResolutions(records)
    assert reader.search("charged twice", 1) == []
    writer.keep(resolution(1, DUPLICATE))
    records.read.clear()
    for _ in range(3):
        assert len(reader.search("charged twice", 1)) == 1
    assert records.read == [HEAD, KEPT, HEAD, HEAD]
    writer.keep(resolution(2, MISSING))
    records.read.clear()
    assert len(reader.search("a missing item", 1)) == 1
    assert records.read == [HEAD, KEPT]


def test_what_is_known_writes_nothing() -> None:
    """Cases are alike: one record would not take a write for each of them."""
    records = MemoryRepository()
    library = StoredResolutions(records)
    for number in range(200):
        library.keep(resolution(number, DUPLICATE, hours=number / 100))
    found: Any = records.get("resolutions", KEPT)
    assert found.version == 1
    library.keep(resolution(999, DUPLICATE, hours=25))
    (passage,) = library.search("charged twice", 5)
    assert passage.passage_id == f"resolution#{999:016x}"


RESOLUTIONS = st.builds(
    lambda number, actions, findings, hours: resolution(
        number, *actions, findings=tuple(findings), hours=hours
    ),
    st.integers(0, 500),
    st.lists(
        st.tuples(
            st.sampled_from(KINDS), st.sampled_from(REASONS), st.sampled_from(["done", "denied"])
        ),
        max_size=3,
    ),
    st.lists(st.sampled_from(FINDINGS), max_size=2),
    st.integers(-1000, 1000),
)


@given(st.lists(RESOLUTIONS, max_size=150))
def test_what_is_kept(come: list[PastResolution]) -> None:
    """Bounded, newest first, no two that say the same, and none but those that came."""
    kept: tuple[PastResolution, ...] = ()
    for each in come:
        before, kept = kept, kept_with(kept, each)
        assert kept_with(kept, each) == kept
        assert len(kept) <= MAX_KEPT
        assert [k.closed_at for k in kept] == sorted((k.closed_at for k in kept), reverse=True)
        assert len({says(k) for k in kept}) == len(kept)
        assert len({k.resolution_id for k in kept}) == len(kept)
        assert set(kept) <= {*before, each}
        known = any(
            k.resolution_id == each.resolution_id
            or (says(k) == says(each) and k.closed_at + RENEWED_AFTER > each.closed_at)
            for k in before
        )
        if not known:
            oldest = kept[-1]
            assert each in kept or (len(kept) == MAX_KEPT and oldest.closed_at >= each.closed_at)
