"""ClaimCase: one owner per case."""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import pytest
from redress.adapters.memory.repository import MemoryRepository
from redress.errors import (
    CaseAlreadySettledError,
    CaseOwnedElsewhereError,
    ConflictError,
    DependencyUnavailableError,
    InvalidCaseError,
)
from redress.models.settlement import ClosingRequest
from redress.ports import Write
from redress.steps.case_records import load_case
from redress.steps.close_case import close_case
from redress.steps.record_failure import record_failure


def fail(world: Any, execution: str = "exec_1", case_id: str = "case_1") -> None:
    event = {"detail": {"case_id": case_id}}
    report = {"execution_id": execution, "event": event, "failure": {"Error": "X"}}
    record_failure(report, world.cases, world.clock, world.publisher)


def test_a_new_case(world: Any) -> None:
    claim = world.claim()
    assert (claim.execution_id, claim.attempt) == ("exec_1", 1)
    record = load_case(world.cases, "case_1").record
    assert (record.status, record.owner, record.opened_at) == ("open", "exec_1", world.AS_OF)
    (event,) = world.publisher.of("CaseProgressed")
    assert (event["stage"], event["case_id"], event["attempt"]) == ("claimed", "case_1", 1)


def test_claiming_again_is_the_same_claim(world: Any) -> None:
    assert world.claim() == world.claim()
    assert load_case(world.cases, "case_1").version == 1


def test_a_case_worked_on_is_left_alone(world: Any) -> None:
    world.claim()
    with pytest.raises(CaseOwnedElsewhereError):
        world.claim("exec_2")


def test_a_failed_case_is_taken_over(world: Any) -> None:
    world.claim()
    fail(world)
    assert world.claim("exec_2").attempt == 2
    with pytest.raises(CaseOwnedElsewhereError):
        world.claim("exec_1")


def test_a_failed_execution_that_is_redriven_takes_over_from_itself(world: Any) -> None:
    world.claim()
    fail(world)
    assert world.claim("exec_1").attempt == 2
    assert world.claim("exec_1").attempt == 2


def test_a_lease_that_ran_out_is_taken_over(world: Any) -> None:
    world.claim()
    world.clock.forward(minutes=59)
    with pytest.raises(CaseOwnedElsewhereError):
        world.claim("exec_2")
    world.clock.forward(minutes=2)
    assert world.claim("exec_2").attempt == 2


def test_a_settled_case_is_never_claimed(world: Any) -> None:
    world.claim()
    closing = ClosingRequest("exec_1", {}, world.case())
    close_case(closing, world.cases, world.clock)
    world.clock.forward(days=30)
    for execution in ("exec_1", "exec_2"):
        with pytest.raises(CaseAlreadySettledError):
            world.claim(execution)


@pytest.mark.parametrize("changed", [{"order_id": "ord_2"}, {"customer_id": "cus_2"}])
def test_an_id_of_another_case_is_not_touched(world: Any, changed: dict[str, str]) -> None:
    world.claim()
    fail(world)
    before = load_case(world.cases, "case_1")
    with pytest.raises(InvalidCaseError, match="taken"):
        world.claim("exec_2", msgspec.structs.replace(world.case(), **changed))
    assert load_case(world.cases, "case_1") == before


def test_an_id_of_a_closed_case_says_nothing_about_it(world: Any) -> None:
    """Its own customer hears that it is settled; another one that the id is taken, no more."""
    world.claim()
    close_case(ClosingRequest("exec_1", {}, world.case()), world.cases, world.clock)
    stranger = msgspec.structs.replace(world.case(), customer_id="cus_2", order_id="ord_2")
    with pytest.raises(InvalidCaseError, match="taken") as caught:
        world.claim("exec_2", stranger)
    assert not any(word in str(caught.value) for word in ("cus_1", "ord_1", "rejected"))


def test_two_claims_at_once_have_one_winner(make_world: Callable[..., Any]) -> None:
    class Overtaken(MemoryRepository):
        rival: Callable[[], object] | None = None

        def commit(self, writes: Sequence[Write]) -> None:
            if self.rival is not None:
                rival, self.rival = self.rival, None
                rival()
            super().commit(writes)

    world = make_world(Overtaken)
    world.cases.rival = lambda: world.claim("exec_2")
    with pytest.raises(CaseOwnedElsewhereError):
        world.claim("exec_1")
    assert load_case(world.cases, "case_1").record.owner == "exec_2"


def test_a_store_that_always_conflicts_is_left_to_the_retrier(
    make_world: Callable[..., Any],
) -> None:
    class Busy(MemoryRepository):
        tries = 0

        def commit(self, writes: Sequence[Write]) -> None:
            if writes[0].partition.startswith("case#"):
                self.tries += 1
                raise ConflictError("busy")
            super().commit(writes)

    world = make_world(Busy)
    with pytest.raises(ConflictError):
        world.claim()
    assert world.cases.tries == 6


def test_a_bus_out_of_reach_does_not_keep_the_case(world: Any) -> None:
    class Broken:
        def publish(self, detail_type: str, detail: dict[str, Any]) -> None:
            raise DependencyUnavailableError("no bus")

    world.publisher = Broken()
    assert world.claim().attempt == 1
