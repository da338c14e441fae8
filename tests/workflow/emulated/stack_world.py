"""Drives Redress on the emulated cloud through AWS's APIs, as an operator with boto3 would."""

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

from redress.adapters.aws.repository import DynamoDbRepository
from redress.models.base import dump
from redress.models.case import CaseRecord
from redress.steps.case_records import find_case
from redress_local.embedded.ledger import Ledger, read_ledger
from redress_local.emulated.cloud import EmulatedCloud
from redress_local.shop.labels import CaseLabel, Labels, to_case_opened

DEADLINE = 60.0


def until(found: Callable[[], Any], what: str, seconds: float = DEADLINE) -> Any:
    """Ask until the answer is true; fail when it takes too long."""
    end = time.monotonic() + seconds
    while not (answer := found()):
        if time.monotonic() > end:
            raise AssertionError(f"{what}: not within {seconds:.0f} s")
        time.sleep(0.05)
    return answer


class StackWorld:
    """One running cloud with the project's template.

    Attributes:
        cloud: The cloud.
        labels: The labelled cases of its shop.
    """

    def __init__(self, cloud: EmulatedCloud, labels: Labels) -> None:
        self.cloud = cloud
        self.labels = labels
        self.states = cloud.client("stepfunctions")
        self.events = cloud.client("events")
        self.machine: str = cloud.stack.outputs["ResolveCaseMachineArn"]
        self.bus: str = cloud.stack.outputs["BusName"]
        dynamodb = cloud.client("dynamodb")
        self.cases = DynamoDbRepository(str(cloud.table("cases")), dynamodb)
        self.domains = [
            DynamoDbRepository(str(cloud.table(name)), dynamodb)
            for name in ("orders", "payments", "inventory")
        ]

    def opened(self, label: CaseLabel) -> dict[str, Any]:
        """The detail that opens a labelled case."""
        return json.loads(json.dumps(dump(to_case_opened(label, self.labels.as_of)), default=str))

    def put(self, *details: dict[str, Any], detail_type: str = "CaseOpened") -> list[str]:
        """Put events; returns their ids."""
        ids = []
        for start in range(0, len(details), 10):
            answer = self.events.put_events(
                Entries=[
                    {
                        "EventBusName": self.bus,
                        "Source": "test",
                        "DetailType": detail_type,
                        "Detail": json.dumps(detail),
                        "Time": self.labels.as_of,
                    }
                    for detail in details[start : start + 10]
                ]
            )
            assert answer["FailedEntryCount"] == 0, answer
            ids += [entry["EventId"] for entry in answer["Entries"]]
        return ids

    def executions(self, machine: str | None = None) -> list[dict[str, Any]]:
        """All executions of a machine, the latest first."""
        pages = self.states.get_paginator("list_executions")
        return [
            execution
            for page in pages.paginate(stateMachineArn=machine or self.machine)
            for execution in page["executions"]
        ]

    def started_by(self, event_id: str) -> str:
        """The execution that an event started; its name begins with the event's id."""

        def find() -> str | None:
            names = (e for e in self.executions() if e["name"].startswith(event_id))
            return next((execution["executionArn"] for execution in names), None)

        return str(until(find, f"an execution for event {event_id}"))

    def ended(self, execution: str) -> dict[str, Any]:
        """Wait for an execution's end; approves what waits for a human."""

        def look() -> dict[str, Any] | None:
            found = self.states.describe_execution(executionArn=execution)
            if found["status"] != "RUNNING":
                return dict(found)
            case_id = json.loads(found["input"]).get("detail", {}).get("case_id")
            case = self.case(case_id)
            if case is not None and case.status == "awaiting_approval":
                self.answer(case_id)
            return None

        return dict(until(look, f"the end of {execution}"))

    def answer(self, case_id: str, decision: str = "approve") -> Any:
        """A human's answer, by invoking the function for it."""
        answer = self.cloud.client("lambda").invoke(
            FunctionName=self.cloud.stack.outputs["AnswerApprovalFunctionName"],
            Payload=json.dumps({"case_id": case_id, "decision": decision, "approver": "ana"}),
        )
        return json.load(answer["Payload"])

    def case(self, case_id: Any) -> CaseRecord | None:
        """A case as the table has it."""
        found = find_case(self.cases, case_id) if isinstance(case_id, str) else None
        return found.record if found else None

    def ledger(self, order_id: str) -> Ledger:
        """What the tables say about an order."""
        orders, payments, inventory = self.domains
        return read_ledger(order_id, orders, payments, inventory)

    def history(self, execution: str) -> list[dict[str, Any]]:
        """All events of an execution."""
        pages = self.states.get_paginator("get_execution_history")
        return [
            event for page in pages.paginate(executionArn=execution) for event in page["events"]
        ]

    def archived(self, case_id: str) -> Iterator[dict[str, Any]]:
        """The events of a case that the archive keeps."""
        archive = self.cloud.stack.outputs["ArchiveName"]
        for event in self.cloud.bus.store.archived(archive, None, None):
            if event["detail"].get("case_id") == case_id:
                yield event
