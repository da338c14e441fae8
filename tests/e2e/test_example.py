"""The example case: charged twice, one of two items received."""

import threading
from typing import Any

import pytest
from local_world import Opener, refunds_and_shipments
from redress_local.embedded.resolution import CaseLedgers, resolve
from redress_local.evaluation.run import evaluate
from redress_local.shop.generator import generate_cases


@pytest.mark.parametrize("pattern", ["evidence-first", "monolith"])
def test_the_duplicate_is_refunded_and_the_missing_item_sent(
    opened: Opener, example: dict[str, Any], pattern: str
) -> None:
    example["Detail"]["pattern"] = pattern
    with opened() as cloud:
        result = resolve(cloud, example)
        assert refunds_and_shipments(cloud) == (1, 1)
    assert (result["status"], result["pattern"]) == ("resolved", pattern)
    assert result["already_settled"] is False
    done = {
        (a["action"], a["subject_id"], a["amount_minor"], a["currency"], a["payee"], a["state"])
        for a in result["actions"]
    }
    assert done == {
        ("refund_payment", "pay_1001_b", 6490, "USD", "card_mina", "done"),
        ("reship_line", "line_1001_teapot", 0, None, None, "done"),
    } or done == {
        ("refund_payment", "pay_1001_b", 6490, "USD", "card_mina", "done"),
        ("reship_line", "line_1001_teapot", 0, "USD", None, "done"),
    }
    changes = {(change["kind"], change["change"]) for change in result["ledger_delta"]}
    assert changes == {
        ("refund", "added"),
        ("reservation", "added"),
        ("shipment", "added"),
        ("stock", "changed"),
    }
    cited = {item["evidence_id"] for item in result["evidence"] if item["cited"]}
    assert {"payments/pay_1001_b", "refund-policy#duplicate-charges"} <= cited
    assert result["transitions"] > 10
    assert result["model_calls"] >= 1
    assert result["tokens"]["input"] > 0
    assert result["states"][0]["name"] == "ValidateCase"
    assert result["states"][-1]["name"] == "PublishOutcome"


def test_the_outcome_is_on_the_bus(opened: Opener, example: dict[str, Any]) -> None:
    with opened() as cloud:
        resolve(cloud, example)
        (archive,) = cloud.bus.archives()
        kinds = [e["detail-type"] for e in cloud.bus.store.archived(archive["name"], None, None)]
    assert kinds[0] == "CaseOpened"
    assert "CaseProgressed" in kinds
    assert kinds.count("CaseResolved") == 1


def test_a_second_run_changes_nothing_and_shows_the_stored_outcome(
    opened: Opener, example: dict[str, Any]
) -> None:
    with opened() as cloud:
        first = resolve(cloud, example)
    with opened() as cloud:
        second = resolve(cloud, example)
        assert refunds_and_shipments(cloud) == (1, 1)
    assert second["already_settled"] is True
    assert second["ledger_delta"] == []
    assert second["model_calls"] == 0
    for key in ("status", "pattern", "actions", "evidence", "explanation"):
        assert second[key] == first[key], key


def test_replays_change_nothing(opened: Opener, example: dict[str, Any]) -> None:
    with opened() as cloud:
        resolve(cloud, example)
        before = CaseLedgers(cloud).of("ord_1001")
        (archive,) = cloud.bus.archives()
        for name in ("one", "two"):
            cloud.bus.replay(archive["name"], name)
            cloud.drain()
        executions = cloud.engine.list_executions("redress-ResolveCaseMachine")
        assert [execution.status for execution in executions] == ["SUCCEEDED"] * 3
        reasons = [e.output.get("reason") for e in executions]
        assert reasons == ["CaseAlreadySettledError"] * 2 + [None]
        assert CaseLedgers(cloud).of("ord_1001") == before


def test_twenty_deliveries_at_once_settle_once(opened: Opener, example: dict[str, Any]) -> None:
    with opened(workers=8) as cloud:
        cloud.warm()
        threads = [threading.Thread(target=cloud.put, args=([example],)) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        cloud.drain()
        executions = cloud.engine.list_executions("redress-ResolveCaseMachine")
        assert len(executions) == 20
        assert {execution.status for execution in executions} == {"SUCCEEDED"}
        resolved = [e for e in executions if e.output.get("status") == "resolved"]
        assert len(resolved) == 1
        assert refunds_and_shipments(cloud) == (1, 1)
        assert cloud.bus.store.owed() == []
        assert cloud.bus.store.dead_letters() == []


@pytest.mark.parametrize("pattern", ["evidence-first", "monolith"])
def test_generated_cases_are_judged_right(pattern: Any) -> None:
    shop, labels = generate_cases(20, 3)
    report = evaluate(shop, labels, pattern)
    assert report["accuracy"] == 1.0, report["wrong"]
    assert report["false_refunds"] == 0
    again = evaluate(shop, labels, pattern)
    for key in ("tokens", "model_calls", "model_input_bytes", "by_claim", "approvals"):
        assert again[key] == report[key]
