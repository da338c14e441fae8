"""Makes moto's queries of a table read one partition, not sort and search the whole table.

It replaces one method of moto's and is held to moto's own by tests; moto's calls are serialized
(see wsgi).
"""

from __future__ import annotations

import inspect
from typing import Any

from moto.dynamodb.models.dynamo_type import Item
from moto.dynamodb.models.table import Table

_moto_query = Table.query
_signature = inspect.signature(_moto_query)


def install() -> None:
    """Replace the method, for this whole process."""
    Table.query = _query  # type: ignore[method-assign]


def _query(self: Table, *given: Any, **named: Any) -> Any:
    arguments = _signature.bind(self, *given, **named).arguments
    if arguments.get("index_name") is not None:
        return _moto_query(self, *given, **named)
    partition = arguments["hash_key"]

    def all_items() -> list[Item]:
        if not self.range_key_attr:
            found = self.items.get(partition)
            return [] if found is None else [found]  # type: ignore[list-item]
        found = self.items.get(partition, {})
        return sorted(found.values(), key=lambda item: item.range_key)

    # What moto searches is what it takes for the whole table.
    self.__dict__["all_items"] = all_items
    try:
        return _moto_query(self, *given, **named)
    finally:
        del self.__dict__["all_items"]
