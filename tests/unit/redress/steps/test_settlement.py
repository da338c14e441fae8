"""ReserveStock, IssueRefund, ShipReplacement: what they do, refuse, and do once."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pytest
from redress.adapters.memory.repository import MemoryRepository
from redress.domains.orders.gateway import load_order
from redress.domains.payments.gateway import load_payments
from redress.errors import (
    ApprovalDeniedError,
    ApprovalMismatchError,
    CaseAlreadySettledError,
    CaseOwnedElsewhereError,
    DependencyUnavailableError,
    OutOfStockError,
    RefundRefusedError,
    UnknownCaseError,
)
from redress.models.settlement import (
    ApprovalAnswer,
    ApprovalQuestion,
    ClosingRequest,
    Ruling,
    SettlementRequest,
)
from redress.ports import Write
from redress.steps.answer_approval import answer_approval
from redress.steps.await_approval import await_approval
from redress.steps.canonical import proposal_hash
from redress.steps.close_case import close_case


class OvertakenRepository(MemoryRepository):
    """Lets somebody else commit first, once, `after` some of its own commits."""

    def __init__(self) -> None:
        super().__init__()
        self.overtake: Callable[[], object] | None = None
        self.after = 0

    def commit(self, writes: Sequence[Write]) -> None:
        if self.overtake is not None:
            if self.after == 0:
                overtake, self.overtake = self.overtake, None
                overtake()
            self.after -= 1
        super().commit(writes)


def settled(world: Any, **named: Any) -> SettlementRequest:
    claim = world.claim()
    return SettlementRequest(world.decide(**named), claim.attempt)


def rehashed(ruling: Ruling, *changes: dict[str, Any]) -> Ruling:
    """Return a ruling that somebody with the right to call the functions could forge."""
    actions = tuple(
        msgspec.structs.replace(action, **change)
        for action, change in zip(ruling.actions, changes, strict=True)
    )
    digest = proposal_hash(ruling.case_id, ruling.order_id, ruling.customer_id, actions)
    return msgspec.structs.replace(ruling, actions=actions, proposal_hash=digest)


def test_the_example_case(world: Any) -> None:
    request = settled(world)
    reserved, refunded, shipped = world.settle(request)
    assert world.refunded("pay_2") == world.refunded() == 8400
    (refund,) = load_payments(world.payments, "ord_1").refunds
    assert (refund.status, refund.reason) == ("pending", "duplicate_charge")
    assert refund.requested_at == world.clock.now()
    (shipment,) = world.replacements()
    (parcel,) = shipment.parcels
    assert [(i.sku, i.quantity) for i in parcel.items] == [("sku_b", 2)]
    assert world.stock() == (8, 0)
    assert [e.state for r in (reserved, refunded, shipped) for e in r.effects] == ["done"] * 3
    assert refunded.effects[0].payee == "card_1"


def test_again_it_returns_the_same_and_changes_nothing(world: Any) -> None:
    request = settled(world)
    first = world.settle(request)
    assert world.settle(request) == first
    assert (world.refunded(), len(world.replacements()), world.stock()) == (8400, 1, (8, 0))


def test_two_cases_on_one_order_are_paid_once(world: Any) -> None:
    world.claim()
    other = world.case("case_2")
    world.claim("exec_2", other)
    rulings = [world.decide(), world.decide(case=other)]
    world.settle(SettlementRequest(rulings[0], 1))
    late = SettlementRequest(rulings[1], 1)
    with pytest.raises(RefundRefusedError, match="0 is owed"):
        world.refund(late)
    world.reserve(late)
    with pytest.raises(RefundRefusedError, match="0 are short"):
        world.ship(late)
    assert (world.refunded(), len(world.replacements())) == (8400, 1)
    world.undo(late)
    assert (world.refunded(), len(world.replacements()), world.stock()) == (8400, 1, (8, 0))


@pytest.mark.parametrize("after", [0, 1])
def test_two_cases_ship_at_the_same_time(make_world: Callable[..., Any], after: int) -> None:
    world = make_world(OvertakenRepository)
    world.claim()
    world.claim("exec_2", world.case("case_2"))
    one = SettlementRequest(world.decide(), 1)
    two = SettlementRequest(world.decide(case=world.case("case_2")), 1)
    world.reserve(one)
    world.reserve(two)
    table = world.inventory if after == 0 else world.orders
    table.overtake, table.after = lambda: world.ship(two), 0
    with pytest.raises(RefundRefusedError, match="0 are short"):
        world.ship(one)
    assert len(world.replacements()) == 1


def test_a_line_is_refunded_and_sent_at_the_same_time(make_world: Callable[..., Any]) -> None:
    world = make_world(OvertakenRepository)
    world.set_stock(0)
    world.claim()
    refund = SettlementRequest(world.decide([world.MISSING_REFUND], computed={"line_2": 3400}), 1)
    assert refund.ruling.next_step == "settle"
    world.set_stock(4)
    world.claim("exec_2", world.case("case_2"))
    reship = SettlementRequest(world.decide([world.MISSING], case=world.case("case_2")), 1)
    world.reserve(reship)

    def ship() -> None:
        with pytest.raises(RefundRefusedError, match="0 are short"):
            world.ship(reship)

    # The pieces are claimed, the refund is not there yet: the other case may not send them.
    world.payments.overtake = ship
    world.refund(refund)
    assert (world.refunded(), world.replacements()) == (3400, [])


def test_only_what_is_still_owed_is_paid(world: Any) -> None:
    request = settled(world)
    world.change_payment("pay_2", status="voided")
    with pytest.raises(RefundRefusedError):
        world.refund(request)
    assert world.refunded() == 0


def test_a_payment_voided_in_the_meantime_is_noticed(make_world: Callable[..., Any]) -> None:
    world = make_world(OvertakenRepository)
    request = settled(world)
    world.payments.overtake = lambda: world.change_payment("pay_2", status="voided")
    with pytest.raises(RefundRefusedError):
        world.refund(request)
    assert world.refunded() == 0


def test_the_answer_of_a_commit_is_lost(make_world: Callable[..., Any]) -> None:
    class Unheard(MemoryRepository):
        deaf = False

        def commit(self, writes: Sequence[Write]) -> None:
            super().commit(writes)
            if self.deaf:
                self.deaf = False
                raise DependencyUnavailableError("no answer")

    world = make_world(Unheard)
    request = settled(world)
    for step, tables in (
        (world.reserve, [world.inventory]),
        (world.refund, [world.payments]),
        (world.ship, [world.inventory, world.orders]),
    ):
        for table in tables:
            table.deaf = True
            with pytest.raises(DependencyUnavailableError):
                step(request)
        step(request)
    assert (world.refunded(), len(world.replacements()), world.stock()) == (8400, 1, (8, 0))


def test_daily_cap_is_enforced_when_paying(world: Any) -> None:
    """Two cases were ruled when each was fine alone."""
    for payment_id in ("pay_1", "pay_2"):
        world.change_payment(payment_id, amount_minor=60_000)
    world.claim()
    ruling = world.decide([world.DUPLICATE], computed={"pay_2": 60_000})
    assert ruling.next_step == "approve"
    forged = world.slip_in(rehashed(ruling, {"decision": "allow"}))
    with pytest.raises(RefundRefusedError, match="approval-per-case"):
        world.refund(SettlementRequest(forged, 1))
    assert world.refunded() == 0


@pytest.mark.parametrize(
    "change",
    [
        {"amount_minor": 8401},
        {"amount_minor": 0},
        {"payee": "card_9"},
        {"payment_id": "pay_1"},
        {"payment_id": "pay_9", "subject_id": "pay_9"},
        {"currency": "EUR"},
        {"reason_code": "overcharged"},
        {"reason_code": "missing_item"},
        {"subject_id": "pay_1", "payment_id": "pay_1"},
        {"action": "refund_line", "line_id": "line_1", "quantity": 1, "subject_id": "line_1"},
        {"action": "refund_line", "line_id": "line_2", "quantity": -2, "subject_id": "line_2"},
    ],
)
def test_a_forged_refund_is_refused(world: Any, change: dict[str, Any]) -> None:
    world.claim()
    ruling = world.slip_in(rehashed(world.decide([world.DUPLICATE]), change))
    with pytest.raises(RefundRefusedError):
        world.refund(SettlementRequest(ruling, 1))
    assert world.refunded() == 0


@pytest.mark.parametrize(
    "change", [{"quantity": 3}, {"sku": "sku_a"}, {"subject_id": "line_1", "line_id": "line_1"}]
)
def test_a_forged_reshipment_is_refused(world: Any, change: dict[str, Any]) -> None:
    world.claim()
    ruling = world.slip_in(rehashed(world.decide([world.MISSING]), change))
    request = SettlementRequest(ruling, 1)
    world.reserve(request)
    with pytest.raises(RefundRefusedError):
        world.ship(request)
    assert world.replacements() == []
    world.undo(request)
    assert world.stock() == (10, 0)


def test_a_changed_ruling_is_not_executed(world: Any) -> None:
    request = settled(world)
    actions = (msgspec.structs.replace(request.ruling.actions[0], amount_minor=1),)
    forged = msgspec.structs.replace(request.ruling, actions=actions)
    for step in (world.reserve, world.refund, world.ship):
        with pytest.raises(ApprovalMismatchError):
            step(SettlementRequest(forged, 1))


def test_a_ruling_that_policy_never_made_is_not_executed(world: Any) -> None:
    """Its hash fits and the ledger owes it, but nobody ruled it: before, instead, or after."""
    other = world.case("case_2")
    owed = world.decide(case=other)
    made_up = msgspec.structs.replace(owed, case_id="case_1")
    digest = proposal_hash("case_1", owed.order_id, owed.customer_id, owed.actions)
    forged = SettlementRequest(msgspec.structs.replace(made_up, proposal_hash=digest), 1)
    before = (world.refunded(), world.replacements(), world.stock())
    world.claim()
    for ruled in (None, [world.MISSING], []):
        if ruled is not None:
            world.decide(ruled)
        for step in (world.reserve, world.refund, world.ship):
            with pytest.raises(ApprovalMismatchError, match="not what was ruled"):
                step(forged)
    assert (world.refunded(), world.replacements(), world.stock()) == before


def test_a_ruling_is_of_its_attempt_only(world: Any) -> None:
    request = settled(world)
    world.clock.forward(hours=2)
    claim = world.claim("exec_2")
    again = msgspec.structs.replace(request, attempt=claim.attempt)
    for step in (world.reserve, world.refund, world.ship):
        with pytest.raises(ApprovalMismatchError, match="not what was ruled"):
            step(again)
    assert world.decide(attempt=claim.attempt) == request.ruling
    world.settle(again)
    assert (world.refunded(), len(world.replacements())) == (8400, 1)


def test_what_needs_a_human_cannot_be_called_allowed(world: Any) -> None:
    request = settled(world, conclusive=False)
    assert {a.decision for a in request.ruling.actions} == {"needs_approval"}
    actions = tuple(
        msgspec.structs.replace(action, decision="allow") for action in request.ruling.actions
    )
    forged = msgspec.structs.replace(request.ruling, actions=actions)
    for step in (world.reserve, world.refund, world.ship):
        with pytest.raises(ApprovalMismatchError):
            step(SettlementRequest(forged, 1))


def test_a_forged_mandate_stays_within_what_is_paid_without_a_human(world: Any) -> None:
    """Whoever writes the cases table is still held by the ledger and by the policy's amounts."""
    world.claim()
    ruling = rehashed(world.decide([world.DUPLICATE], conclusive=False), {"decision": "allow"})
    for minor in (8401, 50_001, 10**12):
        forged = world.slip_in(rehashed(ruling, {"amount_minor": minor}))
        with pytest.raises(RefundRefusedError):
            world.refund(SettlementRequest(forged, 1))
    assert world.refunded() == 0


def test_out_of_stock_since_the_ruling(world: Any) -> None:
    request = settled(world)
    world.set_stock(1)
    with pytest.raises(OutOfStockError):
        world.reserve(request)
    with pytest.raises(OutOfStockError, match="nothing is reserved"):
        world.ship(request)
    assert (world.stock(), world.replacements()) == ((1, 0), [])


def test_denied_actions_are_not_executed(world: Any) -> None:
    foreign = world.action("refund_payment", "pay_1", "duplicate_charge")
    request = settled(world, actions=[foreign, world.DUPLICATE])
    assert [a.decision for a in request.ruling.actions] == ["deny", "allow"]
    world.settle(request)
    assert (world.refunded("pay_1"), world.refunded("pay_2")) == (0, 8400)


def test_without_a_case_nothing_is_settled(world: Any) -> None:
    request = SettlementRequest(world.decide(), 1)
    world.cases = MemoryRepository()
    for step in (world.reserve, world.refund, world.ship):
        with pytest.raises(UnknownCaseError):
            step(request)


def test_an_attempt_that_was_taken_over_is_over(world: Any) -> None:
    request = settled(world)
    world.clock.forward(hours=2)
    world.claim("exec_2")
    for step in (world.reserve, world.refund, world.ship):
        with pytest.raises(CaseOwnedElsewhereError):
            step(request)
    assert (world.refunded(), world.stock()) == (0, (10, 0))


def test_a_closed_case_is_over(world: Any) -> None:
    request = settled(world, actions=[world.DUPLICATE])
    closing = ClosingRequest(
        execution_id="exec_1", event={}, case=world.case(), ruling=request.ruling
    )
    close_case(closing, world.cases, world.clock)
    with pytest.raises(CaseAlreadySettledError):
        world.refund(request)


def test_another_customers_case_gives_no_mandate(world: Any) -> None:
    request = settled(world)
    ruling = msgspec.structs.replace(request.ruling, customer_id="cus_2")
    digest = proposal_hash(ruling.case_id, ruling.order_id, "cus_2", ruling.actions)
    forged = msgspec.structs.replace(ruling, proposal_hash=digest)
    with pytest.raises(CaseOwnedElsewhereError):
        world.refund(SettlementRequest(forged, 1))


class TestApproved:
    """A duplicate of 600.00 needs a human."""

    @pytest.fixture
    def request_(self, world: Any) -> SettlementRequest:
        for payment_id in ("pay_1", "pay_2"):
            world.change_payment(payment_id, amount_minor=60_000)
        world.claim()
        ruling = world.decide([world.DUPLICATE], computed={"pay_2": 60_000})
        assert ruling.next_step == "approve"
        return SettlementRequest(ruling, 1)

    def ask(self, world: Any, ruling: Ruling, answer: str | None) -> None:
        question = ApprovalQuestion(ruling, 0, 3600, "token")
        await_approval(question, world.cases, world.clock, world.publisher)
        if answer:

            class Callback:
                def send_success(self, *_: Any) -> bool:
                    return True

                def send_failure(self, *_: Any) -> bool:
                    return True

            given = ApprovalAnswer("case_1", answer, "ann@shop")
            answer_approval(given, world.cases, Callback(), world.clock)

    def test_with_an_approval(self, world: Any, request_: SettlementRequest) -> None:
        self.ask(world, request_.ruling, "approve")
        world.settle(request_)
        assert world.refunded() == 60_000

    def test_without_an_answer(self, world: Any, request_: SettlementRequest) -> None:
        with pytest.raises(ApprovalMismatchError, match="nobody"):
            world.refund(request_)
        self.ask(world, request_.ruling, None)
        with pytest.raises(ApprovalMismatchError, match="nobody"):
            world.refund(request_)

    def test_the_approval_in_the_state_does_not_count(
        self, world: Any, request_: SettlementRequest
    ) -> None:
        from redress.models.settlement import Approval

        given = Approval(
            "case_1", request_.ruling.proposal_hash, "me", "approve", world.clock.now()
        )
        with pytest.raises(ApprovalMismatchError):
            world.refund(msgspec.structs.replace(request_, approval=given))

    def test_denied(self, world: Any, request_: SettlementRequest) -> None:
        self.ask(world, request_.ruling, "deny")
        with pytest.raises(ApprovalDeniedError):
            world.refund(request_)
        assert world.refunded() == 0

    def test_something_else_was_approved(self, world: Any, request_: SettlementRequest) -> None:
        self.ask(world, request_.ruling, "approve")
        other = world.slip_in(rehashed(request_.ruling, {"amount_minor": 59_999}))
        with pytest.raises(ApprovalMismatchError, match="another settlement"):
            world.refund(SettlementRequest(other, 1))


def test_progress_is_published_and_never_fails_the_step(world: Any) -> None:
    request = settled(world)
    world.settle(request)
    stages = [event["stage"] for event in world.publisher.of("CaseProgressed")]
    assert stages == ["claimed", "ruled", "refunded", "shipped"]

    class Broken:
        def publish(self, detail_type: str, detail: dict[str, Any]) -> None:
            raise DependencyUnavailableError("no bus")

    world.publisher = Broken()
    world.settle(request)


def test_a_replacement_counts_as_on_its_way(world: Any) -> None:
    request = settled(world)
    world.settle(request)
    again = world.decide(case=world.case("case_2"))
    assert [a.decision for a in again.actions] == ["deny", "deny"]
    assert again.next_step == "deny"
    (shipment,) = [s for s in load_order(world.orders, "ord_1").shipments if s.effect_key]
    assert (shipment.promised_by - world.clock.now()).days == 7


def test_a_promise_and_its_overcharge_are_not_both_paid_unattended(world: Any) -> None:
    """Two cases name one debt of 10.00 differently; both are ruled before either is paid."""
    world.change_payment("pay_2", status="voided")
    world.change_payment("pay_1", amount_minor=9400)
    world.add_promise(1000)
    other = world.case("case_2")
    world.claim()
    world.claim("exec_2", other)
    promise = world.action("refund_payment", "pay_1", "refund_not_received")
    overcharge = world.action("refund_payment", "pay_1", "overcharged")
    one = world.decide([promise], computed={"pay_1": 1000})
    two = world.decide([overcharge], computed={"pay_1": 1000}, case=other)
    assert (one.next_step, two.next_step) == ("settle", "settle")
    world.refund(SettlementRequest(one, 1))
    with pytest.raises(RefundRefusedError, match="approval-when-evidence-is-missing"):
        world.refund(SettlementRequest(two, 1))
    assert world.refunded() == 1000
    again = world.decide([overcharge], computed={"pay_1": 1000}, case=other)
    assert again.next_step == "approve"
