"""A case with hostile texts, and a model that does whatever an attacker wrote."""

import sys
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "support"))

from grant_world import granted
from redress.adapters.memory.repository import MemoryRepository
from redress.models.case import CaseRequest, SupportCase
from redress.models.investigation import InvestigationRequest, Passage
from redress.steps.fetch_inventory_evidence import fetch_inventory_evidence
from redress.steps.fetch_order_evidence import fetch_order_evidence
from redress.steps.fetch_payment_evidence import fetch_payment_evidence
from redress_local.shop.document import Shop
from redress_local.shop.generator import generate_cases
from redress_local.shop.labels import CaseLabel
from redress_local.shop.seeding import seed_repositories
from strands.models.model import Model

PASSAGE = Passage(passage_id="refund-policy#duplicate-charges", title="t", text="Refund them.")

Script = Callable[[int], tuple[str, Any]]


class ObedientModel(Model):
    """The worst model there is: turn by turn it makes the calls an attacker dictates.

    Attributes:
        seen: Each turn's messages, as a model gets them.
        results: What its calls gave, oldest first: (status, text).
    """

    def __init__(self, script: Script) -> None:
        self._script = script
        self.seen: list[Any] = []
        self.results: list[tuple[str, str]] = []

    def update_config(self, **model_config: Any) -> None:
        """Nothing to configure."""

    def get_config(self) -> dict[str, Any]:
        return {"model_id": "obedient"}

    async def structured_output(self, *args: Any, **kwargs: Any) -> AsyncGenerator[Any, None]:
        raise NotImplementedError
        yield

    async def stream(self, messages: Any, *args: Any, **kwargs: Any) -> AsyncGenerator[Any, None]:
        turn = len(self.seen)
        self.seen.append(messages)
        for block in messages[-1]["content"]:
            if "toolResult" in block:
                result = block["toolResult"]
                self.results.append((result["status"], result["content"][0]["text"]))
        name, arguments = self._script(turn)
        yield {"messageStart": {"role": "assistant"}}
        if name:
            text = arguments if isinstance(arguments, str) else msgspec.json.encode(arguments)
            text = text if isinstance(text, str) else text.decode()
            use = {"name": name, "toolUseId": f"use_{turn}"}
            yield {"contentBlockStart": {"start": {"toolUse": use}}}
            yield {"contentBlockDelta": {"delta": {"toolUse": {"input": text}}}}
        else:
            yield {"contentBlockStart": {"start": {}}}
            yield {"contentBlockDelta": {"delta": {"text": str(arguments)}}}
        yield {"contentBlockStop": {}}
        yield {"messageStop": {"stopReason": "tool_use" if name else "end_turn"}}
        yield {
            "metadata": {
                "usage": {"inputTokens": 10, "outputTokens": 10, "totalTokens": 20},
                "metrics": {"latencyMs": 0},
            }
        }


class Attack:
    """One attacker's case among other people's orders."""

    def __init__(self, statement: str = "I was charged twice.") -> None:
        self.shop: Shop
        self.shop, labels = generate_cases(20, 7)
        self.label: CaseLabel = next(
            label for label in labels.cases if label.kind == "duplicate_charge"
        )
        order = next(o for o in self.shop.orders if o.order_id == self.label.order_id)
        self.order = order
        self.foreign = next(o for o in self.shop.orders if o.customer_id != order.customer_id)
        self.foreign_payment = next(
            p for p in self.shop.payments if p.order_id == self.foreign.order_id
        )
        ledgers = tuple(MemoryRepository() for _ in range(3))
        seed_repositories(self.shop, *ledgers)
        self.case = SupportCase(
            case_id="case_1",
            customer_id=order.customer_id,
            order_id=order.order_id,
            statement=statement,
            pattern="monolith",
            as_of=labels.as_of,
            skus=tuple(dict.fromkeys(line.sku for line in order.lines)),
            grant_id="grant.case_1",
        )
        asked = CaseRequest(case=self.case)
        orders, payments, inventory = ledgers
        grants = granted(self.case)
        self.repositories = (*ledgers, grants)
        self.request = InvestigationRequest(
            case=self.case,
            passages=(PASSAGE,),
            evidence=(
                fetch_order_evidence(asked, orders, grants),
                fetch_payment_evidence(asked, payments, grants),
                fetch_inventory_evidence(asked, inventory, grants),
            ),
        )


@pytest.fixture
def attack() -> Attack:
    return Attack()


@pytest.fixture
def hostile() -> Callable[[str], Attack]:
    return Attack


@pytest.fixture
def obedient() -> type[ObedientModel]:
    return ObedientModel
