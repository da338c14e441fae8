"""Pydantic AI on DBOS with SQLite: workflow, model, tools and refund are durable steps."""

import sys

import pysqlite3

# DBOS needs SQLite's unixepoch('subsec'), newer than what many machines ship.
sys.modules["sqlite3"] = pysqlite3

import json
from typing import Any

import _path  # noqa: F401
import harness
import work
from dbos import DBOS
from pydantic_ai import Agent, Tool
from pydantic_ai.durable_exec.dbos import DBOSDurability
from pydantic_ai.messages import ModelResponse, TextPart, ToolCallPart, ToolReturnPart
from pydantic_ai.models.function import FunctionModel

folder = work.fresh_folder(harness.FOLDER, "dbos")
ledger = work.Ledger(folder / "ledger.db")
DBOS(
    config={
        "name": "bench",
        "system_database_url": f"sqlite:///{folder}/dbos.sqlite",
        "log_level": "ERROR",
        "run_admin_server": False,
    }
)


def scripted(messages: Any, info: Any) -> ModelResponse:
    turn = sum(isinstance(part, ToolReturnPart) for m in messages for part in m.parts)
    if turn < len(work.SCRIPT):
        part: Any = ToolCallPart(work.SCRIPT[turn], {"order_id": "A-1001"}, tool_call_id=f"t{turn}")
    else:
        part = TextPart(work.FINAL)
    return ModelResponse(parts=[part])


@DBOS.step()
async def get_order(order_id: str) -> dict[str, Any]:
    return work.get_order(order_id)


@DBOS.step()
async def get_payments(order_id: str) -> dict[str, Any]:
    return work.get_payments(order_id)


@DBOS.step()
async def get_inventory(order_id: str) -> dict[str, Any]:
    return work.get_inventory(order_id)


agent = Agent(
    FunctionModel(scripted),
    instructions=work.SYSTEM,
    name="case",
    capabilities=[DBOSDurability()],
    tools=[Tool(get_order), Tool(get_payments), Tool(get_inventory)],
)


@DBOS.step()
async def refund(case: str, amount_minor: int) -> dict[str, Any]:
    return ledger.refund(case, amount_minor)


@DBOS.workflow()
async def resolve(case: str) -> dict[str, Any]:
    result = await agent.run(work.PROMPT.format(case=case))
    return await refund(case, json.loads(result.output)["refund_minor"])


async def run(case: str) -> dict[str, Any]:
    return await resolve(case)


if __name__ == "__main__":
    DBOS.launch()
    harness.measure("Pydantic AI + DBOS (SQLite)", run, ledger.count, "every step")
    DBOS.destroy()
