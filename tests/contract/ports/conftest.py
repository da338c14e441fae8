"""Every implementation of a port, for the suites that hold them to one contract."""

import importlib
import json
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from redress.adapters.memory.repository import MemoryRepository
from redress.adapters.sqlite.repository import SqliteRepository, SqliteStore
from redress.ports import Repository

MakeRepository = Callable[[], Repository]

sys.path.insert(0, str(Path(__file__).parent))
aws_worlds: Any = importlib.import_module("aws_world")
sys.path.pop(0)


@pytest.fixture(scope="session")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """AWS over HTTP, one for all tests of this process."""
    with aws_worlds.aws_world(tmp_path_factory.mktemp("aws")) as world:
        yield world


@pytest.fixture(params=["memory", "sqlite", "aws"])
def make_repository(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[MakeRepository]:
    """Return a function that makes an empty repository; those of one test share a store."""
    if request.param == "memory":
        yield MemoryRepository
    elif request.param == "sqlite":
        store = SqliteStore(tmp_path / "store.db")
        tables = iter(f"table_{n}" for n in range(100))
        yield lambda: SqliteRepository(store, next(tables))
        store.close()
    else:
        yield _dynamodb_tables(request.getfixturevalue("aws"))


@pytest.fixture
def dynamodb_tables(aws: Any) -> MakeRepository:
    """Return a function that makes an empty DynamoDB table."""
    return _dynamodb_tables(aws)


@pytest.fixture
def repository(make_repository: MakeRepository) -> Repository:
    return make_repository()


def _dynamodb_tables(aws: Any) -> MakeRepository:
    from redress.adapters.aws.repository import (
        INDEX_KEY,
        INDEX_NAME,
        PARTITION_KEY,
        SORT_KEY,
        DynamoDbRepository,
    )

    dynamodb: Any = aws.client("dynamodb")

    def make() -> Repository:
        name = aws.new_name()
        dynamodb.create_table(
            TableName=name,
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[
                {"AttributeName": key, "AttributeType": "S"}
                for key in (PARTITION_KEY, SORT_KEY, INDEX_KEY)
            ],
            KeySchema=[
                {"AttributeName": PARTITION_KEY, "KeyType": "HASH"},
                {"AttributeName": SORT_KEY, "KeyType": "RANGE"},
            ],
            GlobalSecondaryIndexes=[
                {
                    "IndexName": INDEX_NAME,
                    "KeySchema": [
                        {"AttributeName": INDEX_KEY, "KeyType": "HASH"},
                        {"AttributeName": SORT_KEY, "KeyType": "RANGE"},
                    ],
                    "Projection": {"ProjectionType": "ALL"},
                }
            ],
        )
        return DynamoDbRepository(name, dynamodb)

    return make


class Callbacks:
    """A `TaskCallback`, states that wait for it, and what they were told."""

    def __init__(
        self,
        callback: Any,
        begin: Callable[[], str],
        answer: Callable[[str], dict[str, Any]],
    ) -> None:
        self.callback, self.begin, self.answer = callback, begin, answer


@pytest.fixture(params=["memory", "engine", "aws"])
def callbacks(request: pytest.FixtureRequest) -> Iterator[Callbacks]:
    if request.param == "memory":
        from redress.adapters.memory.callback import MemoryCallback

        memory = MemoryCallback()
        names = iter(f"token-{n}" for n in range(100))

        def begin() -> str:
            token = next(names)
            memory.waiting.add(token)
            return token

        yield Callbacks(memory, begin, lambda token: memory.answers[token])
    elif request.param == "engine":
        from redress_local.embedded.runtime import LocalCallback

        waiting = aws_worlds.Waiting()
        callback = LocalCallback(waiting.engine, lambda: False)
        yield Callbacks(callback, waiting.begin, waiting.answer)
        waiting.engine.close()
    else:
        from redress.adapters.aws.callback import StepFunctionsCallback

        aws = request.getfixturevalue("aws")
        remote = StepFunctionsCallback(aws.client("stepfunctions"))
        yield Callbacks(remote, aws.waiting.begin, aws.waiting.answer)


class Publishing:
    """An `EventPublisher`, one to a bus that does not exist, and what a subscriber saw."""

    def __init__(
        self, publisher: Any, lost: Any, seen: Callable[[int], list[tuple[str, dict[str, Any]]]]
    ) -> None:
        self.publisher, self.lost, self.seen = publisher, lost, seen


@pytest.fixture(params=["memory", "local bus", "aws"])
def publishing(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Publishing]:
    if request.param == "memory":
        from redress.adapters.memory.events import MemoryPublisher

        memory = MemoryPublisher()
        yield Publishing(memory, None, lambda _: [tuple(e) for e in memory.published])
    elif request.param == "local bus":
        yield from _local_publishing(tmp_path)
    else:
        yield _aws_publishing(request.getfixturevalue("aws"))


def _local_publishing(folder: Path) -> Iterator[Publishing]:
    from redress_local.embedded.runtime import LocalPublisher
    from redress_local.events.api.service import EventsApi
    from redress_local.events.bus import EventBus
    from redress_local.events.store import EventStore

    events: list[dict[str, Any]] = []
    store = SqliteStore(folder / "events.db")
    bus = EventBus(None, EventStore(store), lambda d: events.append(d.event), now=time.time)
    api = EventsApi(bus)
    pattern = json.dumps({"source": ["redress"]})
    target = {"Id": "1", "Arn": aws_worlds.FUNCTION}
    for operation, request in {
        "CreateEventBus": {"Name": "cases"},
        "PutRule": {"Name": "all", "EventBusName": "cases", "EventPattern": pattern},
        "PutTargets": {"Rule": "all", "EventBusName": "cases", "Targets": [target]},
    }.items():
        answer = api.handle(f"AWSEvents.{operation}", json.dumps(request).encode())
        assert answer.status == 200, answer.body
    yield Publishing(
        LocalPublisher(bus.put, "cases"),
        LocalPublisher(bus.put, "absent"),
        lambda _: [(e["detail-type"], e["detail"]) for e in events],
    )
    bus.close()
    store.close()


def _aws_publishing(aws: Any) -> Publishing:
    from redress.adapters.aws.events import EventBridgePublisher

    events, sqs = aws.client("events"), aws.client("sqs")
    name = aws.new_name()
    queue = sqs.create_queue(QueueName=name)["QueueUrl"]
    found = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
    events.create_event_bus(Name=name)
    pattern = json.dumps({"source": ["redress"]})
    events.put_rule(Name="all", EventBusName=name, EventPattern=pattern)
    target = {"Id": "1", "Arn": found["Attributes"]["QueueArn"]}
    events.put_targets(Rule="all", EventBusName=name, Targets=[target])

    def seen(count: int) -> list[tuple[str, dict[str, Any]]]:
        got: dict[str, Any] = {}
        end = time.monotonic() + 10
        while len(got) < count and time.monotonic() < end:
            answer = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=1)
            for message in answer.get("Messages", []):
                got[message["MessageId"]] = json.loads(message["Body"])
        return [(event["detail-type"], event["detail"]) for event in got.values()]

    return Publishing(
        EventBridgePublisher(name, events),
        EventBridgePublisher(aws.new_name(), events, sleep=lambda _: None),
        seen,
    )


class Sockets:
    """A `ClientConnections`, clients that connect and leave, and what they got."""

    def __init__(
        self,
        connections: Any,
        open_one: Callable[[], str],
        leave: Callable[[str], None],
        got: Callable[[str, int], list[Any]],
    ) -> None:
        self.connections, self.open, self.leave, self.got = connections, open_one, leave, got


@pytest.fixture(params=["memory", "aws"])
def sockets(request: pytest.FixtureRequest) -> Sockets:
    if request.param == "memory":
        from redress.adapters.memory.connections import MemoryConnections

        memory = MemoryConnections({"a=", "b="})
        names = iter(("a=", "b="))
        return Sockets(
            memory, lambda: next(names), memory.open_ids.remove, lambda name, _: memory.sent[name]
        )
    from redress.adapters.aws.connections import ApiGatewayConnections

    aws = request.getfixturevalue("aws")
    url = f"{aws.url}/{aws_worlds.STAGE}"
    management = aws_worlds.client(url, "apigatewaymanagementapi")
    remote = ApiGatewayConnections(url, management)
    return Sockets(remote, aws.clients.open, aws.clients.leave, aws.clients.got)
