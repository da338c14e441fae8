"""Strands alone: one agent, nothing durable but the refund row."""

import json
from typing import Any

import _path  # noqa: F401
import harness
import work
from scripted_strands import STRANDS_TOOLS, Scripted
from strands import Agent

ledger = work.Ledger(work.fresh_folder(harness.FOLDER, "strands") / "ledger.db")


async def run(case: str) -> dict[str, Any]:
    agent = Agent(
        model=Scripted(), tools=STRANDS_TOOLS, system_prompt=work.SYSTEM, callback_handler=None
    )
    answer = str(await agent.invoke_async(work.PROMPT.format(case=case)))
    return ledger.refund(case, json.loads(answer)["refund_minor"])


if __name__ == "__main__":
    harness.measure("Strands alone", run, ledger.count, "no")
