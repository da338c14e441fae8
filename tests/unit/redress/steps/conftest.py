"""A small shop with one disputed order, and every step bound to it."""

import sys
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest

sys.path.insert(0, str(Path(__file__).parents[3] / "support"))

from redress.adapters.memory.events import MemoryPublisher
from redress.adapters.memory.repository import MemoryRepository
from redress.domains.inventory.gateway import load_stock, put_stock
from redress.domains.inventory.models import Stock
from redress.domains.orders.gateway import load_order, put_order, put_shipment
from redress.domains.orders.models import Order, OrderLine, Parcel, ParcelItem, Shipment
from redress.domains.payments.gateway import (
    load_payments,
    put_invoice,
    put_payment,
    put_promise,
    put_refund,
)
from redress.domains.payments.models import Invoice, Payment, Refund, RefundPromise
from redress.models.case import CaseClaim, ClaimRequest, SupportCase
from redress.models.investigation import (
    Evidence,
    Investigation,
    Passage,
    Proposal,
    ProposedAction,
    Reconciliation,
    Usage,
)
from redress.models.settlement import DecisionRequest, Ruling, SettlementRequest, StepResult
from redress.policy.gate import PolicyGate
from redress.ports import Repository
from redress.steps.cancel_replacement import cancel_replacement
from redress.steps.case_records import find_case, load_case, put_case
from redress.steps.claim_case import claim_case
from redress.steps.decide_by_policy import decide_by_policy
from redress.steps.issue_refund import issue_refund
from redress.steps.release_stock import release_stock
from redress.steps.reserve_stock import reserve_stock
from redress.steps.reverse_refund import reverse_refund
from redress.steps.ship_replacement import ship_replacement

POLICIES = Path(__file__).parents[4] / "policies"
AS_OF = datetime(2026, 11, 20, 12, tzinfo=UTC)


@cache
def the_gate() -> PolicyGate:
    return PolicyGate.from_folder(POLICIES)


class Clock:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.instant = AS_OF + timedelta(minutes=5)

    def now(self) -> datetime:
        return self.instant

    def forward(self, **delta: float) -> None:
        self.instant += timedelta(**delta)


def action(kind: str, subject: str, reason: str) -> ProposedAction:
    return msgspec.convert(
        {"action": kind, "subject_id": subject, "reason_code": reason}, ProposedAction
    )


DUPLICATE = action("refund_payment", "pay_2", "duplicate_charge")
MISSING = action("reship_line", "line_2", "missing_item")
MISSING_REFUND = action("refund_line", "line_2", "missing_item")


class World:
    """One customer, one order charged twice, with two pieces of line_2 missing from the parcel.

    line_1: one sku_a at 50.00. line_2: two sku_b at 17.00. Invoice: 84.00, captured by pay_1 and
    again by pay_2. Ten pieces of sku_b are in stock.
    """

    AS_OF = AS_OF
    DUPLICATE = DUPLICATE
    MISSING = MISSING
    MISSING_REFUND = MISSING_REFUND
    action = staticmethod(action)

    def __init__(self, repository: Callable[[], Repository] = MemoryRepository) -> None:
        self.orders = repository()
        self.payments = repository()
        self.inventory = repository()
        self.cases = repository()
        self.clock = Clock()
        self.publisher = MemoryPublisher()
        self.gate = the_gate()
        self.seed()

    def seed(self) -> None:
        day = timedelta(days=1)
        self.order = Order(
            order_id="ord_1",
            customer_id="cus_1",
            placed_at=AS_OF - 12 * day,
            currency="USD",
            lines=(
                OrderLine("line_1", "sku_a", "a lamp", 1, 5000, "shipped"),
                OrderLine("line_2", "sku_b", "a cup", 2, 1700, "shipped"),
            ),
        )
        parcel = Parcel(
            parcel_id="parcel_1",
            status="delivered",
            items=(ParcelItem("sku_a", 1),),
            delivered_at=AS_OF - 3 * day,
        )
        shipment = Shipment("ship_1", "ord_1", AS_OF - 2 * day, (parcel,))
        self.orders.commit([put_order(self.order, 0), put_shipment(shipment, 0)])
        invoice = Invoice("inv_1", "ord_1", "USD", 8400, AS_OF - 12 * day)
        first = self.payment("pay_1")
        second = self.payment("pay_2", after=40)
        self.payments.commit(
            [put_payment(first, 0), put_payment(second, 0), put_invoice(invoice, 0)]
        )
        self.inventory.commit([put_stock(Stock("sku_a", 10, 0), 0)])
        self.inventory.commit([put_stock(Stock("sku_b", 10, 0), 0)])

    def payment(self, payment_id: str, after: float = 0, **changed: Any) -> Payment:
        at = AS_OF - timedelta(days=12) + timedelta(seconds=after)
        payment = Payment(
            payment_id=payment_id,
            order_id="ord_1",
            customer_id="cus_1",
            instrument_id="card_1",
            amount_minor=8400,
            currency="USD",
            status="captured",
            authorised_at=at,
            captured_at=at,
        )
        return msgspec.structs.replace(payment, **changed)

    def change_payment(self, payment_id: str, **changed: Any) -> None:
        facts = load_payments(self.payments, "ord_1")
        payment = next(p for p in facts.payments if p.payment_id == payment_id)
        version = facts.versions[f"payment#{payment_id}"]
        changed_payment = msgspec.structs.replace(payment, **changed)
        self.payments.commit([put_payment(changed_payment, version)])

    def change_order(self, **changed: Any) -> None:
        version = load_order(self.orders, "ord_1").versions["order"]
        self.order = msgspec.structs.replace(self.order, **changed)
        self.orders.commit([put_order(self.order, version)])

    def add_refund(self, refund: Refund) -> None:
        self.payments.commit([put_refund(refund, 0)])

    def change_refunds(self, **changed: Any) -> None:
        facts = load_payments(self.payments, "ord_1")
        for refund in facts.refunds:
            version = facts.versions[f"refund#{refund.refund_id}"]
            self.payments.commit([put_refund(msgspec.structs.replace(refund, **changed), version)])

    def add_promise(self, amount: int, payment_id: str = "pay_1", note: str = "") -> None:
        promise = RefundPromise(
            promise_id=f"promise_{payment_id}",
            order_id="ord_1",
            payment_id=payment_id,
            amount_minor=amount,
            currency="USD",
            promised_at=AS_OF - timedelta(days=9),
            due_at=AS_OF - timedelta(days=2),
            note=note,
        )
        self.payments.commit([put_promise(promise, 0)])

    def set_stock(self, on_hand: int, reserved: int = 0, sku: str = "sku_b") -> None:
        version = load_stock(self.inventory, [sku]).versions[sku]
        self.inventory.commit([put_stock(Stock(sku, on_hand, reserved), version)])

    # Cases

    def case(self, case_id: str = "case_1", **changed: Any) -> SupportCase:
        case = SupportCase(
            case_id=case_id,
            customer_id="cus_1",
            order_id="ord_1",
            statement="I was charged twice and the cups are missing.",
            pattern="evidence-first",
            as_of=AS_OF,
            skus=("sku_a", "sku_b"),
            grant_id=f"grant.{case_id}",
        )
        return msgspec.structs.replace(case, **changed)

    def claim(self, execution: str = "exec_1", case: SupportCase | None = None) -> CaseClaim:
        request = ClaimRequest(case=case or self.case(), execution_id=execution)
        return claim_case(request, self.cases, self.clock, self.publisher)

    def question(
        self,
        actions: Iterable[ProposedAction] = (DUPLICATE, MISSING),
        *,
        computed: Any = None,
        attempt: int = 1,
        case: SupportCase | None = None,
        citations: Sequence[str] = ("payments/pay_2", "refund-policy#duplicate-charges"),
        missing: Sequence[str] = (),
        conclusive: bool = True,
        reconciliation: Reconciliation | None = None,
    ) -> DecisionRequest:
        case = case or self.case()
        value = {"refund_minor": {"pay_2": 8400} if computed is None else computed}
        investigation = Investigation(
            case_id=case.case_id,
            pattern=case.pattern,
            evidence=(Evidence("payments/pay_2", "payments", "captured", {}),),
            missing=tuple(missing),
            conclusive=conclusive,
            proposal=Proposal(tuple(actions), (), tuple(citations), "We pay back the duplicate."),
            program="print(1)",
            usage=Usage(),
            model="test",
        )
        return DecisionRequest(
            case=case,
            attempt=attempt,
            investigation=investigation,
            passages=(Passage("refund-policy#duplicate-charges", "Duplicate charges", "..."),),
            reconciliation=reconciliation or Reconciliation(ok=True, value=value),
        )

    def decide(self, *args: Any, **named: Any) -> Ruling:
        return self.rule(self.question(*args, **named))

    def rule(self, request: DecisionRequest) -> Ruling:
        """Rule on a case, which is claimed first unless a test has done so."""
        if find_case(self.cases, request.case.case_id) is None:
            self.claim(case=request.case)
        return decide_by_policy(
            request,
            self.orders,
            self.payments,
            self.inventory,
            self.cases,
            self.gate,
            self.clock,
            self.publisher,
        )

    def slip_in(self, ruling: Ruling) -> Ruling:
        """Keep a ruling that policy never made, as if the cases table were in the wrong hands."""
        case, version = load_case(self.cases, ruling.case_id)
        forged = msgspec.structs.replace(case, ruling_hash=ruling.proposal_hash)
        self.cases.commit([put_case(forged, version)])
        return ruling

    # Settlement

    def reserve(self, request: SettlementRequest) -> StepResult:
        return reserve_stock(request, self.inventory, self.cases, self.clock)

    def refund(self, request: SettlementRequest) -> StepResult:
        return issue_refund(
            request,
            self.orders,
            self.payments,
            self.cases,
            self.gate,
            self.clock,
            self.publisher,
        )

    def ship(self, request: SettlementRequest) -> StepResult:
        return ship_replacement(
            request,
            self.orders,
            self.payments,
            self.inventory,
            self.cases,
            self.clock,
            self.publisher,
        )

    def cancel(self, request: SettlementRequest) -> StepResult:
        return cancel_replacement(request, self.orders, self.inventory)

    def reverse(self, request: SettlementRequest) -> StepResult:
        return reverse_refund(request, self.orders, self.payments)

    def release(self, request: SettlementRequest) -> StepResult:
        return release_stock(request, self.orders, self.inventory)

    def settle(self, request: SettlementRequest) -> list[StepResult]:
        return [self.reserve(request), self.refund(request), self.ship(request)]

    def undo(self, request: SettlementRequest) -> list[StepResult]:
        return [self.cancel(request), self.reverse(request), self.release(request)]

    # What became of it

    def refunded(self, payment_id: str | None = None) -> int:
        """Return what is or will be paid back."""
        return sum(
            refund.amount_minor
            for refund in load_payments(self.payments, "ord_1").refunds
            if refund.status in ("pending", "completed") and payment_id in (None, refund.payment_id)
        )

    def replacements(self) -> list[Shipment]:
        shipments = load_order(self.orders, "ord_1").shipments
        return [s for s in shipments if s.effect_key and not s.cancelled]

    def stock(self, sku: str = "sku_b") -> tuple[int, int]:
        stock = load_stock(self.inventory, [sku]).stocks[0]
        return stock.on_hand, stock.reserved


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture(scope="session")
def make_world() -> Callable[..., World]:
    return World
