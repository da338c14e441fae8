"""An agent is asked about the largest order that a token holds."""

import msgspec
import pytest
from a2a_world import A2AWorld, message
from redress.identity.grants import load_grant
from redress.identity.tokens import MAX_SKUS
from redress.models.investigation import DOMAINS, DomainName

SKUS = tuple(f"{number:x>128}" for number in range(MAX_SKUS))


@pytest.mark.parametrize("domain", DOMAINS)
def test_a_large_order_is_asked_about(world: A2AWorld, domain: DomainName) -> None:
    case = world.case(skus=SKUS)
    task = world.result("SendMessage", {"message": message(case)}, case, domain=domain)["task"]
    assert task["status"]["state"] == "TASK_STATE_COMPLETED"
    (work,) = world.starter.started
    assert work.case.skus == SKUS
    # The work gets tokens of its own by the products themselves.
    assert load_grant(world.grants, work.grant_id, world.clock.now()).skus == SKUS


@pytest.mark.parametrize("skus", [SKUS[:-1], (*SKUS[:-1], "sku_other"), (), SKUS[::-1]])
def test_other_products_are_refused(world: A2AWorld, skus: tuple[str, ...]) -> None:
    case = world.case(skus=SKUS)
    sent = message(msgspec.structs.replace(case, skus=skus))
    world.error("SendMessage", {"message": sent}, case)
    assert not world.starter.started
