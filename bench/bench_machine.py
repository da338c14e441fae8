"""Our side of the bench case: six states on our engine, a Strands agent, our durable store.

Validate -> Investigate (4 model turns, 3 tools) -> Decide -> IsAllowed -> IssueRefund -> Done.
The agent is set up as Redress sets up its own: tool specs checked once, no spans that nobody
records. The refund is one commit: the effect, keyed by the case, and the change of the ledger.
"""

import asyncio
import json
import threading
from pathlib import Path
from typing import Any

import msgspec
import work
from asl_engine import Engine, SqliteJournal, compile_machine
from redress.adapters.sqlite.repository import SqliteStore
from redress.agents.strands_economy import FixedTools, quieten_tracing
from redress.errors import ConflictError
from redress.ports import Write
from scripted_strands import STRANDS_TOOLS, Scripted
from strands import Agent

LAMBDA = "arn:aws:states:::lambda:invoke"
RETRY = [
    {
        "ErrorEquals": ["ConflictError", "Sandbox.Timedout"],
        "IntervalSeconds": 1,
        "MaxAttempts": 3,
        "BackoffRate": 2,
        "JitterStrategy": "FULL",
    }
]


def _task(function: str, following: str) -> dict[str, Any]:
    return {
        "Type": "Task",
        "Resource": LAMBDA,
        "Arguments": {"FunctionName": function, "Payload": "{% $states.input %}"},
        "Output": "{% $states.result.Payload %}",
        "TimeoutSeconds": 60,
        "Retry": RETRY,
        "Catch": [{"ErrorEquals": ["States.ALL"], "Next": "Failed"}],
        "Next": following,
    }


MACHINE: dict[str, Any] = {
    "QueryLanguage": "JSONata",
    "StartAt": "Validate",
    "States": {
        "Validate": {"Type": "Pass", "Output": "{% $states.input %}", "Next": "Investigate"},
        "Investigate": _task("investigate", "Decide"),
        "Decide": _task("decide", "IsAllowed"),
        "IsAllowed": {
            "Type": "Choice",
            "Choices": [{"Condition": "{% $states.input.allowed %}", "Next": "IssueRefund"}],
            "Default": "Failed",
        },
        "IssueRefund": _task("issue_refund", "Done"),
        "Done": {"Type": "Succeed"},
        "Failed": {"Type": "Fail", "Error": "Failed"},
    },
}


class BenchCase:
    """The machine, its functions and its store in one folder."""

    def __init__(self, folder: Path) -> None:
        self._payments = SqliteStore(folder / "records.db", "NORMAL").repository("payments")
        self._loops = threading.local()
        quieten_tracing()
        self._functions = {
            "investigate": self._investigate,
            "decide": self._decide,
            "issue_refund": self._issue_refund,
        }
        self._engine = Engine(
            journal=SqliteJournal(folder / "journal.db"), lambda_invoker=self._invoke
        )
        self._machine = self._engine.register(compile_machine(MACHINE, name="bench_case"))

    def run(self, case: str) -> dict[str, Any]:
        """Resolve one case."""
        execution = self._engine.run(
            self._machine, {"case": case, "prompt": work.PROMPT.format(case=case)}, name=case
        )
        return dict(execution.output)

    def refunds(self) -> int:
        """Count the refund rows."""
        return len(self._payments.by_index("refunds"))

    def _invoke(self, function: str, payload: bytes) -> bytes:
        return msgspec.json.encode(self._functions[function](msgspec.json.decode(payload)))

    def _investigate(self, event: dict[str, Any]) -> dict[str, Any]:
        if not hasattr(self._loops, "loop"):
            self._loops.loop = asyncio.new_event_loop()
        agent = Agent(model=Scripted(), system_prompt=work.SYSTEM, callback_handler=None)
        agent.tool_registry = FixedTools(STRANDS_TOOLS)
        answer = self._loops.loop.run_until_complete(agent.invoke_async(event["prompt"]))
        return {"case": event["case"], "proposal": json.loads(str(answer))}

    def _decide(self, event: dict[str, Any]) -> dict[str, Any]:
        return {**event, "allowed": event["proposal"]["refund_minor"] <= 10_000}

    def _issue_refund(self, event: dict[str, Any]) -> dict[str, Any]:
        case, amount = event["case"], event["proposal"]["refund_minor"]
        result = {"refund_id": f"rf_{case}", "amount_minor": amount}
        writes = [
            Write(
                partition=f"effect#{case}",
                sort="effect",
                document=msgspec.json.encode({"state": "done", **result}),
                expected_version=0,
            ),
            Write(
                partition=f"order#{case}",
                sort=f"refund#{case}",
                document=msgspec.json.encode(result),
                expected_version=0,
                index="refunds",
            ),
        ]
        try:
            self._payments.commit(writes)
        except ConflictError:
            return dict(msgspec.json.decode(self._stored(case)))
        return result

    def _stored(self, case: str) -> bytes:
        record = self._payments.get(f"order#{case}", f"refund#{case}")
        if record is None:
            raise ConflictError("the refund is neither written nor writable")
        return record.document
