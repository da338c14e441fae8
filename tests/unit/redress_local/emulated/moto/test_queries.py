"""Queries that read only what is asked for give what moto's own give, on any table and question."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from moto import mock_aws
from moto.dynamodb.models.table import Table
from redress_local.emulated.moto import queries

KEYS = ("a", "b")
SORTS = ("s1", "s2", "t1")


@pytest.fixture(autouse=True)
def moto_itself_again() -> Iterator[None]:
    before = Table.query
    yield
    Table.query = before


QUESTIONS = st.fixed_dictionaries(
    {
        "partition": st.sampled_from(("a", "b", "missing")),
        "prefix": st.sampled_from((None, "s", "x")),
        "forward": st.booleans(),
        "limit": st.sampled_from((None, 1, 2)),
    }
)
ITEMS = st.lists(
    st.tuples(st.sampled_from(KEYS), st.sampled_from(SORTS), st.integers(0, 9)), max_size=8
)


def ask(client: Any, partition: str, prefix: Any, forward: bool, limit: Any) -> list[Any]:
    """Every page of the answer."""
    values = {":p": {"S": partition}}
    condition = "pk = :p"
    if prefix is not None:
        condition += " AND begins_with(sk, :s)"
        values[":s"] = {"S": prefix}
    query = {
        "TableName": "table",
        "KeyConditionExpression": condition,
        "ExpressionAttributeValues": values,
        "ScanIndexForward": forward,
    }
    if limit:
        query["Limit"] = limit
    pages = []
    start: dict[str, Any] = {}
    while True:
        page = client.query(**query, **start)
        pages.append((page["Items"], page["Count"], page["ScannedCount"]))
        if not page.get("LastEvaluatedKey"):
            return pages
        start = {"ExclusiveStartKey": page["LastEvaluatedKey"]}


@settings(max_examples=15)
@given(ITEMS, st.lists(QUESTIONS, min_size=1, max_size=4))
def test_the_same_as_moto(items: list[tuple[str, str, int]], questions: list[Any]) -> None:
    with mock_aws():
        client = boto3.client("dynamodb", "us-east-1")
        client.create_table(
            TableName="table",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[
                {"AttributeName": name, "AttributeType": "S"} for name in ("pk", "sk")
            ],
            KeySchema=[
                {"AttributeName": "pk", "KeyType": "HASH"},
                {"AttributeName": "sk", "KeyType": "RANGE"},
            ],
        )
        for partition, sort, value in items:
            item = {"pk": {"S": partition}, "sk": {"S": sort}, "v": {"N": str(value)}}
            client.put_item(TableName="table", Item=item)
        Table.query = queries._moto_query
        expected = [ask(client, **question) for question in questions]
        queries.install()
        assert [ask(client, **question) for question in questions] == expected
        assert client.scan(TableName="table")["Count"] == len({item[:2] for item in items})


INDEX_KEYS = st.sampled_from((None, "x", "y"))
INDEXED = st.lists(
    st.tuples(st.sampled_from(KEYS), st.sampled_from(SORTS), INDEX_KEYS, INDEX_KEYS), max_size=8
)
INDEX_QUESTIONS = st.tuples(
    st.sampled_from(("by_index", "by_number", "by_local")),
    st.sampled_from(("x", "y", "missing")),
    st.booleans(),
)


@settings(max_examples=15)
@given(INDEXED, st.lists(INDEX_QUESTIONS, min_size=1, max_size=5))
def test_indexes_the_same_as_moto(items: list[Any], questions: list[Any]) -> None:
    with mock_aws():
        client = boto3.client("dynamodb", "us-east-1")
        kinds = {"pk": "S", "sk": "S", "ik": "S", "number": "N"}
        everything = {"ProjectionType": "ALL"}
        client.create_table(
            TableName="table",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[
                {"AttributeName": name, "AttributeType": kind} for name, kind in kinds.items()
            ],
            KeySchema=_schema("pk", "sk"),
            GlobalSecondaryIndexes=[
                {"IndexName": name, "KeySchema": schema, "Projection": everything}
                for name, schema in (
                    ("by_index", _schema("ik", "sk")),
                    ("by_number", _schema("number", None)),
                )
            ],
            LocalSecondaryIndexes=[
                {
                    "IndexName": "by_local",
                    "KeySchema": _schema("pk", "ik"),
                    "Projection": everything,
                }
            ],
        )
        for partition, sort, index, number in items:
            item = {"pk": {"S": partition}, "sk": {"S": sort}}
            if index is not None:
                item["ik"] = {"S": index}
            if number is not None:
                # The same numbers, written otherwise, are equal.
                item["number"] = {"N": {"x": "1", "y": "2.0"}[number]}
            client.put_item(TableName="table", Item=item)
        Table.query = queries._moto_query
        expected = [ask_index(client, *question) for question in questions]
        queries.install()
        assert [ask_index(client, *question) for question in questions] == expected


def _schema(partition: str, sort: str | None) -> list[Any]:
    keys = [{"AttributeName": partition, "KeyType": "HASH"}]
    return [*keys, {"AttributeName": sort, "KeyType": "RANGE"}] if sort else keys


def ask_index(client: Any, index: str, key: str, forward: bool) -> Any:
    """All that an index has of a key."""
    name, value = {
        "by_index": ("ik", {"S": key}),
        "by_number": ("number", {"N": {"x": "1.0", "y": "2"}.get(key, "3")}),
        "by_local": ("pk", {"S": {"x": "a", "y": "b"}.get(key, key)}),
    }[index]
    page = client.query(
        TableName="table",
        IndexName=index,
        KeyConditionExpression="#key = :key",
        ExpressionAttributeNames={"#key": name},
        ExpressionAttributeValues={":key": value},
        ScanIndexForward=forward,
    )
    return page["Items"], page["Count"], page["ScannedCount"]
