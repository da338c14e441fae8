"""GET /cases/{case_id}: customers see their own cases and nothing of policy's reasons."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from redress.adapters.memory.repository import MemoryRepository
from redress.api.show_case import show_case
from redress.models.case import CaseRecord
from redress.steps.case_records import put_case

AT = datetime(2026, 3, 2, 12, tzinfo=UTC)
OUTCOME = {
    "explanation": "We refund it.",
    "reasons": ["policy-7"],
    "actions": [
        {"action": "refund_payment", "subject_id": "pay_1", "amount_minor": 5, "currency": "USD"}
        | {"payee": "card_mina", "reason_code": "duplicate_charge", "state": "done"}
    ],
}


def stored(**changes: Any) -> MemoryRepository:
    fields: dict[str, Any] = {
        "case_id": "case_1001",
        "customer_id": "cust_mina",
        "order_id": "ord_1001",
        "pattern": "evidence-first",
        "status": "open",
        "owner": "execution",
        "owned_until": AT,
        "attempt": 1,
        "opened_at": AT,
        "updated_at": AT,
    }
    cases = MemoryRepository()
    cases.commit([put_case(CaseRecord(**fields | changes), 0)])
    return cases


def get(event: Any, cases: Any) -> tuple[int, dict[str, Any]]:
    answer = show_case(event, cases)
    return answer["statusCode"], json.loads(answer["body"])


def test_an_open_case(sample: Any) -> None:
    status, body = get(sample("show_case"), stored())
    assert (status, body["status"], body["actions"]) == (200, "open", [])
    assert not {"owner", "pattern", "attempt", "customer_id"} & body.keys()


def test_a_case_that_ended_says_what_was_done(sample: Any) -> None:
    status, body = get(sample("show_case"), stored(status="resolved", outcome=OUTCOME))
    assert (status, body["explanation"]) == (200, "We refund it.")
    assert body["actions"] == [
        {"action": "refund_payment", "subject_id": "pay_1", "amount_minor": 5, "currency": "USD"}
        | {"state": "done"}
    ]
    assert "policy-7" not in json.dumps(body)


def test_a_failure_is_not_explained_to_the_customer(sample: Any) -> None:
    cases = stored(status="failed", failure={"error": "SecretError", "cause": "stack"})
    assert "SecretError" not in json.dumps(get(sample("show_case"), cases))


def test_anothers_case_is_like_none(sample: Any) -> None:
    missing = get(sample("show_case"), MemoryRepository())
    assert get(sample("show_case", customer="cust_ben"), stored()) == missing
    assert (missing[0], missing[1]["error"]) == (404, "UnknownCaseError")


@pytest.mark.parametrize("case_id", ["", "../x", "x" * 129, None])
def test_an_id_that_cannot_be(sample: Any, case_id: Any) -> None:
    event = sample("show_case")
    event["pathParameters"] = {} if case_id is None else {"case_id": case_id}
    assert get(event, stored())[0] == 400
