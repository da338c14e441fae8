"""Transactions that keep only what they touch do what moto's own do, on any writes."""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from hypothesis import given, settings
from hypothesis import strategies as st
from moto import mock_aws
from moto.dynamodb.models import DynamoDBBackend
from redress_local.emulated.moto import transactions

KEYS = ("a", "b", "c")
Writes = list[dict[str, Any]]


@pytest.fixture(autouse=True)
def moto_itself_again() -> Iterator[None]:
    before = DynamoDBBackend.transact_write_items
    yield
    DynamoDBBackend.transact_write_items = before


def key(name: str, ranged: bool) -> dict[str, Any]:
    return {"pk": {"S": name}} | ({"sk": {"S": "s"}} if ranged else {})


def one(kind: str, name: str, condition: int, ranged: bool) -> dict[str, Any]:
    operation: dict[str, Any] = {"TableName": "t"}
    if kind == "Put":
        operation["Item"] = key(name, ranged) | {"v": {"N": str(condition)}}
    else:
        operation["Key"] = key(name, ranged)
    if kind == "Update":
        operation["UpdateExpression"] = "ADD v :one"
        operation["ExpressionAttributeValues"] = {":one": {"N": "1"}}
    conditions = ("attribute_exists(pk)", "attribute_not_exists(pk)")
    if kind == "ConditionCheck" or condition < len(conditions):
        operation["ConditionExpression"] = conditions[condition % 2]
    return {kind: operation}


@st.composite
def stories(draw: st.DrawFn) -> tuple[bool, list[Writes]]:
    ranged = draw(st.booleans())
    kinds = st.sampled_from(["Put", "Delete", "Update", "ConditionCheck"])
    write = st.builds(one, kinds, st.sampled_from(KEYS), st.integers(0, 3), st.just(ranged))
    return ranged, draw(st.lists(st.lists(write, min_size=1, max_size=4), max_size=5))


def play(ranged: bool, story: list[Writes]) -> list[Any]:
    """Answers and what is in the table after each transaction."""
    seen: list[Any] = []
    with mock_aws():
        client = boto3.client("dynamodb", "us-east-1")
        names = ["pk", "sk"] if ranged else ["pk"]
        client.create_table(
            TableName="t",
            BillingMode="PAY_PER_REQUEST",
            AttributeDefinitions=[{"AttributeName": n, "AttributeType": "S"} for n in names],
            KeySchema=[
                {"AttributeName": n, "KeyType": k}
                for n, k in zip(names, ("HASH", "RANGE"), strict=False)
            ],
        )
        for writes in story:
            try:
                client.transact_write_items(TransactItems=writes)
                seen.append("done")
            except ClientError as error:
                reasons: Any = error.response.get("CancellationReasons")
                seen.append((error.response["Error"]["Code"], reasons))
            items = client.scan(TableName="t")["Items"]
            seen.append(sorted(items, key=str))
    return seen


@settings(max_examples=20)
@given(stories())
def test_the_same_as_moto(story: tuple[bool, list[Writes]]) -> None:
    DynamoDBBackend.transact_write_items = transactions._moto_write
    expected = play(*story)
    transactions.install()
    assert play(*story) == expected


def test_malformed_writes_are_moto_s_to_refuse() -> None:
    transactions.install()
    with mock_aws():
        client = boto3.client("dynamodb", "us-east-1")
        with pytest.raises(ClientError) as refused:
            client.transact_write_items(TransactItems=[one("Put", "a", 3, False)])
    assert refused.value.response["Error"]["Code"] in {
        "ResourceNotFoundException",
        "TransactionCanceledException",
    }
