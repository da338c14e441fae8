"""The playbook judges as the domains' rules do, on records nobody wrote a case for."""

import contextlib
import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from redress.agents.models.playbook.ledger import Ledger
from redress.agents.models.playbook.program import write_program
from redress.agents.models.playbook.reasoning import Verdict, judge
from redress.domains.inventory.evidence import inventory_evidence
from redress.domains.inventory.models import Stock, StockFacts
from redress.domains.inventory.service import available
from redress.domains.orders.evidence import order_evidence
from redress.domains.orders.models import (
    Order,
    OrderFacts,
    OrderLine,
    Parcel,
    ParcelItem,
    Shipment,
)
from redress.domains.orders.service import line_refund_minor, shortages
from redress.domains.payments.evidence import payment_evidence
from redress.domains.payments.models import (
    Invoice,
    Payment,
    PaymentFacts,
    Refund,
    RefundPromise,
)
from redress.domains.payments.service import (
    ConflictingEvidence,
    assess,
    payment_for_line_refund,
    refunded_pieces,
    unkept_promises,
)
from redress.models.base import dump
from redress.models.investigation import Evidence

AS_OF = datetime(2026, 3, 2, 12, tzinfo=UTC)
SKUS = ("sku_a", "sku_b", "sku_c")
AMOUNTS = st.sampled_from([0, 500, 1000, 1000, 1500, 2000])
DAYS = st.integers(0, 20)

Expected = dict[tuple[str, str, str], int]


def days_ago(days: int) -> datetime:
    return AS_OF - timedelta(days=days)


@st.composite
def order_facts(draw: st.DrawFn) -> OrderFacts:
    lines = tuple(
        OrderLine(
            line_id=f"line_{n}",
            sku=draw(st.sampled_from(SKUS)),
            title="t",
            quantity=draw(st.integers(1, 3)),
            unit_price_minor=draw(st.sampled_from([0, 100, 700])),
            status=draw(st.sampled_from(["shipped", "shipped", "backordered", "cancelled"])),
        )
        for n in range(draw(st.integers(1, 3)))
    )
    shipments = tuple(
        Shipment(
            shipment_id=f"shp_{n}",
            order_id="ord_1",
            promised_by=days_ago(draw(st.integers(-2, 9))),
            parcels=tuple(
                Parcel(
                    parcel_id=f"par_{n}_{m}",
                    status=draw(st.sampled_from(["delivered", "delivered", "in_transit", "lost"])),
                    items=tuple(
                        ParcelItem(sku=sku, quantity=draw(st.integers(1, 3)))
                        for sku in draw(st.lists(st.sampled_from(SKUS), unique=True))
                    ),
                )
                for m in range(draw(st.integers(0, 2)))
            ),
            effect_key=draw(st.sampled_from([None, None, "effect_1"])),
            cancelled=draw(st.sampled_from([False, False, True])),
        )
        for n in range(draw(st.integers(0, 3)))
    )
    order = Order(
        order_id="ord_1",
        customer_id="cust_1",
        placed_at=days_ago(30),
        currency="EUR",
        lines=lines,
    )
    return OrderFacts(order=order, shipments=shipments)


@st.composite
def payment_facts(draw: st.DrawFn) -> PaymentFacts:
    payments = tuple(
        Payment(
            payment_id=f"pay_{n}",
            order_id="ord_1",
            customer_id="cust_1",
            instrument_id=draw(st.sampled_from(["card_1", "card_2"])),
            amount_minor=draw(AMOUNTS),
            currency=draw(st.sampled_from(["EUR"] * 20 + ["USD"])),
            status=draw(st.sampled_from(["captured"] * 4 + ["voided", "authorised", "refunded"])),
            authorised_at=days_ago(30),
            captured_at=days_ago(draw(st.integers(26, 29))),
        )
        for n in range(draw(st.integers(1, 4)))
    )
    ids = st.sampled_from([p.payment_id for p in payments])
    refunds = tuple(
        Refund(
            refund_id=f"ref_{n}",
            payment_id=draw(ids),
            order_id="ord_1",
            amount_minor=draw(AMOUNTS),
            currency="EUR",
            status=draw(st.sampled_from(["completed", "completed", "pending", "failed"])),
            reason=draw(
                st.sampled_from(["duplicate_charge", "overcharged", "missing_item", "return"])
            ),
            requested_at=days_ago(draw(DAYS)),
            line_id=draw(st.sampled_from([None, "line_0"])),
            quantity=draw(st.sampled_from([None, 1])),
        )
        for n in range(draw(st.integers(0, 3)))
    )
    promises = tuple(
        RefundPromise(
            promise_id=f"prm_{n}",
            order_id="ord_1",
            payment_id=draw(ids),
            amount_minor=draw(AMOUNTS),
            currency="EUR",
            promised_at=days_ago(draw(DAYS)),
            due_at=days_ago(draw(st.integers(-2, 9))),
        )
        for n in range(draw(st.integers(0, 2)))
    )
    invoice = Invoice(
        invoice_id="inv_1",
        order_id="ord_1",
        currency="EUR",
        total_minor=draw(st.sampled_from([500, 1000, 2000, 3000])),
        issued_at=days_ago(30),
    )
    return PaymentFacts(
        order_id="ord_1",
        payments=payments,
        refunds=refunds,
        promises=promises,
        invoice=draw(st.sampled_from([invoice] * 20 + [None])),
    )


@st.composite
def stock_facts(draw: st.DrawFn) -> StockFacts:
    stocks = tuple(
        Stock(sku=sku, on_hand=draw(st.integers(0, 6)), reserved=draw(st.integers(0, 2)))
        for sku in SKUS
    )
    return StockFacts(stocks=stocks)


def expected_actions(
    orders: OrderFacts, payments: PaymentFacts, stock: StockFacts
) -> tuple[Expected, bool]:
    """Return (amount by action, whether nothing conflicts), by the domains' own rules."""
    expected: Expected = {}
    found = assess(payments, AS_OF)
    conclusive = not found.conflicts
    for due in found.dues:
        key = ("refund_payment", due.payment_id, due.reason_code)
        expected[key] = expected.get(key, 0) + due.amount_minor
    left = {item.sku: available(item) for item in stock.stocks}
    lines = {line.line_id: line for line in orders.order.lines}
    short = shortages(orders.order, orders.shipments, AS_OF, refunded_pieces(payments.refunds))
    for each in short:
        if left[each.sku] >= each.quantity:
            left[each.sku] -= each.quantity
            expected["reship_line", each.line_id, each.reason] = 0
            continue
        amount = line_refund_minor(lines[each.line_id], each.quantity)
        if isinstance(payment_for_line_refund(payments, amount), ConflictingEvidence):
            conclusive = conclusive and not amount
        elif amount:
            expected["refund_line", each.line_id, each.reason] = amount
    return expected, conclusive


def evidence_of(
    orders: OrderFacts, payments: PaymentFacts, stock: StockFacts
) -> tuple[Evidence, ...]:
    return (
        *order_evidence(orders, AS_OF).items,
        *payment_evidence(payments, AS_OF, ()).items,
        *inventory_evidence(stock).items,
    )


def verdict_on(evidence: tuple[Evidence, ...]) -> Verdict:
    return judge(Ledger({item.evidence_id: item.facts for item in evidence}))


def run(program: str, evidence: tuple[Evidence, ...]) -> Any:
    """Run a program as the sandbox does, in this process: fast enough for many examples."""
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(program, {"INPUT": json.loads(json.dumps({"evidence": dump(evidence)}))})
    return json.loads(printed.getvalue().splitlines()[-1])["refund_minor"]


def size_without_proposal(program: str) -> int:
    lines = program.splitlines(keepends=True)
    return sum(len(line.encode()) for line in lines if not line.startswith("PROPOSED"))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(order_facts(), payment_facts(), stock_facts())
def test_judges_as_the_domains_do(
    orders: OrderFacts, payments: PaymentFacts, stock: StockFacts
) -> None:
    expected, conclusive = expected_actions(orders, payments, stock)
    evidence = evidence_of(orders, payments, stock)

    verdict = verdict_on(evidence)

    assert (not verdict.conflicts) == conclusive
    if conclusive:
        assert set(verdict.actions) == set(expected)
        assert len(verdict.actions) == len(expected)
        refunds: dict[str, int] = {}
        for (action, subject, _), amount in expected.items():
            if action != "reship_line":
                refunds[subject] = refunds.get(subject, 0) + amount
        program = write_program(verdict)
        assert size_without_proposal(program) <= 4096
        assert run(program, evidence) == refunds
    else:
        proposed = {a for a in verdict.actions if a[0] != "reship_line"}
        assert proposed <= set(expected), "money only where the domains owe it"


CHARGE = Payment(
    payment_id="pay_0",
    order_id="ord_1",
    customer_id="cust_1",
    instrument_id="card_1",
    amount_minor=10_000,
    currency="EUR",
    status="captured",
    authorised_at=days_ago(30),
    captured_at=days_ago(30),
)
BILL = Invoice("inv_1", "ord_1", "EUR", 10_000, days_ago(30))


@st.composite
def promised(draw: st.DrawFn) -> PaymentFacts:
    """One payment with several promises, some past their date, and refunds to credit to them."""

    def instant() -> datetime:
        return AS_OF - timedelta(hours=draw(st.integers(0, 14 * 24)))

    promises = tuple(
        RefundPromise(
            promise_id=f"prm_{n}",
            order_id="ord_1",
            payment_id="pay_0",
            amount_minor=draw(AMOUNTS),
            currency="EUR",
            promised_at=instant(),
            due_at=AS_OF + timedelta(hours=draw(st.integers(-48, 48))),
        )
        for n in range(draw(st.integers(1, 4)))
    )
    refunds = tuple(
        Refund(
            refund_id=f"ref_{n}",
            payment_id="pay_0",
            order_id="ord_1",
            amount_minor=draw(AMOUNTS),
            currency="EUR",
            status=draw(st.sampled_from(["completed", "completed", "pending", "failed"])),
            reason="return",
            requested_at=instant(),
        )
        for n in range(draw(st.integers(0, 4)))
    )
    return PaymentFacts("ord_1", (CHARGE,), refunds, promises, BILL)


def program_on_promises(facts: PaymentFacts) -> int:
    """Return what the program comes to for the payment's promises."""
    verdict = Verdict()
    verdict.actions = [("refund_payment", "pay_0", "refund_not_received")]
    found: int = run(write_program(verdict), payment_evidence(facts, AS_OF, ()).items)["pay_0"]
    return found


@settings(max_examples=300, deadline=None)
@given(promised())
def test_the_program_credits_refunds_to_promises_as_the_ledger_does(facts: PaymentFacts) -> None:
    owed = unkept_promises(facts.payments, facts.refunds, facts.promises, AS_OF)
    if isinstance(owed, ConflictingEvidence):
        assume(False)
    else:
        assert program_on_promises(facts) == sum(due.amount_minor for due in owed)


def test_a_refund_counts_for_the_promise_past_its_date_first() -> None:
    """The older promise is not due yet: the refund keeps the younger one, nothing is owed."""
    old, late = (
        RefundPromise(
            promise_id=f"prm_{n}",
            order_id="ord_1",
            payment_id="pay_0",
            amount_minor=1000,
            currency="EUR",
            promised_at=days_ago(made),
            due_at=days_ago(due),
        )
        for n, made, due in ((0, 8, -1), (1, 7, 2))
    )
    refund = Refund(
        refund_id="ref_0",
        payment_id="pay_0",
        order_id="ord_1",
        amount_minor=1000,
        currency="EUR",
        status="completed",
        reason="return",
        requested_at=days_ago(5),
    )
    facts = PaymentFacts("ord_1", (CHARGE,), (refund,), (old, late), BILL)
    assert unkept_promises(facts.payments, facts.refunds, facts.promises, AS_OF) == ()
    assert program_on_promises(facts) == 0


def test_the_sandbox_runs_the_longest_program_in_its_first_tier() -> None:
    from redress.sandbox import run_program

    verdict = Verdict()
    verdict.actions = [
        ("refund_payment", "pay_0", "duplicate_charge"),
        ("refund_payment", "pay_1", "refund_not_received"),
        ("refund_line", "line_0", "missing_item"),
    ]
    program = write_program(verdict)
    ended = run_program(program, {"evidence": []})

    assert ended.ok, ended.error
    assert size_without_proposal(program) <= 4096
    assert ended.engine == "monty"
    assert ended.value == {"refund_minor": {"pay_0": 0, "pay_1": 0, "line_0": 0}}
