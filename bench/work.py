"""The case that every peer resolves: four scripted model turns, three tools, a decision, a refund.

The model answers at once, so what is measured is the framework. Every peer asks the same tools
in the same order, decides the same, and writes one refund row keyed by the case.
"""

import json
import shutil
import sqlite3
import threading
from pathlib import Path
from typing import Any

SYSTEM = (
    "You resolve customer-support cases. Gather the order, its invoice and payments, and the "
    "inventory evidence, then recommend a remedy and a refund amount. Never refund twice. "
) * 6
PROMPT = "Case {case}: charged twice for order A-1001, and only one of the two items arrived."
ORDER: dict[str, Any] = {
    "order_id": "A-1001",
    "customer": "C-77",
    "lines": [
        {"sku": "SKU-1", "quantity": 1, "price_minor": 4999, "status": "delivered"},
        {"sku": "SKU-2", "quantity": 1, "price_minor": 3500, "status": "shipped"},
    ],
    "events": [
        {"at": f"2026-11-{day:02d}T10:00:00Z", "type": "scan", "note": "carrier scan"}
        for day in range(1, 9)
    ],
}
PAYMENTS: dict[str, Any] = {
    "order_id": "A-1001",
    "invoice": "INV-9",
    "total_minor": 8499,
    "charges": [
        {"id": "ch_1", "amount_minor": 8499, "status": "captured", "at": "2026-11-01T09:00:01Z"},
        {"id": "ch_2", "amount_minor": 8499, "status": "captured", "at": "2026-11-01T09:00:03Z"},
    ],
    "refunds": [],
}
INVENTORY: dict[str, Any] = {
    "items": [
        {"sku": "SKU-1", "picked": 1, "packed": 1},
        {"sku": "SKU-2", "picked": 1, "packed": 0, "on_hand": 14, "bin": "R7-04"},
    ],
    "shipment": {"id": "S-5", "weight_g": 410, "expected_g": 820},
}
DECISION: dict[str, Any] = {
    "remedy": "refund_duplicate_and_reship",
    "refund_minor": 8499,
    "reship": ["SKU-2"],
    "why": "ch_2 duplicates ch_1 within 2 s; SKU-2 was picked but never packed.",
}
FINAL = json.dumps(DECISION)


def get_order(order_id: str) -> dict[str, Any]:
    """Order and its delivery events."""
    return ORDER


def get_payments(order_id: str) -> dict[str, Any]:
    """Invoice and charges."""
    return PAYMENTS


def get_inventory(order_id: str) -> dict[str, Any]:
    """Pick and pack evidence."""
    return INVENTORY


TOOLS = {"get_order": get_order, "get_payments": get_payments, "get_inventory": get_inventory}
SCRIPT = list(TOOLS)
"""One tool per model turn; the fourth turn answers."""


class Ledger:
    """The refund effect of peers that bring no store: one row per case, in SQLite's WAL mode."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.execute("pragma journal_mode=WAL")
        self._db.execute("create table if not exists refunds (key text primary key, amount int)")

    def refund(self, case: str, amount_minor: int) -> dict[str, Any]:
        """Write the refund of a case, once."""
        with self._lock:
            self._db.execute("insert or ignore into refunds values (?, ?)", (case, amount_minor))
        return {"refund_id": f"rf_{case}", "amount_minor": amount_minor}

    def count(self) -> int:
        """Count the refunds."""
        return int(self._db.execute("select count(*) from refunds").fetchone()[0])


def fresh_folder(base: Path, name: str) -> Path:
    """Return an empty folder for one peer's run."""
    folder = base / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    return folder
