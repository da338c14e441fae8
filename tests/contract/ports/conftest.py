"""Every implementation of a port, for the suites that hold them to one contract."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from redress.adapters.memory.repository import MemoryRepository
from redress.adapters.sqlite.repository import SqliteRepository, SqliteStore
from redress.ports import Repository

MakeRepository = Callable[[], Repository]


@pytest.fixture(params=["memory", "sqlite", "aws"])
def make_repository(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[MakeRepository]:
    """Return a function that makes an empty repository; those of one test share a store."""
    if request.param == "memory":
        yield MemoryRepository
        return
    if request.param == "sqlite":
        store = SqliteStore(tmp_path / "store.db")
        tables = iter(f"table_{n}" for n in range(100))
        yield lambda: SqliteRepository(store, next(tables))
        store.close()
        return
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    from moto import mock_aws

    with mock_aws():
        yield _dynamodb_tables()


@pytest.fixture
def repository(make_repository: MakeRepository) -> Repository:
    return make_repository()


def _dynamodb_tables() -> MakeRepository:
    import boto3
    from redress.adapters.aws.repository import (
        INDEX_KEY,
        INDEX_NAME,
        PARTITION_KEY,
        SORT_KEY,
        DynamoDbRepository,
    )

    dynamodb: Any = boto3.client("dynamodb")
    names = iter(f"table_{n}" for n in range(100))

    def make() -> Repository:
        name = next(names)
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
