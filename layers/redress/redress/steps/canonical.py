"""Keys and hashes that are the same whenever the same thing is meant."""

import hashlib
from collections.abc import Iterable
from typing import Any

import msgspec

from redress.models.settlement import RuledAction

_HASHED = (
    "action",
    "subject_id",
    "reason_code",
    "decision",
    "effect_key",
    "amount_minor",
    "currency",
    "payee",
    "payment_id",
    "line_id",
    "sku",
    "quantity",
)

_encoder = msgspec.json.Encoder(order="sorted")


def digest(value: Any) -> str:
    """Return the SHA-256 of JSON-like data, whatever the order of its keys."""
    return hashlib.sha256(_encoder.encode(value)).hexdigest()


def effect_key(case_id: str, action: str, subject_id: str, reason_code: str) -> str:
    """Return the key under which an effect happens at most once.

    Ids hold no "|", so different parts never make one key.
    """
    text = f"{case_id}|{action}|{subject_id}|{reason_code}"
    return hashlib.sha256(text.encode()).hexdigest()


def proposal_hash(
    case_id: str, order_id: str, customer_id: str, actions: Iterable[RuledAction]
) -> str:
    """Return the hash of all that would be executed: denied actions are left out."""
    executed = [
        {name: getattr(action, name) for name in _HASHED}
        for action in actions
        if action.decision != "deny"
    ]
    return digest(
        {
            "case_id": case_id,
            "order_id": order_id,
            "customer_id": customer_id,
            "actions": executed,
        }
    )
