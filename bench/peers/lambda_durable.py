"""AWS Lambda durable functions (official SDK) on its own in-process test runner."""

import os

os.environ.update(AWS_ACCESS_KEY_ID="a", AWS_SECRET_ACCESS_KEY="b", AWS_DEFAULT_REGION="us-east-1")

import json
import logging
from typing import Any

import _path  # noqa: F401
import harness
import work
from aws_durable_execution_sdk_python import DurableContext, durable_execution
from aws_durable_execution_sdk_python_testing.runner import DurableFunctionTestRunner

logging.disable(logging.CRITICAL)
ledger = work.Ledger(work.fresh_folder(harness.FOLDER, "lambda-durable") / "ledger.db")


def model(messages: list[dict[str, Any]]) -> dict[str, Any]:
    turn = sum(message["role"] == "tool" for message in messages)
    if turn < len(work.SCRIPT):
        return {"tool": work.SCRIPT[turn], "args": {"order_id": "A-1001"}}
    return {"text": work.FINAL}


@durable_execution
def handler(event: dict[str, Any], context: DurableContext) -> dict[str, Any]:
    case = event["case"]
    messages: list[dict[str, Any]] = [
        {"role": "system", "content": work.SYSTEM},
        {"role": "user", "content": work.PROMPT.format(case=case)},
    ]
    while True:
        answer = context.step(lambda _: model(messages), name="model")
        messages.append({"role": "assistant", "content": json.dumps(answer)})
        if "text" in answer:
            break
        name, args = answer["tool"], answer["args"]
        found = context.step(lambda _, n=name, a=args: work.TOOLS[n](**a), name=name)
        messages.append({"role": "tool", "content": json.dumps(found)})
    amount = json.loads(answer["text"])["refund_minor"]
    return context.step(lambda _: ledger.refund(case, amount), name="refund")


runner = DurableFunctionTestRunner(handler)


def run(case: str) -> dict[str, Any]:
    outcome = runner.run(input=json.dumps({"case": case}), timeout=60)
    result = outcome.result
    return result if isinstance(result, dict) else json.loads(result)


if __name__ == "__main__":
    with runner:
        harness.measure("Lambda durable functions", run, ledger.count, "every step, in memory")
