"""RecordFinding: an agent's finding is kept once, and within bounds, and changes nothing else."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from redress.adapters.memory.repository import MemoryRepository
from redress.api.case_view import view_case
from redress.errors import ConflictError, InvalidInputError
from redress.models.base import dump
from redress.models.findings import MAX_FINDINGS
from redress.steps.case_records import load_case
from redress.steps.record_finding import findings_of, record_finding

SAMPLES = Path(__file__).parents[4] / "events"
SAMPLE = (SAMPLES / "finding_reported.json").read_text(encoding="utf-8")


def event(**changed: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(SAMPLE)
    found["detail"] |= {"case_id": "case_1", **changed}
    return found


def test_a_finding_is_added_to_its_case(world: Any) -> None:
    before = world.claim() and load_case(world.cases, "case_1")
    recorded = record_finding(event(), world.cases)
    assert (recorded.case_id, recorded.findings) == ("case_1", 1)
    (finding,) = findings_of(world.cases, "case_1")
    assert (finding.agent, finding.code) == ("fraud-watch", "many_cases")
    assert load_case(world.cases, "case_1") == before


def test_a_customer_is_not_told(world: Any) -> None:
    world.claim()
    shown = view_case(world.cases, "case_1", "cus_1")
    record_finding(event(text="suspicious"), world.cases)
    assert view_case(world.cases, "case_1", "cus_1") == shown


def test_it_decides_nothing(world: Any) -> None:
    before = world.decide()
    record_finding(event(severity="critical"), world.cases)
    assert world.decide() == before


def test_a_finding_may_come_before_its_case(world: Any) -> None:
    """An agent hears of CaseOpened as early as Redress does."""
    record_finding(event(), world.cases)
    world.claim()
    assert len(findings_of(world.cases, "case_1")) == 1
    assert findings_of(world.cases, "case_2") == ()


def test_the_same_finding_again_changes_nothing(world: Any) -> None:
    first = record_finding(event(), world.cases)
    # As a replay, and as an agent that was not sure whether its first event was taken.
    again = {**event(), "id": "another", "replay-name": "again"}
    assert record_finding(again, world.cases) == first
    assert len(findings_of(world.cases, "case_1")) == 1


def test_too_many_are_refused_aloud(world: Any) -> None:
    for number in range(MAX_FINDINGS):
        record_finding(event(text=f"number {number}"), world.cases)
    with pytest.raises(InvalidInputError, match=f"{MAX_FINDINGS} findings"):
        record_finding(event(text="one more"), world.cases)
    assert record_finding(event(text="number 3"), world.cases).findings == MAX_FINDINGS


def test_nobody_reports_in_anothers_name(world: Any) -> None:
    with pytest.raises(InvalidInputError, match="in the name of"):
        record_finding({**event(), "source": "somebody"}, world.cases)
    assert findings_of(world.cases, "case_1") == ()


@pytest.mark.parametrize(
    "changed",
    [
        {"text": "x" * 501},
        {"text": None},
        {"code": "Not A Code"},
        {"code": ""},
        {"severity": "panic"},
        {"case_id": "a b"},
        {"case_id": ""},
        {"evidence": ["a b"]},
        {"evidence": ["e"] * 17},
        {"evidence": "payments/pay_1"},
        {"reported_at": "yesterday"},
        {"reported_at": "2026-03-02T12:00:00"},
        {"schema_version": "2"},
        {"amount_minor": 1},
    ],
    ids=lambda changed: "-".join(changed),
)
def test_what_breaks_the_schema_is_refused(world: Any, changed: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError):
        record_finding(event(**changed), world.cases)


@pytest.mark.parametrize("bad", [None, [], {}, {"source": "fraud-watch"}, {"detail": {}}])
def test_what_is_no_event_is_refused(world: Any, bad: Any) -> None:
    with pytest.raises(InvalidInputError):
        record_finding(bad, world.cases)


def test_a_lost_race_loses_nothing() -> None:
    class Racing(MemoryRepository):
        lost = False

        def commit(self, writes: Any) -> None:
            if not self.lost:
                self.lost = True
                record_finding(event(text="the other one"), self)
                raise ConflictError("another write came first")
            super().commit(writes)

    cases = Racing()
    record_finding(event(), cases)
    assert [finding.text for finding in findings_of(cases, "case_1")] == [
        "the other one",
        event()["detail"]["text"],
    ]


class Findings(RuleBasedStateMachine):
    """Any order of events, duplicates included: each finding once, in order, within the bound."""

    def __init__(self) -> None:
        super().__init__()
        self.cases = MemoryRepository()
        self.expected: dict[str, list[str]] = {"case_1": [], "case_2": []}

    @rule(
        case_id=st.sampled_from(["case_1", "case_2"]),
        texts=st.lists(st.text("ab<💸", max_size=3), min_size=1, max_size=12),
    )
    def report(self, case_id: str, texts: list[str]) -> None:
        for text in texts:
            expected = self.expected[case_id]
            if text not in expected and len(expected) == MAX_FINDINGS:
                with pytest.raises(InvalidInputError):
                    record_finding(event(case_id=case_id, text=text), self.cases)
                continue
            record_finding(event(case_id=case_id, text=text), self.cases)
            if text not in expected:
                expected.append(text)

    @invariant()
    def each_once_and_in_order(self) -> None:
        for case_id, texts in self.expected.items():
            found = findings_of(self.cases, case_id)
            assert [finding.text for finding in found] == texts
            assert len(json.dumps(dump(found), default=str)) < 100_000


TestFindings = Findings.TestCase
TestFindings.settings = settings(max_examples=25, stateful_step_count=10)
