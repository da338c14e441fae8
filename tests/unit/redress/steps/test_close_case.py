"""CloseCase: the outcome, recorded once."""

import json
from typing import Any, ClassVar

import msgspec
import pytest
from redress.errors import CaseAlreadySettledError, CaseOwnedElsewhereError, UnknownCaseError
from redress.models.base import dump, parse
from redress.models.investigation import Proposal
from redress.models.settlement import Closing, ClosingRequest, Outcome, SettlementRequest
from redress.steps.case_records import find_case, load_case
from redress.steps.close_case import close_case

PROPOSAL = Proposal((), (), (), "We pay back the duplicate and send the cups again.")


def close(world: Any, execution: str = "exec_1", **named: Any) -> Closing:
    request = ClosingRequest(execution_id=execution, **({"event": {}} | named))
    # As the state machine passes it: as JSON.
    return close_case(parse(ClosingRequest, dump(request)), world.cases, world.clock)


def settle(world: Any, **named: Any) -> dict[str, Any]:
    claim = world.claim()
    ruling = world.decide(**named)
    results = world.settle(SettlementRequest(ruling, claim.attempt))
    effects = tuple(result.effects for result in results)
    return {"case": world.case(), "proposal": PROPOSAL, "ruling": ruling, "effects": effects}


def test_a_settled_case(world: Any) -> None:
    closing = close(world, **settle(world))
    outcome = closing.detail
    assert closing.detail_type == "CaseResolved"
    assert (outcome.status, outcome.case_id, outcome.pattern) == (
        "resolved",
        "case_1",
        "evidence-first",
    )
    assert [(a["action"], a["state"]) for a in outcome.actions] == [
        ("refund_payment", "done"),
        ("reship_line", "done"),
    ]
    assert outcome.actions[0]["amount_minor"] == 8400
    assert outcome.explanation == PROPOSAL.explanation
    record = load_case(world.cases, "case_1").record
    assert record.status == "resolved"
    assert parse(Outcome, record.outcome) == outcome


def test_again_it_returns_the_stored_outcome(world: Any) -> None:
    named = settle(world)
    first = close(world, **named)
    changed = named | {"effects": (), "denial": {"Error": "States.Timeout"}}
    assert close(world, **changed) == first


def test_nothing_was_wrong(world: Any) -> None:
    world.claim()
    proposal = Proposal((), ("second_order",), (), "You ordered twice.")
    ruling = world.decide([])
    closing = close(world, case=world.case(), proposal=proposal, ruling=ruling)
    assert closing.detail_type == "CaseResolved"
    assert closing.detail.findings == ("second_order",)
    assert closing.detail.explanation == "You ordered twice."
    assert closing.detail.actions == ()


def test_denied_by_policy(world: Any) -> None:
    world.claim()
    ruling = world.decide([world.action("refund_payment", "pay_1", "duplicate_charge")])
    promise = Proposal((), (), (), "You get a million.")
    closing = close(world, case=world.case(), proposal=promise, ruling=ruling)
    assert closing.detail_type == "CaseRejected"
    assert closing.detail.actions[0]["state"] == "denied"
    assert "million" not in closing.detail.explanation
    assert any("nothing-due" in reason for reason in closing.detail.reasons)


def test_partly_denied_keeps_no_promise_of_the_agent(world: Any) -> None:
    foreign = world.action("refund_payment", "pay_9", "duplicate_charge")
    named = settle(world, actions=[foreign, world.DUPLICATE])
    closing = close(world, **named)
    assert closing.detail.status == "resolved"
    assert {a["state"] for a in closing.detail.actions} == {"denied", "done"}
    assert closing.detail.explanation != PROPOSAL.explanation


@pytest.mark.parametrize(
    ("denial", "reason"),
    [
        (
            {"Error": "ApprovalDeniedError", "Cause": "This is a second order."},
            "ApprovalDeniedError: This is a second order.",
        ),
        ({"Error": "States.Timeout"}, "States.Timeout"),
    ],
)
def test_denied_by_a_human_or_by_silence(world: Any, denial: dict[str, Any], reason: str) -> None:
    world.claim()
    ruling = world.decide(conclusive=False)
    closing = close(world, case=world.case(), proposal=PROPOSAL, ruling=ruling, denial=denial)
    assert closing.detail_type == "CaseRejected"
    assert {a["state"] for a in closing.detail.actions} == {"denied"}
    assert closing.detail.reasons[-1] == reason


def test_only_the_owner_closes(world: Any) -> None:
    named = settle(world)
    with pytest.raises(CaseOwnedElsewhereError):
        close(world, "exec_2", **named)
    close(world, **named)
    with pytest.raises(CaseAlreadySettledError):
        close(world, "exec_2", **named)


def test_a_case_that_was_never_claimed(world: Any) -> None:
    with pytest.raises(UnknownCaseError):
        close(world, case=world.case())


class TestRejectedEvents:
    EVENT: ClassVar[dict[str, Any]] = {
        "id": "e1",
        "detail": {"case_id": "case_1", "order_id": "ord_9"},
    }
    REJECTION: ClassVar[dict[str, Any]] = {
        "Error": "UnknownOrderError",
        "Cause": json.dumps({"errorMessage": "no order has the id ord_9", "trace": ["secret"]}),
    }

    def test_a_rejected_event(self, world: Any) -> None:
        closing = close(world, event=self.EVENT, rejection=self.REJECTION)
        assert closing.detail_type == "CaseRejected"
        assert (closing.detail.case_id, closing.detail.order_id) == ("case_1", "ord_9")
        assert closing.detail.reasons == ("UnknownOrderError: no order has the id ord_9",)
        assert find_case(world.cases, "case_1") is None

    def test_again_even_by_another_execution(self, world: Any) -> None:
        first = close(world, event=self.EVENT, rejection=self.REJECTION)
        assert close(world, "exec_2", event=self.EVENT, rejection=None) == first

    def test_it_never_touches_or_names_a_case_that_exists(self, world: Any) -> None:
        world.claim()
        before = load_case(world.cases, "case_1")
        closing = close(world, event=self.EVENT, rejection=self.REJECTION)
        assert closing.detail.case_id.startswith("rejected-")
        assert load_case(world.cases, "case_1") == before

    def test_it_does_not_block_the_real_case(self, world: Any) -> None:
        close(world, event=self.EVENT, rejection=self.REJECTION)
        assert close(world, **settle(world)).detail.status == "resolved"

    @pytest.mark.parametrize(
        "event",
        [
            None,
            7,
            "text",
            "\ud800",
            [],
            {"detail": {"case_id": "x" * 500, "customer_id": "\ud800", "order_id": "a\n"}},
            {"detail": "x" * 200_000},
        ],
    )
    def test_any_event_can_be_rejected(self, world: Any, event: Any) -> None:
        request = ClosingRequest(execution_id="exec_1", event=event, rejection={"Error": "X"})
        closing = close_case(request, world.cases, world.clock)
        assert closing.detail.case_id.startswith("rejected-")
        assert (closing.detail.order_id, closing.detail.customer_id) == (None, None)
        assert close_case(request, world.cases, world.clock) == closing

    def test_an_event_nested_too_deeply_to_hash(self, world: Any) -> None:
        event: list[Any] = []
        for _ in range(200_000):
            event = [event]
        request = ClosingRequest(execution_id="exec_1", event=event, rejection={"Error": "X"})
        closing = close_case(request, world.cases, world.clock)
        assert closing.detail.status == "rejected"
        # Unnested by hand: CPython would free it recursively.
        while event:
            event = event.pop()


def test_the_outcome_fits_the_events_schema(world: Any) -> None:
    closing = close(world, **settle(world))
    assert msgspec.convert(dump(closing), Closing) == closing
