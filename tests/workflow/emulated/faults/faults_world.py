"""Drives the stack of faults through AWS's APIs."""

import itertools
import json
import re
from pathlib import Path
from typing import Any

from redress_local.emulated.cloud import EmulatedCloud
from stack_world import until

_numbers = itertools.count(1)


def details_of(event: dict[str, Any]) -> dict[str, Any]:
    """The details of an event of an execution's history."""
    return next((dict(v) for k, v in event.items() if k.endswith("EventDetails")), {})


class FaultsWorld:
    """A running cloud with the stack of faults.

    Attributes:
        cloud: The cloud.
        notes: Where functions note their attempts.
    """

    def __init__(self, cloud: EmulatedCloud, notes: Path) -> None:
        self.cloud = cloud
        self.notes = notes
        self.states = cloud.client("stepfunctions")
        self.events = cloud.client("events")
        self.functions = cloud.client("lambda")
        self.sqs = cloud.client("sqs")
        self.bus_arn: str = cloud.stack.outputs["BusArn"]
        self.bus = self.bus_arn.rpartition("/")[2]

    # Names

    def name(self, what: str = "t") -> str:
        """A name of this test's own."""
        return f"{what}-{next(_numbers)}"

    def function(self, logical_id: str) -> str:
        """A function's name."""
        return next(f.name for f in self.cloud.functions.functions() if f.logical_id == logical_id)

    def arn(self, logical_id: str) -> str:
        """A function's ARN."""
        return self.cloud.functions.function(self.function(logical_id)).arn

    def machine(self, logical_id: str) -> str:
        """A state machine's ARN."""
        pages = self.states.get_paginator("list_state_machines")
        pattern = re.compile(rf".*-{logical_id}-[A-Z0-9]+$")
        return next(
            str(machine["stateMachineArn"])
            for page in pages.paginate()
            for machine in page["stateMachines"]
            if pattern.match(machine["name"])
        )

    def queue_of(self, logical_id: str) -> str:
        """The URL of one of the template's queues."""
        pattern = re.compile(rf".*-{logical_id}-[A-Z0-9]+$")
        urls = self.sqs.list_queues(QueueNamePrefix=self.cloud.stack.name)["QueueUrls"]
        return next(str(url) for url in urls if pattern.match(url))

    # What functions noted

    def attempts(self, key: str) -> list[dict[str, Any]]:
        """Each attempt that a function made for a key."""
        path = self.notes / key
        if not path.exists():
            return []
        return [json.loads(line) for line in path.read_text().splitlines()]

    def effects(self, key: str) -> list[str]:
        """What the function `waits` has brought about for a key."""
        path = self.notes / f"{key}.effects"
        return path.read_text().split() if path.exists() else []

    def let_go(self, key: str) -> None:
        """Let the function `waits` end."""
        (self.notes / f"{key}.go").touch()

    # Executions

    def start(self, machine: str, given: Any) -> str:
        """Start an execution of a machine of the template; returns its ARN."""
        answer = self.states.start_execution(
            stateMachineArn=self.machine(machine), name=self.name(), input=json.dumps(given)
        )
        return str(answer["executionArn"])

    def end(self, execution: str) -> dict[str, Any]:
        """Wait until an execution is over; returns its description."""

        def look() -> dict[str, Any] | None:
            found = dict(self.states.describe_execution(executionArn=execution))
            return None if found["status"] == "RUNNING" else found

        return dict(until(look, f"the end of {execution}"))

    def run(self, machine: str, given: Any) -> tuple[Any, list[dict[str, Any]]]:
        """Run an execution that must succeed; returns its output and its history."""
        execution = self.start(machine, given)
        ended = self.end(execution)
        assert ended["status"] == "SUCCEEDED", ended
        return json.loads(ended["output"]), self.history(execution)

    def history(self, execution: str) -> list[dict[str, Any]]:
        """All events of an execution."""
        pages = self.states.get_paginator("get_execution_history")
        return [
            event for page in pages.paginate(executionArn=execution) for event in page["events"]
        ]

    # Queues

    def queue(self, what: str, **attributes: str) -> tuple[str, str]:
        """A queue of this test's own: its URL and its ARN."""
        url = self.sqs.create_queue(QueueName=self.name(what), Attributes=attributes)["QueueUrl"]
        answer = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        return str(url), str(answer["Attributes"]["QueueArn"])

    def receive(self, url: str, what: str, holds: str = "") -> dict[str, Any]:
        """Wait for a message whose body holds a text; the others stay on the queue."""

        def look() -> dict[str, Any] | None:
            answer = self.sqs.receive_message(
                QueueUrl=url,
                MaxNumberOfMessages=10,
                VisibilityTimeout=0,
                MessageAttributeNames=["All"],
                MessageSystemAttributeNames=["All"],
            )
            return next((m for m in answer.get("Messages", []) if holds in m["Body"]), None)

        return dict(until(look, what))

    def depth(self, url: str) -> int:
        """How many messages a queue holds, hidden ones included."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
        return sum(int(found[name]) for name in names)

    # Events

    def rule(self, pattern: Any, *targets: dict[str, Any], **more: Any) -> tuple[str, str]:
        """A rule of this test's own: its name and its ARN."""
        name = self.name("rule")
        arn = self.events.put_rule(
            Name=name, EventBusName=self.bus, EventPattern=json.dumps(pattern), **more
        )["RuleArn"]
        answer = self.events.put_targets(
            Rule=name,
            EventBusName=self.bus,
            Targets=[{"Id": f"t{n}", **target} for n, target in enumerate(targets)],
        )
        assert answer["FailedEntryCount"] == 0, answer
        return name, str(arn)

    def put(self, source: str, detail: Any, **more: Any) -> str:
        """Put one event; returns its id."""
        answer = self.events.put_events(
            Entries=[
                {
                    "EventBusName": self.bus,
                    "Source": source,
                    "DetailType": "Test",
                    "Detail": json.dumps(detail),
                    **more,
                }
            ]
        )
        assert answer["FailedEntryCount"] == 0, answer
        return str(answer["Entries"][0]["EventId"])
