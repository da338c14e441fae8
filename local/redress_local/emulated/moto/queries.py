"""Makes moto's queries read what they ask for, not sort and search the whole table.

A query of the table reads one partition. A query of an index looks at each item's key before
moto, which takes a hundred times as long for one, does. It replaces one method of moto's and is
held to moto's own by tests; moto's calls are serialized (see wsgi).
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Iterator
from typing import Any

from moto.dynamodb.models.dynamo_type import DynamoType, Item
from moto.dynamodb.models.table import Table

_moto_query = Table.query
_signature = inspect.signature(_moto_query)


def install() -> None:
    """Replace the method, for this whole process."""
    Table.query = _query  # type: ignore[method-assign]


def _query(self: Table, *given: Any, **named: Any) -> Any:
    arguments = _signature.bind(self, *given, **named).arguments
    partition = arguments["hash_key"]

    def of_partition() -> list[Item]:
        if not self.range_key_attr:
            found = self.items.get(partition)
            return [] if found is None else [found]  # type: ignore[list-item]
        found = self.items.get(partition, {})
        return sorted(found.values(), key=lambda item: item.range_key)

    def of_index() -> list[Item]:
        conditions = arguments.get("hash_key_conditions") or ()
        return sorted(_candidates(_all(self), conditions), key=_moto_order)

    # What moto searches is what it takes for the whole table.
    index = arguments.get("index_name")
    self.__dict__["all_items"] = of_partition if index is None else of_index
    try:
        return _moto_query(self, *given, **named)
    finally:
        del self.__dict__["all_items"]


def _all(table: Table) -> Iterator[Item]:
    for found in table.items.values():
        if table.range_key_attr:
            yield from found.values()
        else:
            yield found  # type: ignore[misc]


def _candidates(
    items: Iterable[Item], conditions: Iterable[tuple[str, DynamoType]]
) -> Iterable[Item]:
    """The items whose texts are equal; moto compares all other types itself, and these again."""
    for name, wanted in conditions:
        if wanted.type == "S":
            items = _with_text(items, name, wanted.value)
    return items


def _with_text(items: Iterable[Item], name: str, text: str) -> list[Item]:
    return [
        item
        for item in items
        if (value := item.attrs.get(name)) is not None and value.value == text
    ]


def _moto_order(item: Item) -> Any:
    return (item.hash_key, item.range_key) if item.range_key else item.hash_key
