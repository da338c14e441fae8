"""What an operator does to Redress: break it, look at its queues, repair it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any

from redress_local.embedded.ledger import Ledger
from redress_local.shop.labels import CaseLabel
from stack_world import StackWorld, until

_WANTED = ["refund_payment", "reship_line"]


class Broken:
    """Redress with a case of this test's own: one refund and one shipment are due.

    Attributes:
        stack: The running stack.
        label: The case.
        at: The time of its event, which no other test's event has.
    """

    def __init__(self, stack: StackWorld, number: int) -> None:
        self.stack = stack
        due = [
            label
            for label in stack.labels.cases
            if sorted(action.action for action in label.expected_actions) == _WANTED
        ]
        self.label: CaseLabel = due[number]
        self.at: datetime = stack.labels.as_of + timedelta(hours=number)
        self.before = self.ledger()
        self.functions = stack.cloud.client("lambda")
        self.sqs = stack.cloud.client("sqs")

    # The case

    def put(self) -> str:
        """Put its CaseOpened; returns the event's id."""
        answer = self.stack.events.put_events(
            Entries=[
                {
                    "EventBusName": self.stack.bus,
                    "Source": "test",
                    "DetailType": "CaseOpened",
                    "Detail": json.dumps(self.stack.opened(self.label)),
                    "Time": self.at,
                }
            ]
        )
        assert answer["FailedEntryCount"] == 0, answer
        return str(answer["Entries"][0]["EventId"])

    def executions(self) -> list[str]:
        """Every execution for the case, the latest first."""
        states = self.stack.states
        return [
            execution["executionArn"]
            for execution in self.stack.executions()
            if json.loads(
                states.describe_execution(executionArn=execution["executionArn"])["input"]
            )["detail"].get("case_id")
            == self.label.case_id
        ]

    def status(self) -> str | None:
        """How the case stands."""
        case = self.stack.case(self.label.case_id)
        return case.status if case else None

    def ledger(self) -> Ledger:
        """What the tables say about its order."""
        return self.stack.ledger(self.label.order_id)

    def paid(self) -> tuple[int, int]:
        """How many refunds and shipments it has brought."""
        new = [key for key in self.ledger() if key not in self.before]
        kinds = [kind for kind, _ in new]
        return kinds.count("refund"), kinds.count("shipment")

    def told(self, detail_type: str) -> list[dict[str, Any]]:
        """The events of a type about the case that the archive has."""
        return [
            event
            for event in self.stack.archived(self.label.case_id)
            if event["detail-type"] == detail_type
        ]

    # The stack

    def function(self, logical_id: str) -> str:
        """A function's name."""
        return next(
            f.name for f in self.stack.cloud.functions.functions() if f.logical_id == logical_id
        )

    @contextmanager
    def throttled(self, logical_id: str) -> Iterator[None]:
        """No invocation of a function is let through."""
        name = self.function(logical_id)
        self.functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
        try:
            yield
        finally:
            self.functions.delete_function_concurrency(FunctionName=name)

    @contextmanager
    def without_table(self, logical_id: str) -> Iterator[None]:
        """A function's cases table is one that does not exist."""
        name = self.function(logical_id)
        old = self.functions.get_function_configuration(FunctionName=name)["Environment"]
        wrong = {**old["Variables"], "REDRESS_CASES_TABLE": "nowhere"}
        self.functions.update_function_configuration(
            FunctionName=name, Environment={"Variables": wrong}
        )
        try:
            yield
        finally:
            self.functions.update_function_configuration(FunctionName=name, Environment=old)

    def receive(self, output: str, holds: str) -> dict[str, Any]:
        """Take a message about the case off one of the stack's queues."""
        url = self.stack.cloud.stack.outputs[output]

        def look() -> dict[str, Any] | None:
            answer = self.sqs.receive_message(
                QueueUrl=url,
                MaxNumberOfMessages=10,
                VisibilityTimeout=0,
                MessageAttributeNames=["All"],
            )
            return next((m for m in answer.get("Messages", []) if holds in m["Body"]), None)

        found = dict(until(look, f"a message of {output}"))
        # Out of the way of the tests that follow.
        self.sqs.delete_message(QueueUrl=url, ReceiptHandle=found["ReceiptHandle"])
        return found

    def replay(self, name: str) -> dict[str, Any]:
        """Replay the case's event, and nothing else, from the archive; returns its end."""
        events = self.stack.events
        archive = events.describe_archive(ArchiveName=self.stack.cloud.stack.outputs["ArchiveName"])
        events.start_replay(
            ReplayName=name,
            EventSourceArn=archive["ArchiveArn"],
            EventStartTime=self.at - timedelta(seconds=1),
            EventEndTime=self.at + timedelta(seconds=1),
            Destination={"Arn": archive["EventSourceArn"]},
        )

        def look() -> dict[str, Any] | None:
            found = dict(events.describe_replay(ReplayName=name))
            return found if found["State"] in {"COMPLETED", "FAILED", "CANCELLED"} else None

        return dict(until(look, f"the end of {name}"))
