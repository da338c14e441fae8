"""The Python service behind bench/peers/restate_python.py: every call is a journalled step."""

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import _path  # noqa: F401
import hypercorn.asyncio
import hypercorn.config
import restate
import work

ledger = work.Ledger(Path(os.environ["BENCH_LEDGER"]))
service = restate.Service("Case")


def model(messages: list[dict[str, Any]]) -> dict[str, Any]:
    turn = sum(message["role"] == "tool" for message in messages)
    if turn < len(work.SCRIPT):
        return {"tool": work.SCRIPT[turn], "args": {"order_id": "A-1001"}}
    return {"text": work.FINAL}


@service.handler()
async def resolve(ctx: restate.Context, case: str) -> dict[str, Any]:
    messages: list[dict[str, Any]] = [
        {"role": "system", "content": work.SYSTEM},
        {"role": "user", "content": work.PROMPT.format(case=case)},
    ]
    while True:
        answer = await ctx.run_typed("model", lambda: model(messages))
        messages.append({"role": "assistant", "content": json.dumps(answer)})
        if "text" in answer:
            break
        name, args = answer["tool"], answer["args"]
        found = await ctx.run_typed(name, lambda n=name, a=args: work.TOOLS[n](**a))
        messages.append({"role": "tool", "content": json.dumps(found)})
    amount = json.loads(answer["text"])["refund_minor"]
    return await ctx.run_typed("refund", lambda: ledger.refund(case, amount))


if __name__ == "__main__":
    config = hypercorn.config.Config()
    config.bind = ["127.0.0.1:19080"]
    config.loglevel = "ERROR"
    asyncio.run(hypercorn.asyncio.serve(restate.app([service]), config))
