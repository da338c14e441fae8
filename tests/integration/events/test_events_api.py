"""EventBridge's API by boto3, over a real socket."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from aws_clients import client
from botocore.exceptions import ClientError
from redress.adapters.sqlite.repository import SqliteStore
from redress_local.emulated.gateway.app import Gateway, Routes
from redress_local.emulated.gateway.server import serve
from redress_local.events.api.service import EventsApi
from redress_local.events.bus import EventBus
from redress_local.events.errors import DeliveryError
from redress_local.events.store import EventStore
from redress_local.events.targets import Targets

FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:f"
QUEUE = "arn:aws:sqs:us-east-1:000000000000:q"
DLQ = "arn:aws:sqs:us-east-1:000000000000:dlq"
PATTERN = json.dumps({"source": ["shop"]})


class Recorder:
    """Functions and queues that keep what they get."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self.invoked: list[Any] = []
        self.messages: list[tuple[str, str, dict[str, str]]] = []
        self.fail: Callable[[], None] = lambda: None

    def invoke_async(self, _: str, payload: bytes) -> None:
        self.fail()
        with self.changed:
            self.invoked.append(json.loads(payload))
            self.changed.notify_all()

    def send_message(
        self, queue_arn: str, body: str, attributes: dict[str, str], group_id: str | None = None
    ) -> None:
        with self.changed:
            self.messages.append((queue_arn, body, attributes))
            self.changed.notify_all()

    def wait(self, test: Callable[[], bool]) -> bool:
        with self.changed:
            return self.changed.wait_for(test, 5)


class Server:
    def __init__(self, folder: Path) -> None:
        self.recorder = Recorder()
        self.store = SqliteStore(folder / "events.db", "NORMAL")
        self.bus = EventBus(
            None,
            EventStore(self.store),
            Targets(functions=self.recorder, queues=self.recorder),
            now=time.time,
            workers=4,
            queues=self.recorder,
        )
        self.server = serve(Gateway(Routes(json={"events": EventsApi(self.bus)})))
        self.client = client("events", self.server.url)

    def stop(self) -> None:
        self.server.stop()
        self.bus.close()
        self.store.close()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path)
    yield made
    made.stop()


@pytest.fixture
def aws(server: Server) -> Any:
    return server.client


def code_of(call: Callable[[], Any]) -> str:
    with pytest.raises(ClientError) as caught:
        call()
    return str(caught.value.response["Error"]["Code"])


def entry(number: int = 1, **fields: Any) -> dict[str, Any]:
    return {
        "Source": "shop",
        "DetailType": "CaseOpened",
        "Detail": json.dumps({"number": number}),
        "EventBusName": "cases",
        **fields,
    }


def subscribe(aws: Any, *targets: dict[str, Any]) -> str:
    aws.create_event_bus(Name="cases")
    arn = aws.put_rule(Name="r", EventBusName="cases", EventPattern=PATTERN)["RuleArn"]
    chosen = list(targets) or [{"Id": "t", "Arn": FUNCTION}]
    assert aws.put_targets(Rule="r", EventBusName="cases", Targets=chosen)["FailedEntryCount"] == 0
    return str(arn)


def test_buses(aws: Any) -> None:
    arn = aws.create_event_bus(Name="cases", Description="All cases")["EventBusArn"]
    assert arn == "arn:aws:events:us-east-1:000000000000:event-bus/cases"
    described = aws.describe_event_bus(Name=arn)
    assert (described["Name"], described["Description"]) == ("cases", "All cases")
    assert isinstance(described["CreationTime"], datetime)
    assert [bus["Name"] for bus in aws.list_event_buses()["EventBuses"]] == ["cases", "default"]
    assert code_of(lambda: aws.create_event_bus(Name="cases")) == "ResourceAlreadyExistsException"
    assert code_of(lambda: aws.create_event_bus(Name="a/b")) == "ValidationException"
    assert code_of(lambda: aws.delete_event_bus(Name="default")) == "ValidationException"
    aws.put_rule(Name="r", EventBusName="cases", EventPattern=PATTERN)
    assert code_of(lambda: aws.delete_event_bus(Name="cases")) == "ValidationException"
    aws.delete_rule(Name="r", EventBusName="cases")
    aws.delete_event_bus(Name="cases")
    aws.delete_event_bus(Name="cases")
    assert code_of(lambda: aws.describe_event_bus(Name="cases")) == "ResourceNotFoundException"


def test_permissions_are_kept_and_tags_too(aws: Any) -> None:
    arn = aws.create_event_bus(Name="cases", Tags=[{"Key": "a", "Value": "1"}])["EventBusArn"]
    aws.put_permission(
        EventBusName="cases", StatementId="s", Action="events:PutEvents", Principal="111111111111"
    )
    policy = json.loads(aws.describe_event_bus(Name="cases")["Policy"])
    assert policy["Statement"][0]["Principal"] == {"AWS": "arn:aws:iam::111111111111:root"}
    aws.remove_permission(EventBusName="cases", StatementId="s")
    assert "Policy" not in aws.describe_event_bus(Name="cases")
    long = json.dumps({"Statement": [{"Sid": str(n) * 50} for n in range(999)]})
    too_long = code_of(lambda: aws.put_permission(EventBusName="cases", Policy=long))
    assert too_long == "PolicyLengthExceededException"
    gone = code_of(lambda: aws.remove_permission(EventBusName="cases", StatementId="s"))
    assert gone == "ResourceNotFoundException"
    aws.tag_resource(ResourceARN=arn, Tags=[{"Key": "b", "Value": "2"}])
    aws.untag_resource(ResourceARN=arn, TagKeys=["a"])
    assert aws.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "b", "Value": "2"}]
    unknown = arn.replace("cases", "nowhere")
    missing = code_of(lambda: aws.list_tags_for_resource(ResourceARN=unknown))
    assert missing == "ResourceNotFoundException"


def test_rules(aws: Any) -> None:
    arn = aws.put_rule(Name="r", EventPattern=PATTERN, Description="d", State="DISABLED")["RuleArn"]
    assert arn == "arn:aws:events:us-east-1:000000000000:rule/r"
    rule = aws.describe_rule(Name="r")
    assert (rule["State"], rule["EventPattern"], rule["EventBusName"]) == (
        "DISABLED",
        PATTERN,
        "default",
    )
    aws.enable_rule(Name="r")
    assert aws.describe_rule(Name="r")["State"] == "ENABLED"
    aws.put_rule(Name="r", ScheduleExpression="rate(5 minutes)")
    rule = aws.describe_rule(Name="r")
    assert "EventPattern" not in rule
    assert "Description" not in rule
    for name in ("disable_rule", "enable_rule", "describe_rule"):
        call = getattr(aws, name)
        assert code_of(lambda call=call: call(Name="none")) == "ResourceNotFoundException"
    aws.delete_rule(Name="none")
    assert code_of(lambda: aws.put_rule(Name="x")) == "ValidationException"
    assert (
        code_of(lambda: aws.put_rule(Name="x", ScheduleExpression="rate(1 minutes)"))
        == "ValidationException"
    )
    assert (
        code_of(lambda: aws.put_rule(Name="x", EventPattern='{"source": "x"}'))
        == "InvalidEventPatternException"
    )
    assert (
        code_of(lambda: aws.put_rule(Name="x", EventPattern="{")) == "InvalidEventPatternException"
    )
    aws.create_event_bus(Name="cases")
    assert (
        code_of(
            lambda: aws.put_rule(
                Name="x", EventBusName="cases", ScheduleExpression="rate(5 minutes)"
            )
        )
        == "ValidationException"
    )


def test_lists_come_in_pages(aws: Any) -> None:
    for number in range(7):
        aws.put_rule(Name=f"a{number}", EventPattern=PATTERN)
    aws.put_rule(Name="b", EventPattern=PATTERN)
    names: list[str] = []
    token: dict[str, str] = {}
    while True:
        answer = aws.list_rules(NamePrefix="a", Limit=3, **token)
        names += [rule["Name"] for rule in answer["Rules"]]
        if "NextToken" not in answer:
            break
        token = {"NextToken": answer["NextToken"]}
    assert names == [f"a{number}" for number in range(7)]
    assert code_of(lambda: aws.list_rules(NextToken="nonsense")) == "InvalidToken"


def test_targets(aws: Any) -> None:
    given = {
        "Id": "t",
        "Arn": FUNCTION,
        "RetryPolicy": {"MaximumRetryAttempts": 0, "MaximumEventAgeInSeconds": 60},
        "DeadLetterConfig": {"Arn": DLQ},
    }
    subscribe(aws, given)
    listed = aws.list_targets_by_rule(Rule="r", EventBusName="cases")["Targets"]
    assert listed == [given]
    names = aws.list_rule_names_by_target(TargetArn=FUNCTION, EventBusName="cases")["RuleNames"]
    assert names == ["r"]
    assert code_of(lambda: aws.delete_rule(Name="r", EventBusName="cases")) == "ValidationException"

    def put(*targets: dict[str, Any], rule: str = "r") -> Any:
        return aws.put_targets(Rule=rule, EventBusName="cases", Targets=list(targets))

    six = [{"Id": str(n), "Arn": FUNCTION} for n in range(6)]
    assert code_of(lambda: put(*six)) == "LimitExceededException"
    assert code_of(lambda: put({"Id": "x", "Arn": "nonsense"})) == "ValidationException"
    assert code_of(lambda: put({"Id": "x", "Arn": QUEUE + ".fifo"})) == "ValidationException"
    assert code_of(lambda: put({**given, "Input": "{"})) == "ValidationException"
    assert code_of(lambda: put(given, rule="none")) == "ResourceNotFoundException"
    answer = aws.remove_targets(Rule="r", EventBusName="cases", Ids=["t", "none"])
    assert (answer["FailedEntryCount"], answer["FailedEntries"][0]["TargetId"]) == (1, "none")
    aws.delete_rule(Name="r", EventBusName="cases")


def test_events_reach_functions_and_queues(server: Server, aws: Any) -> None:
    subscribe(
        aws,
        {"Id": "f", "Arn": FUNCTION, "InputPath": "$.detail"},
        {
            "Id": "q",
            "Arn": QUEUE,
            "InputTransformer": {
                "InputPathsMap": {"n": "$.detail.number"},
                "InputTemplate": '"number <n> by <aws.events.rule-name>"',
            },
        },
    )
    answer = aws.put_events(Entries=[entry(n) for n in range(10)])
    assert answer["FailedEntryCount"] == 0
    assert len({one["EventId"] for one in answer["Entries"]}) == 10
    recorder = server.recorder
    assert recorder.wait(lambda: len(recorder.invoked) == len(recorder.messages) == 10)
    assert sorted(one["number"] for one in recorder.invoked) == list(range(10))
    assert sorted(body for _, body, _ in recorder.messages) == sorted(
        f'"number {n} by r"' for n in range(10)
    )


def test_each_entry_is_answered_for_itself(server: Server, aws: Any) -> None:
    subscribe(aws)
    answer = aws.put_events(
        Entries=[
            entry(1),
            entry(2, Detail="{"),
            entry(3, Detail="[]"),
            entry(4, Source=""),
            entry(5, EventBusName="nowhere"),
            entry(6, Detail=json.dumps({"text": "x" * 300_000})),
            entry(7, Time=datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), Resources=["arn:x"]),
            entry(8, Detail="[" * 5000),
        ]
    )
    codes = [one.get("ErrorCode") for one in answer["Entries"]]
    assert codes == [
        None,
        "MalformedDetail",
        "MalformedDetail",
        "InvalidArgument",
        "InvalidArgument",
        "InvalidArgument",
        None,
        "MalformedDetail",
    ]
    assert answer["FailedEntryCount"] == 6
    assert server.recorder.wait(lambda: len(server.recorder.invoked) == 2)
    seventh = next(one for one in server.recorder.invoked if one["detail"]["number"] == 7)
    assert (seventh["time"], seventh["resources"]) == ("2026-01-02T03:04:05Z", ["arn:x"])
    assert code_of(lambda: aws.put_events(Entries=[entry()] * 11)) == "ValidationException"
    large = entry(Detail=json.dumps({"text": "x" * 250_000}))
    assert code_of(lambda: aws.put_events(Entries=[large] * 5)) == "ValidationException"


def test_a_target_that_fails_leaves_a_dead_letter(server: Server, aws: Any) -> None:
    def fail() -> None:
        raise DeliveryError("THROTTLING", "not now")

    server.recorder.fail = fail
    rule = subscribe(
        aws,
        {
            "Id": "t",
            "Arn": FUNCTION,
            "RetryPolicy": {"MaximumRetryAttempts": 1},
            "DeadLetterConfig": {"Arn": DLQ},
        },
    )
    sent = aws.put_events(Entries=[entry(1)])["Entries"][0]["EventId"]
    assert server.recorder.wait(lambda: bool(server.recorder.messages))
    ((queue, body, attributes),) = server.recorder.messages
    assert queue == DLQ
    assert json.loads(body)["id"] == sent
    assert attributes == {
        "RULE_ARN": rule,
        "TARGET_ARN": FUNCTION,
        "ERROR_CODE": "THROTTLING",
        "ERROR_MESSAGE": "not now",
        "RETRY_ATTEMPTS": "1",
        "EXHAUSTED_RETRY_CONDITION": "MaximumRetryAttempts",
    }
    assert server.bus.delivery.wait_idle(5)
    assert server.bus.store.owed() == []


def test_archives_and_replays(server: Server, aws: Any) -> None:
    rule = subscribe(aws)
    bus = aws.describe_event_bus(Name="cases")["Arn"]
    archive = aws.create_archive(ArchiveName="a", EventSourceArn=bus, EventPattern=PATTERN)
    assert archive["State"] == "ENABLED"
    assert (
        code_of(lambda: aws.create_archive(ArchiveName="a", EventSourceArn=bus))
        == "ResourceAlreadyExistsException"
    )
    start = datetime.now(UTC) - timedelta(seconds=5)
    aws.put_events(Entries=[entry(n) for n in range(3)])
    aws.put_events(Entries=[entry(9, Time=datetime(2020, 1, 1, tzinfo=UTC))])
    described = aws.describe_archive(ArchiveName="a")
    assert (described["EventCount"], described["RetentionDays"]) == (4, 0)
    aws.update_archive(ArchiveName="a", RetentionDays=3)
    assert aws.list_archives(NamePrefix="a")["Archives"][0]["RetentionDays"] == 3
    recorder = server.recorder
    assert recorder.wait(lambda: len(recorder.invoked) == 4)
    recorder.invoked.clear()

    def replay(name: str, **changes: Any) -> Any:
        arguments = {
            "ReplayName": name,
            "EventSourceArn": archive["ArchiveArn"],
            "EventStartTime": start,
            "EventEndTime": datetime.now(UTC) + timedelta(seconds=5),
            "Destination": {"Arn": bus, "FilterArns": [rule]},
        }
        return aws.start_replay(**{**arguments, **changes})

    assert replay("again")["State"] == "STARTING"
    assert recorder.wait(lambda: len(recorder.invoked) == 3)
    assert {one["replay-name"] for one in recorder.invoked} == {"again"}
    assert server.bus.replays.wait("again", 5).state == "COMPLETED"
    done = aws.describe_replay(ReplayName="again")
    assert done["State"] == "COMPLETED"
    assert done["Destination"] == {"Arn": bus, "FilterArns": [rule]}
    assert isinstance(done["EventLastReplayedTime"], datetime)
    assert aws.describe_archive(ArchiveName="a")["EventCount"] == 4
    assert [one["ReplayName"] for one in aws.list_replays(State="COMPLETED")["Replays"]] == [
        "again"
    ]
    assert code_of(lambda: replay("again")) == "ResourceAlreadyExistsException"
    assert code_of(lambda: aws.cancel_replay(ReplayName="again")) == "IllegalStatusException"
    assert code_of(lambda: aws.cancel_replay(ReplayName="x")) == "ResourceNotFoundException"
    wrong = [
        {"EventEndTime": start},
        {"Destination": {"Arn": bus.replace("cases", "default")}},
        {"Destination": {"Arn": bus, "FilterArns": ["arn:aws:events:::rule/x"]}},
        {"EventSourceArn": archive["ArchiveArn"] + "x"},
    ]
    for changes in wrong:
        assert (
            code_of(lambda changes=changes: replay("other", **changes)) == "ValidationException"
        ), changes
    aws.delete_archive(ArchiveName="a")
    gone = code_of(lambda: aws.describe_archive(ArchiveName="a"))
    assert gone == "ResourceNotFoundException"


def test_patterns_are_tried(aws: Any) -> None:
    event = {
        "id": "1",
        "detail-type": "x",
        "source": "shop",
        "account": "0",
        "time": "2026-01-01T00:00:00Z",
        "region": "us-east-1",
        "resources": [],
        "detail": {},
    }

    def matches(pattern: str, what: Any = event) -> bool:
        return bool(aws.test_event_pattern(EventPattern=pattern, Event=json.dumps(what))["Result"])

    assert matches(PATTERN)
    assert not matches('{"source": ["other"]}')
    assert code_of(lambda: matches("{}")) == "InvalidEventPatternException"
    assert code_of(lambda: matches(PATTERN, {"source": "shop"})) == "ValidationException"


def test_a_forwarded_event_is_heard_on_the_second_bus(server: Server, aws: Any) -> None:
    second = aws.create_event_bus(Name="second")["EventBusArn"]
    subscribe(aws, {"Id": "b", "Arn": second, "RoleArn": "arn:aws:iam::000000000000:role/r"})
    aws.put_rule(Name="r", EventBusName="second", EventPattern=PATTERN)
    aws.put_targets(Rule="r", EventBusName="second", Targets=[{"Id": "t", "Arn": FUNCTION}])
    sent = aws.put_events(Entries=[entry(1)])["Entries"][0]["EventId"]
    assert server.recorder.wait(lambda: bool(server.recorder.invoked))
    assert server.recorder.invoked[0]["id"] == sent


def test_events_of_state_machines_may_be_objects(server: Server, aws: Any) -> None:
    subscribe(aws)
    answer = EventsApi(server.bus).put_events(
        [{**entry(), "Detail": {"number": 1}}, {**entry(), "Detail": 3}, {**entry(), "Detail": {}}]
    )
    codes = [one.get("ErrorCode") for one in answer["Entries"]]
    assert (answer["FailedEntryCount"], codes) == (1, [None, "MalformedDetail", None])
    assert server.recorder.wait(lambda: len(server.recorder.invoked) == 2)


def test_what_is_not_served_is_said(aws: Any) -> None:
    assert code_of(aws.list_connections) == "UnknownOperationException"
    with pytest.raises(ClientError, match="length"):
        aws.put_rule(Name="x" * 65, EventPattern=PATTERN)
