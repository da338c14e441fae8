"""Every pattern that asks the domains' agents finds what is due on cases that nobody has seen."""

from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from domains_world import DomainsWorld
from redress.adapters.memory.repository import MemoryRepository
from redress.agents.decider import conclude_investigation
from redress.agents.models.playbook.model import PlaybookModel
from redress.agents.orchestrator import investigate_orchestrator
from redress.errors import AgentUnavailableError
from redress.models.case import Pattern, SupportCase
from redress.models.investigation import (
    DOMAINS,
    DomainReport,
    DomainRequest,
    Investigation,
    InvestigationRequest,
    Passage,
)
from redress_local.shop.generator import generate_cases
from redress_local.shop.seeding import seed_repositories

PASSAGES = (Passage(passage_id="refund-policy#caps", title="Caps", text="..."),)


def pipeline(case: SupportCase, world: DomainsWorld) -> Investigation:
    """What statemachines/investigate_pipeline.asl.yaml does."""
    reports: tuple[DomainReport, ...] = ()
    for domain in DOMAINS:
        reports += (world.run(domain, DomainRequest(case=case, reports=reports)),)
    return conclude(case, reports)


def swarm(case: SupportCase, world: DomainsWorld) -> Investigation:
    """What statemachines/investigate_swarm.asl.yaml does."""
    return conclude(case, tuple(world.run(d, DomainRequest(case=case)) for d in DOMAINS))


def orchestrator(case: SupportCase, world: DomainsWorld) -> Investigation:
    request = InvestigationRequest(case=case, passages=PASSAGES)
    return investigate_orchestrator(request, world, PlaybookModel)


def conclude(case: SupportCase, reports: tuple[DomainReport, ...]) -> Investigation:
    request = InvestigationRequest(case=case, passages=PASSAGES, reports=reports)
    return conclude_investigation(request, PlaybookModel)


PATTERNS: dict[Pattern, Callable[[SupportCase, DomainsWorld], Investigation]] = {
    "pipeline": pipeline,
    "swarm": swarm,
    "orchestrator": orchestrator,
}


def cases(count: int, seed: int) -> Iterator[tuple[Any, SupportCase, DomainsWorld]]:
    shop, labels = generate_cases(count, seed)
    records = tuple(MemoryRepository() for _ in range(3))
    seed_repositories(shop, *records)
    skus = {order.order_id: {line.sku for line in order.lines} for order in shop.orders}
    world = DomainsWorld(*records)
    try:
        for label in labels.cases:
            case = SupportCase(
                case_id=label.case_id,
                customer_id=label.customer_id,
                order_id=label.order_id,
                statement=label.statement,
                pattern="swarm",
                as_of=labels.as_of,
                skus=tuple(sorted(skus[label.order_id])),
                grant_id="grant_1",
            )
            yield label, world.grant(case), world
    finally:
        world.close()


def proposed(found: Investigation) -> set[tuple[str, str, str]]:
    return {(a.action, a.subject_id, a.reason_code) for a in found.proposal.actions}


@pytest.mark.parametrize("pattern", PATTERNS)
def test_right_on_cases_never_seen(pattern: Pattern) -> None:
    for label, granted, world in cases(20, 11):
        case = msgspec.structs.replace(granted, pattern=pattern)
        found = PATTERNS[pattern](case, world)
        expected = {(a.action, a.subject_id, a.reason_code) for a in label.expected_actions}
        assert proposed(found) == expected, (label.kind, label.look_alike)
        assert found.pattern == pattern
        assert found.usage.model_calls >= 4


@pytest.mark.parametrize("dead", DOMAINS)
def test_never_more_than_is_due_with_a_dead_agent(dead: Any) -> None:
    for label, case, world in cases(15, 12):
        world.dead = {dead: AgentUnavailableError("no answer")}
        found = orchestrator(case, world)
        expected = {(a.action, a.subject_id, a.reason_code) for a in label.expected_actions}
        assert proposed(found) <= expected, (label.kind, label.look_alike)
