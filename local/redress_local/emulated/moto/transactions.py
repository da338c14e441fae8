"""Makes moto's DynamoDB transactions cost what they touch, not what the tables hold.

moto copies every table that a transaction names, item by item, in order to undo it. With a few
thousand records that is a second for each. Here only the touched items are kept. It replaces one
method of moto's and is held to moto's own by tests; moto's calls are serialized (see wsgi).
"""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

from moto.dynamodb.models import DynamoDBBackend
from moto.dynamodb.models.dynamo_type import DynamoType, Item
from moto.dynamodb.models.table import Table

_moto_write = DynamoDBBackend.transact_write_items
_moto_copy = getattr(Table, "__deepcopy__", None)

Undo = tuple[Table, DynamoType, DynamoType | None, Item | None]


def install() -> None:
    """Replace the method, for this whole process."""
    DynamoDBBackend.transact_write_items = _write  # type: ignore[method-assign]


def _write(self: Any, transact_items: list[dict[str, Any]]) -> None:
    try:
        before = list(_touched(self, transact_items))
    except (KeyError, TypeError, ValueError):
        # Malformed: moto finds out before it writes, and says so as AWS does.
        before = None
    if before is None or any(table.stream_shard is not None for table, _, _, _ in before):
        _moto_write(self, transact_items)
        return
    # The copy that moto takes of a table is then the table itself, so that what moto puts back
    # changes nothing.
    Table.__deepcopy__ = _itself  # type: ignore[attr-defined]
    try:
        _moto_write(self, transact_items)
    except Exception:
        for table, partition, sort, item in before:
            _put_back(table, partition, sort, item)
        raise
    finally:
        if _moto_copy is None:
            del Table.__deepcopy__  # type: ignore[attr-defined]
        else:
            Table.__deepcopy__ = _moto_copy  # type: ignore[attr-defined]


def _itself(table: Table, _memo: Any) -> Table:
    return table


def _touched(backend: Any, writes: list[dict[str, Any]]) -> Iterator[Undo]:
    """Each item that a transaction may change, as it is before."""
    for write in writes:
        ((kind, operation),) = write.items()
        if kind == "ConditionCheck":
            continue
        table = backend.tables[operation["TableName"]]
        key = operation["Item"] if kind == "Put" else operation["Key"]
        partition = DynamoType(key[table.hash_key_attr])
        sort = DynamoType(key[table.range_key_attr]) if table.range_key_attr else None
        item = table.get_item(partition, sort)
        # An update changes the item in place.
        yield table, partition, sort, copy.deepcopy(item)


def _put_back(table: Table, partition: DynamoType, sort: DynamoType | None, item: Any) -> None:
    if item is None:
        # What was not there is taken away again; nothing happens where it did not come.
        table.delete_item(partition, sort)
    elif sort is None:
        table.items[partition] = item
    else:
        table.items[partition][sort] = item
