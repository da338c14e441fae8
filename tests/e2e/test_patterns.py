"""Each pattern with agents that are dead, and with customers who may not read everything."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from local_world import Opener, refunds_and_shipments
from redress.errors import BudgetExceededError, DependencyUnavailableError
from redress.models.case import PATTERNS
from redress.models.investigation import DOMAINS
from redress_local.embedded.cloud import EmbeddedCloud
from redress_local.embedded.resolution import resolve
from redress_local.evaluation.run import evaluate
from redress_local.shop.example import example_shop
from redress_local.shop.generator import generate_cases

BY_AGENTS = ("pipeline", "orchestrator", "swarm")


def kill(cloud: EmbeddedCloud, function: str, error: Exception) -> None:
    """Let every call of a function fail."""
    real = cloud.host._load

    def load(found: Any) -> Any:
        handler, runtime = real(found)

        def dead(*_: Any) -> Any:
            raise error

        return (dead if found.logical_id == function else handler), runtime

    cloud.host._load = load  # type: ignore[method-assign]


@pytest.fixture
def with_dead(
    opened: Opener, example: dict[str, Any]
) -> Callable[[str, str], tuple[dict[str, Any], EmbeddedCloud]]:
    """Resolves the example by a pattern while a domain's agent is dead."""

    def run(pattern: str, domain: str) -> tuple[dict[str, Any], EmbeddedCloud]:
        example["Detail"]["pattern"] = pattern
        cloud = opened()
        name = f"Run{domain.capitalize()}AgentFunction"
        kill(cloud, name, BudgetExceededError("it has used all its model calls"))
        return resolve(cloud, example), cloud

    return run


@pytest.mark.parametrize("domain", DOMAINS)
def test_a_pipeline_fails_naming_the_stage(with_dead: Any, domain: str) -> None:
    result, cloud = with_dead("pipeline", domain)
    name = domain.capitalize()
    assert result["status"] == "failed"
    assert result["failure"]["state"] == f"Run{name}Agent"
    assert refunds_and_shipments(cloud) == (0, 0)
    # Nothing after the stage ran.
    ran = [visit["name"] for visit in result["states"]]
    after = [f"Run{d.capitalize()}Agent" for d in DOMAINS[DOMAINS.index(domain) + 1 :]]
    assert not {*after, "ConcludeInvestigation", "DecideByPolicy"} & set(ran)
    # The case is parked, and whoever looks at it reads the stage.
    (archive,) = cloud.bus.archives()
    kept = cloud.bus.store.archived(archive["name"], None, None)
    (failed,) = (event["detail"] for event in kept if event["detail-type"] == "CaseFailed")
    assert failed["error"] == "InvestigationFailed"
    assert failed["reason"] == (
        f"{name}StageFailed: BudgetExceededError: it has used all its model calls"
    )


@pytest.mark.parametrize("domain", DOMAINS)
@pytest.mark.parametrize("pattern", ["orchestrator", "swarm"])
def test_others_go_on_and_nothing_is_paid_on_what_is_missing(
    with_dead: Any, pattern: str, domain: str
) -> None:
    result, cloud = with_dead(pattern, domain)
    assert result["missing"] == [f"{domain}/unavailable"]
    assert not any(item["domain"] == domain for item in result["evidence"])
    # With payments and orders known, a human may yet approve the refund; of the line nobody can.
    wanted = {"refund_payment"} if domain != "payments" else set()
    assert {action["action"] for action in result["actions"]} == wanted
    assert result["status"] == ("awaiting_approval" if wanted else "failed")
    assert refunds_and_shipments(cloud) == (0, 0)


def test_a_silent_domain_of_evidence_first_escalates_to_the_orchestrator(
    opened: Opener, example: dict[str, Any]
) -> None:
    cloud = opened()
    kill(cloud, "FetchPaymentEvidenceFunction", BudgetExceededError("dead"))
    result = resolve(cloud, example)
    # The payments agent reads the same records, and it is alive.
    assert (result["status"], result["missing"]) == ("resolved", [])
    assert "InvestigateOrchestrator" in [visit["name"] for visit in result["states"]]
    assert refunds_and_shipments(cloud) == (1, 1)


def test_missing_evidence_escalates_to_the_orchestrator_and_counts_once(
    opened: Opener, example: dict[str, Any]
) -> None:
    """Who asks again learns no more: a human decides. What the first try used is part of it."""
    shop = msgspec.structs.replace(example_shop(), invoices=())
    cloud = opened(shop=shop)
    result = resolve(cloud, example)
    names = [visit["name"] for visit in result["states"]]
    assert names.index("ConcludeInvestigation") < names.index("InvestigateOrchestrator")
    assert "payments/invoice" in result["missing"]
    # One call of the decider, and at least three of the orchestrator and two of each agent.
    assert result["model_calls"] >= 1 + 2 + 4
    assert refunds_and_shipments(cloud) == (0, 0)


def test_an_agent_that_stays_busy_is_given_up(opened: Opener, example: dict[str, Any]) -> None:
    example["Detail"]["pattern"] = "swarm"
    from asl_engine import VirtualClock

    cloud = opened(clock=VirtualClock(1_772_452_800.0))
    kill(cloud, "RunOrdersAgentFunction", DependencyUnavailableError("busy"))
    result = resolve(cloud, example)
    (orders,) = (v for v in result["states"] if v["name"] == "RunOrdersAgent")
    assert orders["attempts"] == 6
    assert result["missing"] == ["orders/unavailable"]


def test_the_steps_of_every_pattern_are_shown(opened: Opener, example: dict[str, Any]) -> None:
    shown = {
        "pipeline": {"InvestigatePipeline", "RunOrdersAgent", "RunInventoryAgent"},
        "swarm": {"InvestigateSwarm", "AskEveryDomain", "RunPaymentsAgent"},
        "orchestrator": {"InvestigateOrchestrator", "RunOrdersAgent", "RecordTask"},
    }
    for pattern, names in shown.items():
        detail = {**example["Detail"], "pattern": pattern, "case_id": f"case_{pattern}"}
        with EmbeddedCloud.open(None, durable=False, workers=0) as cloud:
            result = resolve(cloud, {**example, "Detail": detail})
            depths = {visit["name"]: visit["depth"] for visit in result["states"]}
        assert names <= depths.keys(), pattern
        assert depths["RunOrdersAgent"] == 2
        assert result["model_calls"] >= 7


@pytest.mark.parametrize("pattern", PATTERNS)
def test_generated_cases_are_judged_right(pattern: Any) -> None:
    shop, labels = generate_cases(12, 31)
    report = evaluate(shop, labels, pattern)
    assert report["accuracy"] == 1.0, report["wrong"]
    assert report["false_refunds"] == 0
    assert report["failed"] == 0
    again = evaluate(shop, labels, pattern)
    for key in ("tokens", "model_calls", "model_input_bytes", "by_claim", "approvals"):
        assert again[key] == report[key]
