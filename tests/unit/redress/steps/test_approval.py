"""AwaitApproval and AnswerApproval: one question, one answer, bound to one settlement."""

import json
from typing import Any

import msgspec
import pytest
from redress.adapters.memory.callback import MemoryCallback
from redress.errors import (
    ApprovalDeniedError,
    ApprovalMismatchError,
    CaseAlreadySettledError,
    DependencyUnavailableError,
    UnknownCaseError,
)
from redress.models.settlement import (
    Approval,
    ApprovalAnswer,
    ApprovalQuestion,
    ClosingRequest,
    Ruling,
)
from redress.steps.answer_approval import answer_approval
from redress.steps.await_approval import await_approval
from redress.steps.canonical import proposal_hash
from redress.steps.case_records import find_approval, load_case
from redress.steps.close_case import close_case

TOKEN = "a-secret-task-token"


@pytest.fixture
def ruling(world: Any) -> Ruling:
    world.claim()
    found: Ruling = world.decide(conclusive=False)
    assert found.next_step == "approve"
    return found


@pytest.fixture
def callback() -> MemoryCallback:
    return MemoryCallback([TOKEN])


def ask(world: Any, ruling: Ruling, token: str = TOKEN, retries: int = 0) -> Any:
    question = ApprovalQuestion(ruling, retries, 3600, token)
    return await_approval(question, world.cases, world.clock, world.publisher)


def answer(world: Any, callback: Any, decision: str = "approve", **named: Any) -> Approval:
    given = ApprovalAnswer("case_1", decision, **({"approver": "ann@shop"} | named))
    return answer_approval(given, world.cases, callback, world.clock)


def test_the_question(world: Any, ruling: Ruling) -> None:
    ask(world, ruling)
    (event,) = world.publisher.of("ApprovalRequested")
    assert event["proposal_hash"] == ruling.proposal_hash
    assert event["expires_at"] == "2026-11-20T13:05:00Z"
    assert event["actions"][0]["amount_minor"] == 8400
    assert event["actions"][0]["payee"] == "card_1"
    case = load_case(world.cases, "case_1").record
    assert case.status == "awaiting_approval"


def test_the_token_is_in_no_event(world: Any, ruling: Ruling) -> None:
    returned = ask(world, ruling)
    assert TOKEN not in json.dumps([event.detail for event in world.publisher.published])
    assert TOKEN not in str(returned)


def test_asked_again_with_the_same_token_it_is_the_same_question(
    world: Any, ruling: Ruling
) -> None:
    first = ask(world, ruling)
    world.clock.forward(minutes=5)
    assert ask(world, ruling) == first


def test_the_lease_lasts_while_a_human_thinks(world: Any, ruling: Ruling) -> None:
    ask(world, ruling)
    case = load_case(world.cases, "case_1").record
    assert (case.owned_until - world.clock.now()).total_seconds() == 2 * 3600


def test_approve(world: Any, ruling: Ruling, callback: MemoryCallback) -> None:
    ask(world, ruling)
    given = answer(world, callback, comment="seen", proposal_hash=ruling.proposal_hash)
    assert (given.approver, given.decision, given.comment) == ("ann@shop", "approve", "seen")
    output = callback.answers[TOKEN]["output"]
    assert msgspec.convert(output, Approval) == given
    assert load_case(world.cases, "case_1").record.status == "open"


def test_deny(world: Any, ruling: Ruling, callback: MemoryCallback) -> None:
    ask(world, ruling)
    answer(world, callback, "deny", comment="no")
    assert callback.answers[TOKEN]["error"] == "ApprovalDeniedError"
    # What the customer will read: why, not who.
    assert callback.answers[TOKEN]["cause"] == "no"


def test_the_same_answer_again_changes_nothing(
    world: Any, ruling: Ruling, callback: MemoryCallback
) -> None:
    ask(world, ruling)
    first = answer(world, callback)
    world.clock.forward(hours=5)
    assert answer(world, callback) == first


@pytest.mark.parametrize("other", [{"decision": "deny"}, {"approver": "bob@shop"}])
def test_another_answer_is_refused(
    world: Any, ruling: Ruling, callback: MemoryCallback, other: dict[str, Any]
) -> None:
    ask(world, ruling)
    answer(world, callback)
    with pytest.raises(ApprovalMismatchError, match="already"):
        answer(world, callback, **other)
    stored = find_approval(world.cases, "case_1")
    assert stored
    assert stored.request.answer
    assert stored.request.answer.decision == "approve"


def test_an_answer_that_was_not_passed_on_is_given_again(world: Any, ruling: Ruling) -> None:
    class Broken(MemoryCallback):
        def send_success(self, token: str, output: dict[str, Any]) -> bool:
            raise DependencyUnavailableError("no answer")

    ask(world, ruling)
    with pytest.raises(DependencyUnavailableError):
        answer(world, Broken())
    callback = MemoryCallback([TOKEN])
    answer(world, callback)
    assert TOKEN in callback.answers


@pytest.mark.parametrize("late", [3600, 7200])
def test_too_late(world: Any, ruling: Ruling, callback: MemoryCallback, late: int) -> None:
    ask(world, ruling)
    world.clock.forward(seconds=late)
    with pytest.raises(ApprovalDeniedError, match="expired"):
        answer(world, callback)
    assert callback.answers == {}


def test_nobody_waits_any_more(world: Any, ruling: Ruling) -> None:
    ask(world, ruling)
    with pytest.raises(ApprovalDeniedError, match="nobody waits"):
        answer(world, MemoryCallback())


def test_another_hash(world: Any, ruling: Ruling, callback: MemoryCallback) -> None:
    ask(world, ruling)
    with pytest.raises(ApprovalMismatchError, match="another settlement"):
        answer(world, callback, proposal_hash="0" * 64)
    assert callback.answers == {}


def test_nobody_approves_a_case_of_their_own(
    world: Any, ruling: Ruling, callback: MemoryCallback
) -> None:
    ask(world, ruling)
    with pytest.raises(ApprovalMismatchError, match="own"):
        answer(world, callback, approver="cus_1")


def test_escalation_replaces_the_question(
    world: Any, ruling: Ruling, callback: MemoryCallback
) -> None:
    ask(world, ruling, "first-token")
    world.clock.forward(hours=1)
    ask(world, ruling, retries=1)
    answer(world, callback)
    assert list(callback.answers) == [TOKEN]
    assert [e["escalation"] for e in world.publisher.of("ApprovalRequested")] == [0, 1]


def test_a_question_that_could_not_be_put_is_put_to_the_same_approver(
    world: Any, ruling: Ruling
) -> None:
    """A busy store or bus makes the state try again, long before anybody was silent."""
    for retries, minutes in ((0, 0), (1, 1), (2, 1), (3, 60)):
        world.clock.forward(minutes=minutes)
        ask(world, ruling, f"token-{retries}", retries)
    asked = world.publisher.of("ApprovalRequested")
    assert [e["escalation"] for e in asked] == [0, 0, 0, 1]


def test_another_question_starts_with_the_first_approver(world: Any, ruling: Ruling) -> None:
    """A later attempt asks anew, and so does one about something else."""
    ask(world, ruling, "first")
    world.clock.forward(hours=9)
    ask(world, ruling, "next attempt")
    world.clock.forward(hours=9)
    ask(world, world.decide(actions=[world.DUPLICATE], conclusive=False), "another", retries=1)
    assert [e["escalation"] for e in world.publisher.of("ApprovalRequested")] == [0, 0, 0]


def test_a_new_attempt_needs_a_new_answer(
    world: Any, ruling: Ruling, callback: MemoryCallback
) -> None:
    ask(world, ruling)
    answer(world, callback)
    ask(world, ruling, "next-token")
    stored = find_approval(world.cases, "case_1")
    assert stored
    assert stored.request.answer is None


def test_unknown_cases(world: Any, callback: MemoryCallback) -> None:
    with pytest.raises(UnknownCaseError, match="no case"):
        answer(world, callback)
    ruling = world.decide(conclusive=False)
    elsewhere = msgspec.structs.replace(ruling, case_id="case_2")
    with pytest.raises(UnknownCaseError):
        ask(world, elsewhere)
    with pytest.raises(UnknownCaseError, match="nothing was asked"):
        answer(world, callback)


def test_a_changed_ruling_is_not_asked_about(world: Any, ruling: Ruling) -> None:
    forged = msgspec.structs.replace(ruling, customer_id="cus_2")
    with pytest.raises(ApprovalMismatchError, match="hashed"):
        ask(world, forged)
    digest = proposal_hash(ruling.case_id, ruling.order_id, "cus_2", ruling.actions)
    with pytest.raises(ApprovalMismatchError, match="ruled"):
        ask(world, msgspec.structs.replace(forged, proposal_hash=digest))
    assert world.publisher.of("ApprovalRequested") == []


def test_a_closed_case_is_not_asked_about(world: Any, ruling: Ruling) -> None:
    close_case(ClosingRequest("exec_1", {}, world.case()), world.cases, world.clock)
    with pytest.raises(CaseAlreadySettledError):
        ask(world, ruling)


def test_a_bus_out_of_reach_fails_the_question(world: Any, ruling: Ruling) -> None:
    class Broken:
        def publish(self, detail_type: str, detail: dict[str, Any]) -> None:
            raise DependencyUnavailableError("no bus")

    world.publisher = Broken()
    with pytest.raises(DependencyUnavailableError):
        ask(world, ruling)
