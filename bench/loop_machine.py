"""A model-tool loop of 12 states in both query languages, with trivial handlers.

moto's interpreter cannot run JSONata, so it gets the same states in JSONPath.
"""

import json
from typing import Any

import work

LAMBDA = "arn:aws:states:::lambda:invoke"


def model(event: dict[str, Any]) -> dict[str, Any]:
    """Ask the next tool, or answer."""
    turn = sum(message["role"] == "tool" for message in event["messages"])
    if turn < len(work.SCRIPT):
        call = {"tool": work.SCRIPT[turn], "order_id": "A-1001", "text": ""}
    else:
        call = {"tool": "", "order_id": "", "text": work.FINAL}
    messages = [*event["messages"], {"role": "assistant", "content": json.dumps(call)}]
    return {"case": event["case"], "call": call, "messages": messages}


def call_tool(event: dict[str, Any]) -> dict[str, Any]:
    """Call the tool that the model asked for."""
    found = work.TOOLS[event["call"]["tool"]](event["call"]["order_id"])
    messages = [*event["messages"], {"role": "tool", "content": json.dumps(found)}]
    return {**event, "messages": messages}


def refund(event: dict[str, Any]) -> dict[str, Any]:
    """Stand for the effect; only the engine is measured here."""
    amount = json.loads(event["call"]["text"])["refund_minor"]
    return {"refund_id": f"rf_{event['case']}", "amount_minor": amount}


HANDLERS = {"model": model, "call_tool": call_tool, "refund": refund}


def first_input(case: str) -> dict[str, Any]:
    """Return the execution's input."""
    return {
        "case": case,
        "messages": [
            {"role": "system", "content": work.SYSTEM},
            {"role": "user", "content": work.PROMPT.format(case=case)},
        ],
    }


def _jsonata_task(function: str, **fields: Any) -> dict[str, Any]:
    return {
        "Type": "Task",
        "Resource": LAMBDA,
        "Arguments": {"FunctionName": function, "Payload": "{% $states.input %}"},
        "Output": "{% $states.result.Payload %}",
        **fields,
    }


def _jsonpath_task(function: str, **fields: Any) -> dict[str, Any]:
    return {
        "Type": "Task",
        "Resource": LAMBDA,
        "Parameters": {"FunctionName": function, "Payload.$": "$"},
        "ResultSelector": {"payload.$": "$.Payload"},
        "OutputPath": "$.payload",
        **fields,
    }


JSONATA: dict[str, Any] = {
    "QueryLanguage": "JSONata",
    "StartAt": "Model",
    "States": {
        "Model": _jsonata_task("model", Next="IsDone"),
        "IsDone": {
            "Type": "Choice",
            "Choices": [{"Condition": "{% $states.input.call.tool = '' %}", "Next": "Refund"}],
            "Default": "CallTool",
        },
        "CallTool": _jsonata_task("call_tool", Next="Model"),
        "Refund": _jsonata_task("refund", End=True),
    },
}
JSONPATH: dict[str, Any] = {
    "StartAt": "Model",
    "States": {
        "Model": _jsonpath_task("model", Next="IsDone"),
        "IsDone": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.call.tool", "StringEquals": "", "Next": "Refund"}],
            "Default": "CallTool",
        },
        "CallTool": _jsonpath_task("call_tool", Next="Model"),
        "Refund": _jsonpath_task("refund", End=True),
    },
}
STATES = 12
"""Transitions of one run: model 4, choice 4, tool 3, refund 1."""
