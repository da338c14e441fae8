"""A repository in a DynamoDB table."""

from collections.abc import Iterator, Sequence
from typing import Any

from redress.adapters.aws.clients import AWS_ERRORS, client, translated
from redress.adapters.limits import check_writes
from redress.ports import Record, Write

PARTITION_KEY = "pk"
SORT_KEY = "sk"
INDEX_KEY = "index_key"
INDEX_NAME = "by_index"
EXPIRY = "expires_at"
"""The table's key schema and its time-to-live attribute.

The global secondary index has INDEX_KEY and SORT_KEY and all fields.
"""


class DynamoDbRepository:
    """A `Repository` in one table. Reads are consistent, except `by_index`, which may lag.

    An item has the attributes pk, sk, document (JSON text), version (number) and, where it is
    filed under a second key, index_key; expires_at where it may be forgotten.
    """

    def __init__(self, table_name: str, dynamodb: Any = None) -> None:
        """Use a table; `dynamodb` is a low-level client, by default this process's own."""
        self._table = table_name
        self._dynamodb = dynamodb or client("dynamodb")

    def get(self, partition: str, sort: str) -> Record | None:
        """Read one record, consistently.

        Raises:
            DependencyUnavailableError: the table did not answer.
        """
        key = {PARTITION_KEY: {"S": partition}, SORT_KEY: {"S": sort}}
        try:
            answer = self._dynamodb.get_item(TableName=self._table, Key=key, ConsistentRead=True)
        except AWS_ERRORS as error:
            raise translated(error, self._table) from error
        return _record(answer["Item"]) if "Item" in answer else None

    def query(self, partition: str, prefix: str = "") -> list[Record]:
        """Read the records of a partition whose sort key starts with `prefix`, in key order.

        Raises:
            DependencyUnavailableError: the table did not answer.
        """
        condition = "#pk = :pk AND begins_with(#sk, :sk)" if prefix else "#pk = :pk"
        names = {"#pk": PARTITION_KEY} | ({"#sk": SORT_KEY} if prefix else {})
        values = {":pk": {"S": partition}} | ({":sk": {"S": prefix}} if prefix else {})
        return list(
            self._pages(
                KeyConditionExpression=condition,
                ExpressionAttributeNames=names,
                ExpressionAttributeValues=values,
                ConsistentRead=True,
            )
        )

    def by_index(self, index: str) -> list[Record]:
        """Read the records filed under `index`, ordered by key; may lag behind writes.

        Raises:
            DependencyUnavailableError: the table did not answer.
        """
        records = self._pages(
            IndexName=INDEX_NAME,
            KeyConditionExpression="#ik = :ik",
            ExpressionAttributeNames={"#ik": INDEX_KEY},
            ExpressionAttributeValues={":ik": {"S": index}},
        )
        return sorted(records, key=lambda record: (record.partition, record.sort))

    def commit(self, writes: Sequence[Write]) -> None:
        """Apply all writes or none; one write alone is a plain conditional put.

        Raises:
            ConflictError: a record has another version than the one expected.
            DependencyUnavailableError: the table did not answer.
            InvalidInputError: the writes break the limits in adapters/limits.
        """
        check_writes(writes)
        puts = [self._put(write) for write in writes]
        try:
            if len(puts) == 1:
                self._dynamodb.put_item(**puts[0])
            elif puts:
                self._dynamodb.transact_write_items(TransactItems=[{"Put": put} for put in puts])
        except AWS_ERRORS as error:
            raise translated(error, self._table) from error

    def _put(self, write: Write) -> dict[str, Any]:
        item = {
            PARTITION_KEY: {"S": write.partition},
            SORT_KEY: {"S": write.sort},
            "document": {"S": write.document.decode()},
            "version": {"N": str(write.expected_version + 1)},
        }
        if write.index is not None:
            item[INDEX_KEY] = {"S": write.index}
        if write.expires_at is not None:
            item[EXPIRY] = {"N": str(write.expires_at)}
        put: dict[str, Any] = {"TableName": self._table, "Item": item}
        if write.expected_version:
            put["ConditionExpression"] = "#version = :expected"
            put["ExpressionAttributeNames"] = {"#version": "version"}
            put["ExpressionAttributeValues"] = {":expected": {"N": str(write.expected_version)}}
        else:
            put["ConditionExpression"] = "attribute_not_exists(#pk)"
            put["ExpressionAttributeNames"] = {"#pk": PARTITION_KEY}
        return put

    def _pages(self, **query: Any) -> Iterator[Record]:
        start: dict[str, Any] = {}
        while True:
            try:
                answer = self._dynamodb.query(TableName=self._table, **query, **start)
            except AWS_ERRORS as error:
                raise translated(error, self._table) from error
            yield from (_record(item) for item in answer["Items"])
            if not answer.get("LastEvaluatedKey"):
                return
            start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}


def _record(item: dict[str, Any]) -> Record:
    return Record(
        partition=item[PARTITION_KEY]["S"],
        sort=item[SORT_KEY]["S"],
        document=item["document"]["S"].encode(),
        version=int(item["version"]["N"]),
    )
