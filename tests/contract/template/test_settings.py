"""How many agents may run at once is the deployer's to limit, and theirs alone."""

from pathlib import Path
from typing import Any

import pytest
from redress_local.emulated.resources.translate import translate

AGENTS = {
    "ConcludeInvestigationFunction",
    "InvestigateMonolithFunction",
    "InvestigateOrchestratorFunction",
    "RunOrdersAgentFunction",
    "RunPaymentsAgentFunction",
    "RunInventoryAgentFunction",
}


def test_agents_alone_can_be_limited(functions: dict[str, Any]) -> None:
    limited = {name for name, f in functions.items() if "ReservedConcurrentExecutions" in f}
    assert limited == AGENTS


@pytest.mark.parametrize(("parameters", "limit"), [({}, None), ({"AgentConcurrency": "3"}, "3")])
def test_a_new_account_reserves_nothing(
    root: Path, parameters: dict[str, str], limit: str | None
) -> None:
    stack = translate(root / "template.yaml", parameters)
    for name in AGENTS:
        asked = stack.resources[name].properties["ReservedConcurrentExecutions"]
        assert stack.value({"Limit": asked}).get("Limit") == limit
