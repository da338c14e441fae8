"""What a customer may not read gets into no evidence, no model and no history, by any pattern."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from redress.identity.grants import save_grant
from redress.identity.scopes import USER_SCOPES, user_scopes
from redress.models.base import dump
from redress.models.case import PATTERNS
from redress.models.identity import Grant
from redress.models.investigation import DOMAINS
from redress_local.embedded.cloud import EmbeddedCloud
from redress_local.embedded.resolution import CaseLedgers, resolve
from redress_local.shop.document import Shop
from redress_local.shop.generator import generate_cases
from redress_local.shop.labels import Labels, to_case_opened

INVESTIGATING = ("InvestigateCase", "InvestigatePipeline", "InvestigateSwarm", "RunTask")


@pytest.fixture(scope="module")
def generated() -> tuple[Shop, Labels]:
    return generate_cases(40, 5)


@pytest.fixture
def cloud(generated: tuple[Shop, Labels]) -> Iterator[EmbeddedCloud]:
    with EmbeddedCloud.open(None, shop=generated[0], workers=0, durable=False) as opened:
        yield opened


def entry_for(
    cloud: EmbeddedCloud, labels: Labels, pattern: str, without: str, kind: str
) -> dict[str, Any]:
    """A customer's case, opened with a token that lacks one scope."""
    label = next(each for each in labels.cases if each.kind == kind)
    scope = " ".join(name for name in USER_SCOPES if name != f"redress/{without}.read")
    now = cloud._parts.clock.now()
    grant = Grant(
        grant_id="grant_narrow",
        case_id=label.case_id,
        customer_id=label.customer_id,
        scopes=user_scopes(scope),
        source="api",
        expires_at=now + timedelta(days=1),
    )
    save_grant(cloud.domain("cases"), grant)
    opened = dump(to_case_opened(label, labels.as_of))
    return {
        "EventBusName": cloud.case_bus,
        "Source": "redress",
        "DetailType": "CaseOpened",
        "Detail": {**opened, "pattern": pattern, "grant_id": "grant_narrow"},
        "Time": dump(labels.as_of),
    }


def secrets_of(shop: Shop, order_id: str, domain: str) -> set[str]:
    """Ids that only this domain's records know."""
    if domain == "payments":
        of_order = [*shop.payments, *shop.invoices]
        names = {getattr(each, "payment_id", "") for each in of_order if each.order_id == order_id}
        names |= {each.invoice_id for each in shop.invoices if each.order_id == order_id}
        names |= {p.instrument_id for p in shop.payments if p.order_id == order_id}
        return names - {""}
    if domain == "orders":
        return {s.shipment_id for s in shop.shipments if s.order_id == order_id}
    return set()


@pytest.mark.parametrize("without", DOMAINS)
@pytest.mark.parametrize("pattern", PATTERNS)
def test_nothing_of_a_domain_that_may_not_be_read(
    cloud: EmbeddedCloud, generated: tuple[Shop, Labels], pattern: str, without: str
) -> None:
    shop, labels = generated
    kind = "duplicate_charge" if without == "payments" else "missing_item"
    entry = entry_for(cloud, labels, pattern, without, kind)
    order_id = entry["Detail"]["order_id"]
    before = CaseLedgers(cloud).of(order_id)
    result = resolve(cloud, entry)
    assert f"{without}/not_permitted" in result["missing"]
    assert not any(item["domain"] == without for item in result["evidence"])
    assert result["status"] != "failed", result["failure"]
    # Without it nothing that needs it is done, and no money moves unattended.
    if without == "payments":
        assert result["actions"] == []
    assert CaseLedgers(cloud).of(order_id) == before
    # Not in what investigates, either: states, inputs, outputs, prompts and answers of agents.
    secret = secrets_of(shop, order_id, without)
    assert secret or without == "inventory"
    for execution in cloud.engine.list_executions():
        if any(name in execution.machine for name in INVESTIGATING):
            text = json.dumps([dict(e) for e in cloud.engine.history(execution.arn)], default=str)
            found = {name for name in secret if name in text}
            assert not found, (execution.machine, found)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_with_all_rights_the_same_case_is_resolved(
    cloud: EmbeddedCloud, generated: tuple[Shop, Labels], pattern: str
) -> None:
    """So that the test above fails for the missing right, and for nothing else."""
    entry = entry_for(cloud, generated[1], pattern, "nothing", "duplicate_charge")
    result = resolve(cloud, entry)
    assert result["missing"] == []
    assert {"payments", "orders"} <= {item["domain"] for item in result["evidence"]}
    assert result["status"] in {"resolved", "awaiting_approval"}
