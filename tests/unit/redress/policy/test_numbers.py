"""Prose, Cedar and code name the same numbers, both ways."""

import re
from pathlib import Path

from redress.domains.orders.rules import DELIVERY_GRACE_DAYS
from redress.domains.payments.rules import REFUND_PROCESSING_DAYS
from redress.models.investigation import DOMAINS
from redress.policy.gate import ActionFacts, PolicyGate
from redress.steps.ship_replacement import REPLACEMENT_DAYS

FOLDER = Path(__file__).parents[4] / "policies"
PROSE = (FOLDER / "refund-policy.md").read_text("utf-8")
CEDAR = (FOLDER / "refund.cedar").read_text("utf-8")

DECIMALS = {"USD": 2, "EUR": 2, "GBP": 2, "JPY": 0}

Limits = dict[str, dict[str, int]]


def section(title: str) -> str:
    return PROSE.split(f"## {title}\n")[1].split("\n## ")[0]


def prose_table(title: str, columns: tuple[str, str]) -> Limits:
    """Return {column: {currency: minor units}} of a section's table."""
    limits: Limits = {name: {} for name in columns}
    for row in re.findall(r"^\| ([A-Z]{3}) \| (\S+) \| (\S+) \|$", section(title), re.MULTILINE):
        currency, *amounts = row
        for name, amount in zip(columns, amounts, strict=True):
            whole, _, cents = amount.replace(",", "").partition(".")
            assert len(cents) == DECIMALS[currency]
            limits[name][currency] = int(whole + cents)
    return limits


def cedar_limits() -> Limits:
    """Return {policy id: {currency: minor units}} of all policies that name amounts."""
    limits: Limits = {}
    for policy in re.split(r"(?=^@id)", CEDAR, flags=re.MULTILINE)[1:]:
        name = policy.split('"')[1]
        found = re.findall(r'currency == "([A-Z]{3})" && context\.\w+ > (\d+)\)', policy)
        assert len(found) == len(re.findall(r"\d{3,}", policy))
        if found:
            limits[name] = {currency: int(amount) for currency, amount in found}
    return limits


def test_amounts() -> None:
    thresholds = prose_table("Approval thresholds", ("approval-per-case", "approval-per-day"))
    caps = prose_table("Caps", ("cap-per-case", "cap-per-day"))
    goods = {"approval-for-goods": thresholds["approval-per-case"]}
    assert cedar_limits() == thresholds | caps | goods
    assert all(limits.keys() == DECIMALS.keys() for limits in cedar_limits().values())


def test_currencies() -> None:
    listed = re.search(r'\[(("[A-Z]{3}"(, )?)+)\]\.contains', CEDAR)
    assert listed
    assert set(re.findall(r"[A-Z]{3}", listed[1])) == DECIMALS.keys()


def test_domains_that_must_have_answered() -> None:
    """The prose says which domains each action needs; the gate denies it without one of them."""
    gate = PolicyGate.from_folder(FOLDER)
    rule = next(
        " ".join(rule.split())
        for rule in section("What we never do").split("\n- ")
        if "no answer" in rule
    )
    of_payment, of_line = rule.split(" nor ")
    assert "refund a payment" in of_payment
    assert "refund or send pieces of a line" in of_line
    stated = {"refund_payment": of_payment, "refund_line": of_line, "reship_line": of_line}
    for action, words in stated.items():
        subject = f"{action}_1"
        for domain in DOMAINS:
            named = re.search(rf"\b{domain}\b", words) is not None
            facts = ActionFacts(
                action=action,
                subject_id=subject,
                customer_id="cus_1",
                order_owner="cus_1",
                amount_minor=100,
                currency="USD",
                unanswered=(domain,),
            )
            reasons = " ".join(gate.decide(facts, approved=True).reasons)
            assert ("answered-domains-only" in reasons) == named, (action, domain)


def test_thresholds_are_below_caps() -> None:
    limits = cedar_limits()
    for currency in DECIMALS:
        assert limits["approval-per-case"][currency] < limits["cap-per-case"][currency]
        assert limits["approval-per-day"][currency] < limits["cap-per-day"][currency]
        assert limits["cap-per-case"][currency] <= limits["cap-per-day"][currency]


def test_days() -> None:
    """Every number of days in the prose is one of the code's, and the other way round."""
    quoted = {
        title: [int(n) for n in re.findall(r"(\d+)\s+days", section(title))]
        for title in re.findall(r"^## (.+)$", PROSE, re.MULTILINE)
    }
    assert {title: days for title, days in quoted.items() if days} == {
        "Delivery grace": [DELIVERY_GRACE_DAYS],
        "Promised refunds": [REFUND_PROCESSING_DAYS],
        "Replacements": [REPLACEMENT_DAYS],
    }
