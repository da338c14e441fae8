"""Events whose targets fail, rules that are silent, replays of a part of an archive."""

import asyncio
import json
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from faults_world import FaultsWorld
from redress_local.emulated.gateway.asgi import read_body, send_answer
from stack_world import until

PASS = {"QueryLanguage": "JSONata", "StartAt": "P", "States": {"P": {"Type": "Pass", "End": True}}}
# As many as a rule may have: more deliveries than a replay lets wait come of few events.
TARGETS = 5
ROLE = "arn:aws:iam::123456789012:role/anyone"


def attributes_of(message: dict[str, Any]) -> dict[str, str]:
    assert all(v["DataType"] == "String" for v in message["MessageAttributes"].values())
    return {name: v["StringValue"] for name, v in message["MessageAttributes"].items()}


Answer = Callable[[], Awaitable[bytes | None]]
"""What comes in place of an answer of SQS; None lets the request through."""


@contextmanager
def instead_of_sqs(faults: FaultsWorld, queue_arn: str, answer: Answer) -> Iterator[None]:
    """Answer with HTTP 500, or late, to whoever sends messages to one queue."""
    name = "/" + queue_arn.rpartition(":")[2]
    proxy = faults.cloud.gateway._proxy
    assert proxy is not None

    async def sqs(scope: Any, receive: Any, send: Any) -> None:
        body = await read_body(scope, receive, 10_000_000)
        target = dict(scope["headers"]).get(b"x-amz-target", b"")
        sends = target.endswith(b".SendMessage") and json.loads(body)["QueueUrl"].endswith(name)
        if sends and (refusal := await answer()):
            await send_answer(send, 500, {"Content-Type": "application/x-amz-json-1.0"}, refusal)
        else:
            await send_answer(send, *await proxy.forward(scope, body))

    routes = faults.cloud.gateway.routes.asgi
    routes["sqs"] = sqs
    try:
        yield
    finally:
        del routes["sqs"]


@contextmanager
def refusing(faults: FaultsWorld, queue_arn: str) -> Iterator[list[float]]:
    """Let SQS fail for whoever sends to one queue; yields when it did."""
    refused: list[float] = []

    async def refuse() -> bytes:
        refused.append(time.monotonic())
        return b'{"__type":"InternalFailure","message":"SQS is not well"}'

    with instead_of_sqs(faults, queue_arn, refuse):
        yield refused


@contextmanager
def holding(faults: FaultsWorld, queue_arn: str) -> Iterator[None]:
    """Let SQS not answer whoever sends to one queue, until the block ends."""
    ended = threading.Event()

    async def hold() -> None:
        while not ended.is_set():
            await asyncio.sleep(0.01)

    with instead_of_sqs(faults, queue_arn, hold):
        try:
            yield
        finally:
            ended.set()


class TestDeadLetters:
    """An event that reaches no target is on the target's queue, with the reason."""

    @pytest.fixture
    def dead(self, faults: FaultsWorld) -> tuple[str, str]:
        return faults.queue("dead")

    def test_what_does_not_exist_is_not_tried_again(
        self, faults: FaultsWorld, dead: tuple[str, str]
    ) -> None:
        source, name = faults.name("source"), faults.name("gone")
        machine = faults.states.create_state_machine(
            name=name, definition=json.dumps(PASS), roleArn=ROLE
        )["stateMachineArn"]
        target = {"Arn": machine, "RoleArn": ROLE, "DeadLetterConfig": {"Arn": dead[1]}}
        _, rule_arn = faults.rule({"source": [source]}, target)
        faults.put(source, {"n": 1})

        def started() -> Any:
            return faults.states.list_executions(stateMachineArn=machine)["executions"]

        until(started, "an execution while the machine is there")
        faults.states.delete_state_machine(stateMachineArn=machine)
        until(lambda: is_gone(faults, machine), "the machine's end")
        event_id = faults.put(source, {"n": 2, "text": "é💸"}, Resources=["arn:x"])
        letter = faults.receive(dead[0], "the dead letter")
        event = json.loads(letter["Body"])
        assert event["id"] == event_id
        assert event["detail"] == {"n": 2, "text": "é💸"}
        assert (event["source"], event["detail-type"]) == (source, "Test")
        assert event["resources"] == ["arn:x"]
        assert set(event) == {
            "version", "id", "detail-type", "source", "account", "time", "region", "resources",
            "detail",
        }  # fmt: skip
        attributes = attributes_of(letter)
        assert attributes.pop("ERROR_MESSAGE")
        assert attributes == {
            "RULE_ARN": rule_arn,
            "TARGET_ARN": machine,
            "ERROR_CODE": "NO_RESOURCE",
            "RETRY_ATTEMPTS": "0",
        }

    @pytest.mark.parametrize("kind", ["function", "queue"])
    def test_nor_other_targets(self, faults: FaultsWorld, dead: tuple[str, str], kind: str) -> None:
        source = faults.name("source")
        arn = {
            "function": faults.arn("Fails").rpartition(":")[0] + ":nowhere",
            "queue": dead[1].rpartition(":")[0] + ":nowhere",
        }[kind]
        faults.rule({"source": [source]}, {"Arn": arn, "DeadLetterConfig": {"Arn": dead[1]}})
        faults.put(source, {})
        attributes = attributes_of(faults.receive(dead[0], "the dead letter"))
        assert attributes["TARGET_ARN"] == arn
        assert attributes["ERROR_CODE"] == "NO_RESOURCE"
        assert "EXHAUSTED_RETRY_CONDITION" not in attributes

    def test_what_keeps_failing_is_tried_as_its_policy_says(
        self, faults: FaultsWorld, dead: tuple[str, str]
    ) -> None:
        source = faults.name("source")
        _, sick = faults.queue("sick")
        _, rule_arn = faults.rule(
            {"source": [source]},
            {
                "Arn": sick,
                "RetryPolicy": {"MaximumRetryAttempts": 2, "MaximumEventAgeInSeconds": 3600},
                "DeadLetterConfig": {"Arn": dead[1]},
            },
        )
        with refusing(faults, sick) as refused:
            event_id = faults.put(source, {"n": 1})
            letter = faults.receive(dead[0], "the dead letter")
        assert json.loads(letter["Body"])["id"] == event_id
        attributes = attributes_of(letter)
        assert "SQS is not well" in attributes.pop("ERROR_MESSAGE")
        assert attributes == {
            "RULE_ARN": rule_arn,
            "TARGET_ARN": sick,
            "ERROR_CODE": "ERROR_FROM_TARGET",
            "EXHAUSTED_RETRY_CONDITION": "MaximumRetryAttempts",
            "RETRY_ATTEMPTS": "2",
        }
        # The SDK tries each of the three deliveries twice.
        assert len(refused) == 6

    def test_what_recovers_gets_the_event_once(
        self, faults: FaultsWorld, dead: tuple[str, str]
    ) -> None:
        source = faults.name("source")
        url, sick = faults.queue("sick")
        faults.rule({"source": [source]}, {"Arn": sick, "DeadLetterConfig": {"Arn": dead[1]}})
        with refusing(faults, sick) as refused:
            event_id = faults.put(source, {"n": 1})
            until(lambda: len(refused) >= 2, "a failed delivery")
        message = faults.receive(url, "the event after all")
        assert json.loads(message["Body"])["id"] == event_id
        assert faults.depth(url) == 1
        assert faults.depth(dead[0]) == 0

    def test_one_bad_target_does_not_keep_the_others_from_it(
        self, faults: FaultsWorld, dead: tuple[str, str]
    ) -> None:
        source = faults.name("source")
        url, good = faults.queue("good")
        nowhere = dead[1].rpartition(":")[0] + ":nowhere"
        faults.rule(
            {"source": [source]},
            {"Arn": nowhere, "DeadLetterConfig": {"Arn": dead[1]}},
            {"Arn": good, "Input": '{"fixed": true}'},
        )
        faults.put(source, {})
        assert json.loads(faults.receive(url, "the event")["Body"]) == {"fixed": True}
        faults.receive(dead[0], "the dead letter")


def is_gone(faults: FaultsWorld, machine: str) -> bool:
    try:
        faults.states.describe_state_machine(stateMachineArn=machine)
    except ClientError as error:
        return error.response["Error"]["Code"] == "StateMachineDoesNotExist"
    return False


def test_a_disabled_rule_is_silent(faults: FaultsWorld) -> None:
    source = faults.name("source")
    silent_url, silent = faults.queue("silent")
    url, heard = faults.queue("heard")
    born_disabled, _ = faults.rule({"source": [source]}, {"Arn": silent}, State="DISABLED")
    later, _ = faults.rule({"source": [source]}, {"Arn": silent})
    faults.rule({"source": [source]}, {"Arn": heard})
    faults.events.disable_rule(Name=later, EventBusName=faults.bus)
    faults.put(source, {"n": 1})
    faults.receive(url, "the event by the enabled rule")
    faults.events.enable_rule(Name=born_disabled, EventBusName=faults.bus)
    second = faults.put(source, {"n": 2})
    message = faults.receive(silent_url, "the event after the rule was enabled")
    assert json.loads(message["Body"])["id"] == second
    assert faults.depth(silent_url) == 1


class TestReplays:
    """Replays take the events of their window to the rules that they name."""

    NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)

    @pytest.fixture
    def archive(self, faults: FaultsWorld) -> tuple[str, str]:
        """An archive of this test's source alone: its ARN, and the source."""
        source = faults.name("source")
        arn = faults.events.create_archive(
            ArchiveName=faults.name("archive"),
            EventSourceArn=faults.bus_arn,
            EventPattern=json.dumps({"source": [source], "replay-name": [{"exists": False}]}),
        )["ArchiveArn"]
        return str(arn), source

    def replay(
        self, faults: FaultsWorld, archive: str, start: datetime, end: datetime, *rules: str
    ) -> str:
        name = faults.name("replay")
        destination: dict[str, Any] = {"Arn": faults.bus_arn}
        if rules:
            destination["FilterArns"] = list(rules)
        faults.events.start_replay(
            ReplayName=name,
            EventSourceArn=archive,
            EventStartTime=start,
            EventEndTime=end,
            Destination=destination,
        )
        return name

    def state(self, faults: FaultsWorld, name: str, *wanted: str) -> Any:
        def look() -> Any:
            found = faults.events.describe_replay(ReplayName=name)
            return found if found["State"] in wanted else None

        return until(look, f"{name} {wanted}")

    def test_window_and_rules(self, faults: FaultsWorld, archive: tuple[str, str]) -> None:
        arn, source = archive
        chosen_url, chosen = faults.queue("chosen")
        other_url, other = faults.queue("other")
        _, wanted = faults.rule({"source": [source]}, {"Arn": chosen})
        faults.rule({"source": [source]}, {"Arn": other})
        ids = [
            faults.put(source, {"n": n}, Time=self.NOON + timedelta(minutes=n)) for n in range(4)
        ]
        until(lambda: faults.depth(chosen_url) == faults.depth(other_url) == 4, "the events")
        name = self.replay(
            faults,
            arn,
            self.NOON + timedelta(minutes=1),
            self.NOON + timedelta(minutes=2),
            wanted,
        )
        done = self.state(faults, name, "COMPLETED")
        assert done["Destination"]["FilterArns"] == [wanted]
        assert done["ReplayEndTime"] >= done["ReplayStartTime"]
        until(lambda: faults.depth(chosen_url) == 6, "two events again")
        bodies = received(faults, chosen_url, 6)
        again = [body for body in bodies if "replay-name" in body]
        assert sorted(body["id"] for body in again) == sorted(ids[1:3])
        assert {body["replay-name"] for body in again} == {name}
        assert faults.depth(other_url) == 4

    def test_cancel(self, faults: FaultsWorld, archive: tuple[str, str]) -> None:
        """While targets are slow the replay waits for them, and can be cancelled."""
        arn, source = archive
        _, queue = faults.queue("slow")
        rule, _ = faults.rule({"source": [source]}, *[{"Arn": queue}] * TARGETS)
        entry = {
            "EventBusName": faults.bus,
            "Source": source,
            "DetailType": "Test",
            "Detail": "{}",
            "Time": self.NOON,
        }
        with holding(faults, queue):
            for _ in range(11):
                faults.events.put_events(Entries=[entry] * 10)
            name = self.replay(faults, arn, self.NOON, self.NOON + timedelta(seconds=1))
            self.state(faults, name, "RUNNING")
            answer = faults.events.cancel_replay(ReplayName=name)
            assert answer["State"] == "CANCELLING"
            # Nobody needs what is still on its way.
            faults.events.remove_targets(
                Rule=rule, EventBusName=faults.bus, Ids=[f"t{n}" for n in range(TARGETS)]
            )
        cancelled = self.state(faults, name, "CANCELLED")
        assert cancelled["ReplayEndTime"]
        with pytest.raises(ClientError) as caught:
            faults.events.cancel_replay(ReplayName=name)
        assert caught.value.response["Error"]["Code"] == "IllegalStatusException"

    def test_unknown(self, faults: FaultsWorld) -> None:
        with pytest.raises(ClientError) as caught:
            faults.events.cancel_replay(ReplayName="never")
        assert caught.value.response["Error"]["Code"] == "ResourceNotFoundException"


def received(faults: FaultsWorld, url: str, count: int) -> list[dict[str, Any]]:
    """Take all messages of a queue; their bodies."""
    bodies: list[dict[str, Any]] = []

    def take() -> bool:
        answer = faults.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)
        bodies.extend(json.loads(message["Body"]) for message in answer.get("Messages", []))
        return len(bodies) >= count

    until(take, f"{count} messages")
    return bodies
