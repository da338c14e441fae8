"""The orchestrator: delegates, goes on without who gives no answer, and counts what all used."""

import threading
from typing import Any

import msgspec
import pytest
from domains_world import DomainsWorld
from example_case import ExampleCase
from redress.agents.budget import Budget
from redress.agents.models.playbook.model import PlaybookModel
from redress.agents.orchestrator import MAX_QUESTION, investigate_orchestrator
from redress.errors import AgentUnavailableError, BudgetExceededError
from redress.models.case import SupportCase
from redress.models.investigation import (
    DOMAINS,
    DomainName,
    DomainReport,
    Investigation,
    InvestigationRequest,
    Usage,
)


def run(example: ExampleCase, domains: DomainsWorld, **named: Any) -> Investigation:
    case = domains.grant(example.case, **named.pop("grant", {}))
    request = InvestigationRequest(case=case, passages=example.request.passages)
    request = msgspec.structs.replace(request, **named.pop("request", {}))
    agents = named.pop("agents", domains)
    return investigate_orchestrator(request, agents, PlaybookModel, **named)


def actions(found: Investigation) -> set[tuple[str, str]]:
    return {(action.action, action.subject_id) for action in found.proposal.actions}


def test_proposes_what_is_due(example: ExampleCase, domains: DomainsWorld) -> None:
    found = run(example, domains)
    assert actions(found) == {("refund_payment", "pay_1001_b"), ("reship_line", "line_1001_teapot")}
    assert (found.pattern, found.conclusive, found.missing) == ("orchestrator", True, ())
    assert {item.domain for item in found.evidence} == set(DOMAINS)
    assert [domain for domain, _ in domains.asked][2:] == ["inventory"]
    assert {domain for domain, _ in domains.asked[:2]} == {"orders", "payments"}
    # Its own three calls and two of each agent.
    assert found.usage.model_calls == 9
    assert found.usage.tool_calls == 4 + 5


def test_agents_asked_in_one_turn_work_side_by_side(
    example: ExampleCase, domains: DomainsWorld
) -> None:
    both = threading.Barrier(2)

    class Slow:
        def ask(
            self, domain: DomainName, case: SupportCase, question: str, grant_id: str
        ) -> DomainReport:
            if domain != "inventory":
                both.wait(10)
            return domains.ask(domain, case, question, grant_id)

    assert len(run(example, domains, agents=Slow()).proposal.actions) == 2


@pytest.mark.parametrize("dead", DOMAINS)
def test_a_dead_agent_is_missing_evidence(
    example: ExampleCase, domains: DomainsWorld, dead: DomainName
) -> None:
    domains.dead = {dead: AgentUnavailableError("no answer")}
    found = run(example, domains)
    assert found.missing == (f"{dead}/unavailable",)
    assert not any(item.domain == dead for item in found.evidence)
    assert found.conclusive is False
    # Nothing that needs what is missing is even proposed.
    assert actions(found) <= {("refund_payment", "pay_1001_b")}
    assert (actions(found) == set()) == (dead == "payments")


def test_all_agents_dead_is_an_answer_too(example: ExampleCase, domains: DomainsWorld) -> None:
    domains.dead = dict.fromkeys(DOMAINS, AgentUnavailableError("no answer"))
    found = run(example, domains)
    assert (found.evidence, found.proposal.actions, found.conclusive) == ((), (), False)


def test_what_the_user_may_not_read_is_missing(example: ExampleCase, domains: DomainsWorld) -> None:
    found = run(example, domains, grant={"scopes": ("orders:read", "inventory:read")})
    assert found.missing == ("payments/not_permitted",)
    assert not any(item.domain == "payments" for item in found.evidence)
    assert found.proposal.actions == ()


def test_what_was_spent_before_counts(example: ExampleCase, domains: DomainsWorld) -> None:
    alone = run(example, domains)
    spent = Usage(model_calls=3, input_tokens=100, tool_calls=1)
    again = run(example, domains, request={"spent": spent})
    assert again.usage == alone.usage + spent


def test_an_agent_is_asked_only_if_its_budget_is_left(
    example: ExampleCase, domains: DomainsWorld
) -> None:
    with pytest.raises(BudgetExceededError, match="another agent"):
        run(example, domains, budget=Budget(model_calls=12))
    # One fits, both at once do not.
    assert len(domains.asked) <= 1


class Wordy(PlaybookModel):
    """Asks the orders agent first with words that nobody takes."""

    def __init__(self, question: str) -> None:
        super().__init__()
        self._question = question

    async def stream(self, messages: Any, *args: Any, **named: Any) -> Any:
        async for event in super().stream(messages, *args, **named):
            delta = event.get("contentBlockDelta", {}).get("delta", {})
            if len(messages) == 1 and "toolUse" in delta:
                delta["toolUse"]["input"] = msgspec.json.encode(
                    {"question": self._question}
                ).decode()
            yield event


@pytest.mark.parametrize("question", ["", "  ", "x" * (MAX_QUESTION + 1)])
def test_a_question_that_is_none_is_refused(
    example: ExampleCase, domains: DomainsWorld, question: str
) -> None:
    case = domains.grant(example.case)
    request = InvestigationRequest(case=case, passages=example.request.passages)
    found = investigate_orchestrator(request, domains, lambda: Wordy(question))
    assert domains.asked == []
    assert found.conclusive is False
