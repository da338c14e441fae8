"""The floor: a hand-written loop, no framework, no journal."""

import json
from typing import Any

import _path  # noqa: F401
import harness
import work

ledger = work.Ledger(work.fresh_folder(harness.FOLDER, "floor") / "ledger.db")


def model(messages: list[dict[str, Any]]) -> dict[str, Any]:
    turn = sum(message["role"] == "tool" for message in messages)
    if turn < len(work.SCRIPT):
        return {"tool": work.SCRIPT[turn], "args": {"order_id": "A-1001"}}
    return {"text": work.FINAL}


def run(case: str) -> dict[str, Any]:
    messages: list[dict[str, Any]] = [
        {"role": "system", "content": work.SYSTEM},
        {"role": "user", "content": work.PROMPT.format(case=case)},
    ]
    while True:
        answer = model(messages)
        messages.append({"role": "assistant", "content": json.dumps(answer)})
        if "text" in answer:
            break
        found = work.TOOLS[answer["tool"]](**answer["args"])
        messages.append({"role": "tool", "content": json.dumps(found)})
    return ledger.refund(case, json.loads(answer["text"])["refund_minor"])


if __name__ == "__main__":
    harness.measure("hand-written loop", run, ledger.count, "no")
