"""Which functions follow one another on one cloud, and what each must answer to its sample."""

from __future__ import annotations

from typing import Any, Final, NamedTuple


class Story(NamedTuple):
    """Functions on one cloud.

    Attributes:
        before: What has happened already: functions' folders, and steps that `prepare` knows.
        stages: Folders of functions; those of one stage may run at once.
    """

    before: tuple[str, ...]
    stages: tuple[tuple[str, ...], ...]


STORIES: Final = (
    Story(
        ("ticket",),
        (
            ("validate_case", "claim_case"),
            # Before anything else is news: whoever is told of it and does not listen is forgotten.
            ("gather_context", "connect_client"),
            ("watch_case", "fetch_order_evidence"),
            ("notify_clients", "fetch_payment_evidence"),
            ("disconnect_client", "fetch_inventory_evidence"),
            ("conclude_investigation", "reconcile"),
            ("run_orders_agent", "run_payments_agent"),
            ("run_inventory_agent", "investigate_monolith"),
            # Alone: the domains' agents answer it, in the cloud.
            ("investigate_orchestrator",),
            ("decide_by_policy", "record_finding"),
            ("reserve_stock", "issue_ticket"),
            ("issue_refund",),
            ("ship_replacement",),
            ("close_case",),
            ("show_case", "index_resolution"),
            ("cancel_replacement",),
            ("reverse_refund",),
            ("release_stock",),
        ),
    ),
    Story(
        ("claim_case", "decide_without_the_program"),
        (("await_approval",), ("answer_approval",)),
    ),
    Story(("claim_case",), (("record_failure", "open_case"),)),
    Story(
        ("claim_case", "task"),
        (
            ("exchange_token", "show_keys"),
            ("serve_orders_tools", "serve_payments_tools"),
            ("serve_inventory_tools", "serve_orders_agent"),
            ("serve_payments_agent", "serve_inventory_agent"),
            ("record_task",),
        ),
    ),
)


def _effect(action: str, state: str, amount_minor: int = 0) -> dict[str, Any]:
    return {
        "effects": [
            {
                "effect_key": str,
                "case_id": "case_1001",
                "action": action,
                "state": state,
                "amount_minor": amount_minor,
            }
        ]
    }


def _investigation(pattern: str) -> dict[str, Any]:
    return {
        "case_id": "case_1001",
        "pattern": pattern,
        "conclusive": True,
        "model": "playbook",
        "evidence": list,
        "program": str,
        "proposal": {
            "actions": [
                {"action": "refund_payment", "subject_id": "pay_1001_b"},
                {"action": "reship_line", "subject_id": "line_1001_teapot"},
            ]
        },
    }


def _report(domain: str) -> dict[str, Any]:
    return {
        "domain": domain,
        "evidence": {"domain": domain, "items": list, "missing": []},
        "summary": str,
        "model": "playbook",
        "usage": {"model_calls": int, "tool_calls": int},
    }


# That it is signed shows that the key was there.
_CARD: Final = {
    "statusCode": 200,
    "body": {"name": str, "skills": list, "signatures": list, "securitySchemes": dict},
}
# A token lives a minute, so the sample of a request holds none that is good.
_NO_TOKEN: Final = {"statusCode": 401, "body": {"error": str}}

# A type stands for any value of it that is not empty; keys that are not named may be there.
EXPECTED: Final[dict[str, dict[str, Any]]] = {
    "validate_case": {"case_id": "case_1001", "order_id": "ord_1001", "skus": list},
    "claim_case": {"case_id": "case_1001", "attempt": 1, "execution_id": str},
    "gather_context": {"passages": list},
    "fetch_order_evidence": {"domain": "orders", "items": list, "missing": []},
    "fetch_payment_evidence": {"domain": "payments", "items": list, "missing": []},
    "fetch_inventory_evidence": {"domain": "inventory", "items": list, "missing": []},
    "conclude_investigation": _investigation("evidence-first"),
    "investigate_monolith": _investigation("monolith"),
    "reconcile": {"ok": True, "value": {"refund_minor": {"pay_1001_b": 6490}}, "engine": "monty"},
    "decide_by_policy": {
        "case_id": "case_1001",
        "next_step": "settle",
        "actions": [{"decision": "allow"}, {"decision": "allow"}],
        "proposal_hash": str,
    },
    "reserve_stock": _effect("reserve_stock", "done"),
    "issue_refund": _effect("refund_payment", "done", 6490),
    "ship_replacement": _effect("reship_line", "done"),
    "close_case": {"detail_type": "CaseResolved", "detail": {"case_id": "case_1001"}},
    "cancel_replacement": _effect("reship_line", "compensated"),
    "reverse_refund": _effect("refund_payment", "compensated", 6490),
    "release_stock": _effect("reserve_stock", "compensated"),
    "await_approval": {"case_id": "case_1001"},
    # The question is kept, but the sample's token is no execution's: nobody waits for the answer.
    "answer_approval": {"errorType": "ApprovalDeniedError", "errorMessage": str},
    "record_failure": {"case_id": "case_1001", "status": "failed"},
    "open_case": {"statusCode": 202, "body": {"case_id": str, "status": "accepted"}},
    "show_case": {"statusCode": 200, "body": {"case_id": "case_1001", "status": "resolved"}},
    "issue_ticket": {"statusCode": 201, "body": {"ticket": str, "expires_at": str}},
    "connect_client": {"statusCode": 200},
    "watch_case": {"statusCode": 200},
    # The sample's connection is no WebSocket's: it is gone by the time there is news.
    "notify_clients": {"told": 0, "gone": 1},
    "disconnect_client": {"statusCode": 200, "body": {"connection_id": str}},
    "run_orders_agent": _report("orders"),
    "run_payments_agent": _report("payments"),
    "run_inventory_agent": _report("inventory"),
    "investigate_orchestrator": _investigation("orchestrator"),
    # The sample is signed by a role of another account; agents in containers get their tokens from
    # the cloud's own function.
    "exchange_token": {"statusCode": 400, "body": {"error": "unauthorized_client"}},
    "show_keys": {
        "statusCode": 200,
        "body": {"keys": [{"kty": "EC", "crv": "P-256", "alg": "ES256", "kid": str}]},
    },
    "serve_orders_tools": _NO_TOKEN,
    "serve_payments_tools": _NO_TOKEN,
    "serve_inventory_tools": _NO_TOKEN,
    "serve_orders_agent": _CARD,
    "serve_payments_agent": _CARD,
    "serve_inventory_agent": _CARD,
    "record_task": {"task_id": str, "state": "completed", "told": 0},
    "record_finding": {"case_id": "case_1001", "findings": 1},
    "index_resolution": {"passage_id": str},
}

# `sam local start-api` checks no tokens and passes no claims on, so nobody is signed in.
_NOT_SIGNED_IN: Final = {"status": 403, "body": {"error": "NotSignedInError", "message": str}}
ROUTES: Final = (
    ("POST /cases", _NOT_SIGNED_IN),
    ("GET /cases/case_1001", _NOT_SIGNED_IN),
    ("POST /tickets", _NOT_SIGNED_IN),
    ("GET /nothing", {"status": 403, "body": {"message": str}}),
)
