"""The one table of types that the local cloud creates, and the check of a stack against it."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from redress_local.emulated.resources.cloud_only import CLOUD_ONLY
from redress_local.emulated.resources.creators import (
    apis,
    cognito,
    dynamodb,
    events,
    functions,
    iam,
    logs,
    nested,
    sqs,
    states,
    storage,
    topics,
)
from redress_local.emulated.resources.errors import UnsupportedResourceError
from redress_local.emulated.resources.making import Kind
from redress_local.emulated.resources.stack import Resource, Stack

_TABLES = (
    apis,
    cognito,
    dynamodb,
    events,
    functions,
    iam,
    logs,
    nested,
    sqs,
    states,
    storage,
    topics,
)

CREATORS: Final[Mapping[str, Kind]] = MappingProxyType(
    {name: entry for table in _TABLES for name, entry in table.KINDS.items()}
)


def check(stack: Stack) -> None:
    """Refuse what the local cloud would not create as it is written.

    Raises:
        UnsupportedResourceError: The first such type or property, by name.
    """
    for resource in stack.resources.values():
        if resource.type not in CLOUD_ONLY:
            _check_properties(resource, creator(resource))


def creator(resource: Resource) -> Kind:
    """How a resource is made.

    Raises:
        UnsupportedResourceError: Nobody knows.
    """
    found = CREATORS.get(resource.type)
    if found is None:
        raise UnsupportedResourceError(
            f"{resource}: the local cloud cannot create it; give it a Condition that a parameter "
            "switches off, or add it to the creators or to CLOUD_ONLY"
        )
    return found


def _check_properties(resource: Resource, known: Kind) -> None:
    for name in resource.properties:
        if name not in known.takes and name not in known.ignores:
            raise UnsupportedResourceError(
                f"{resource}: the local cloud does not know its property {name}; add it to what "
                "the creator takes, or to what it may ignore"
            )
