"""Settlements that need a human: approved, denied, or not answered."""

from typing import Any

import pytest
from asl_engine import VirtualClock
from local_world import Opener, dear_shop, refunds_and_shipments
from redress.errors import ApprovalDeniedError, ApprovalMismatchError, UnknownCaseError
from redress_local.embedded.cloud import EmbeddedCloud
from redress_local.embedded.resolution import resolve

DAY = 86_400


@pytest.fixture
def waiting(opened: Opener, example: dict[str, Any], clock: VirtualClock) -> EmbeddedCloud:
    cloud = opened(shop=dear_shop(), clock=clock)
    result = resolve(cloud, example)
    assert result["status"] == "awaiting_approval"
    assert result["ledger_delta"] == []
    assert result["approval"]["proposal_hash"]
    assert "task_token" not in str(result)
    assert refunds_and_shipments(cloud) == (0, 0)
    return cloud


def answer(decision: str, **more: str) -> dict[str, str]:
    return {"case_id": "case_1001", "decision": decision, "approver": "ana", **more}


def end(cloud: EmbeddedCloud) -> Any:
    (execution,) = cloud.engine.list_executions("redress-ResolveCaseMachine")
    return cloud.settle(execution.arn)


def test_approved_it_is_settled_once(waiting: EmbeddedCloud) -> None:
    waiting.answer(answer("approve"))
    assert end(waiting).output["status"] == "resolved"
    assert refunds_and_shipments(waiting) == (1, 1)
    waiting.answer(answer("approve"))
    waiting.drain()
    assert refunds_and_shipments(waiting) == (1, 1)


def test_denied_it_is_rejected_and_nothing_moves(waiting: EmbeddedCloud) -> None:
    waiting.answer(answer("deny", comment="not this one"))
    output = end(waiting).output
    assert output["status"] == "rejected"
    assert any("not this one" in reason for reason in output["reasons"])
    assert refunds_and_shipments(waiting) == (0, 0)


def test_without_an_answer_it_escalates_once_and_then_denies(
    waiting: EmbeddedCloud, clock: VirtualClock
) -> None:
    (execution,) = waiting.engine.list_executions("redress-ResolveCaseMachine")
    waiting.engine.wait(execution.arn, timeout=DAY + 60)
    (archive,) = waiting.bus.archives()

    def asked() -> list[int]:
        events = waiting.bus.store.archived(archive["name"], None, None)
        return [
            event["detail"]["escalation"]
            for event in events
            if event["detail-type"] == "ApprovalRequested"
        ]

    assert asked() == [0, 1]
    assert waiting.engine.describe(execution.arn).status == "RUNNING"
    waiting.engine.wait(execution.arn, timeout=DAY + 60)
    done = waiting.engine.describe(execution.arn)
    assert done.output["status"] == "rejected"
    assert asked() == [0, 1]
    assert refunds_and_shipments(waiting) == (0, 0)
    with pytest.raises((ApprovalDeniedError, ApprovalMismatchError)):
        waiting.answer(answer("approve"))


def test_an_answer_is_bound_to_what_was_shown(waiting: EmbeddedCloud) -> None:
    with pytest.raises(ApprovalMismatchError):
        waiting.answer(answer("approve", proposal_hash="0" * 64))
    with pytest.raises(ApprovalMismatchError):
        waiting.answer({**answer("approve"), "approver": "cust_mina"})
    with pytest.raises(UnknownCaseError):
        waiting.answer({**answer("approve"), "case_id": "case_none"})
    assert refunds_and_shipments(waiting) == (0, 0)


def test_it_waits_through_a_restart(
    waiting: EmbeddedCloud, opened: Opener, clock: VirtualClock
) -> None:
    waiting.close()
    cloud = opened(shop=dear_shop(), clock=clock)
    (arn,) = cloud.resume()
    assert cloud.is_waiting(arn)
    cloud.answer(answer("approve"))
    assert cloud.settle(arn).output["status"] == "resolved"
    assert refunds_and_shipments(cloud) == (1, 1)


def test_an_answer_kept_but_not_passed_on_is_passed_on_after_a_restart(
    waiting: EmbeddedCloud, opened: Opener, clock: VirtualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(waiting.engine, "send_task_success", dies)
    with pytest.raises(KeyboardInterrupt):
        waiting.answer(answer("approve"))
    waiting.close()
    cloud = opened(shop=dear_shop(), clock=clock)
    (arn,) = cloud.resume()
    assert cloud.settle(arn).output["status"] == "resolved"
    assert refunds_and_shipments(cloud) == (1, 1)
