"""Event buses, their permissions, and tags."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from asl_engine.api.protocol import ApiError

from redress_local.events.api.errors import Operation, invalid
from redress_local.events.api.listing import page
from redress_local.events.bus import EventBus
from redress_local.events.errors import (
    InvalidRequestError,
    UnknownBusError,
    UnknownError,
)
from redress_local.events.models import Bus, bus_name

_MAX_POLICY = 10_240
_SETTINGS = ("KmsKeyIdentifier", "DeadLetterConfig", "LogConfig")


class Buses:
    """Operations on event buses and tags."""

    def __init__(self, bus: EventBus) -> None:
        self._rules = bus.rules
        self._archives = bus.archiving
        self.tags: dict[str, dict[str, str]] = {}

    def operations(self) -> dict[str, Operation]:
        """By AWS's names."""
        return {
            "CreateEventBus": self.create,
            "UpdateEventBus": self.update,
            "DeleteEventBus": self.delete,
            "DescribeEventBus": self.describe,
            "ListEventBuses": self.list,
            "PutPermission": self.put_permission,
            "RemovePermission": self.remove_permission,
            "TagResource": self.tag,
            "UntagResource": self.untag,
            "ListTagsForResource": self.list_tags,
        }

    def create(self, request: dict[str, Any]) -> Mapping[str, Any]:
        """CreateEventBus."""
        bus = self._rules.create_bus(
            request["Name"],
            description=request.get("Description") or "",
            settings={key: request[key] for key in _SETTINGS if key in request},
        )
        self.add_tags(bus.arn, request.get("Tags"))
        return {"EventBusArn": bus.arn, **_extras(bus)}

    def update(self, request: dict[str, Any]) -> Mapping[str, Any]:
        """UpdateEventBus."""
        name = bus_name(request.get("Name"))
        old = self._rules.bus(name)
        given = {key: request[key] for key in _SETTINGS if key in request}
        bus = self._rules.change_bus(
            name,
            description=request.get("Description", old.description),
            settings={**old.settings, **given},
        )
        return {"Arn": bus.arn, "Name": bus.name, **_extras(bus)}

    def delete(self, request: dict[str, Any]) -> None:
        """DeleteEventBus."""
        name = bus_name(request["Name"])
        arn = self._rules.bus(name).arn if name in self._rules.buses else ""
        self._rules.delete_bus(name)
        self.tags.pop(arn, None)

    def describe(self, request: dict[str, Any]) -> Mapping[str, Any]:
        """DescribeEventBus."""
        bus = self._rules.bus(bus_name(request.get("Name")))
        return {**_summary(bus), **_extras(bus)}

    def list(self, request: dict[str, Any]) -> Mapping[str, Any]:
        """ListEventBuses."""
        buses = [self._rules.bus(name) for name in self._rules.buses]
        found, more = page(request, buses, lambda bus: bus.name)
        return {"EventBuses": [_summary(bus) for bus in found], **more}

    def put_permission(self, request: dict[str, Any]) -> None:
        """PutPermission: one statement, or a whole policy."""
        bus = self._rules.bus(bus_name(request.get("EventBusName")))
        if "Policy" in request:
            statements = _policy(request["Policy"])
        else:
            for field in ("StatementId", "Action", "Principal"):
                if field not in request:
                    raise invalid(f"Parameter {field} is required unless there is a Policy.")
            statements = {**bus.statements, request["StatementId"]: _statement(bus, request)}
        if len(msgspec.json.encode([*statements.values()])) > _MAX_POLICY:
            raise ApiError("PolicyLengthExceededException", "the policy is over 10 KB")
        self._rules.change_bus(bus.name, statements=statements)

    def remove_permission(self, request: dict[str, Any]) -> None:
        """RemovePermission: one statement, or all."""
        bus = self._rules.bus(bus_name(request.get("EventBusName")))
        statements: dict[str, Any] = {}
        if not request.get("RemoveAllPermissions"):
            wanted = request.get("StatementId")
            if wanted not in bus.statements:
                raise UnknownError("Statement with the provided id does not exist.")
            statements = {key: kept for key, kept in bus.statements.items() if key != wanted}
        self._rules.change_bus(bus.name, statements=statements)

    # Tags

    def add_tags(self, arn: str, tags: Any) -> None:
        """Tag a resource that exists."""
        if tags:
            self.tags[arn] = {**self.tags.get(arn, {}), **{t["Key"]: t["Value"] for t in tags}}

    def tag(self, request: dict[str, Any]) -> None:
        """TagResource."""
        self.add_tags(self._existing(request["ResourceARN"]), request["Tags"])

    def untag(self, request: dict[str, Any]) -> None:
        """UntagResource."""
        arn = self._existing(request["ResourceARN"])
        kept = self.tags.get(arn, {})
        self.tags[arn] = {k: v for k, v in kept.items() if k not in request["TagKeys"]}

    def list_tags(self, request: dict[str, Any]) -> Mapping[str, Any]:
        """ListTagsForResource."""
        tags = self.tags.get(self._existing(request["ResourceARN"]), {})
        return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}

    def _existing(self, arn: str) -> str:
        kind, _, rest = arn.rpartition(":")[2].partition("/")
        if kind == "event-bus":
            return self._rules.bus(rest).arn
        if kind == "archive":
            return self._archives.archive(rest).arn
        if kind == "rule":
            bus, _, name = rest.rpartition("/")
            return self._rules.rule(name, bus_name(bus)).arn
        raise UnknownBusError(f"{arn} is neither an event bus nor a rule nor an archive")


def _summary(bus: Bus) -> dict[str, Any]:
    found: dict[str, Any] = {
        "Name": bus.name,
        "Arn": bus.arn,
        "CreationTime": bus.at,
        "LastModifiedTime": bus.changed_at,
    }
    if bus.description:
        found["Description"] = bus.description
    if bus.statements:
        policy = {"Version": "2012-10-17", "Statement": [*bus.statements.values()]}
        found["Policy"] = msgspec.json.encode(policy).decode()
    return found


def _extras(bus: Bus) -> dict[str, Any]:
    return {**({"Description": bus.description} if bus.description else {}), **bus.settings}


def _statement(bus: Bus, request: dict[str, Any]) -> dict[str, Any]:
    principal = request["Principal"]
    statement: dict[str, Any] = {
        "Sid": request["StatementId"],
        "Effect": "Allow",
        "Principal": "*" if principal == "*" else {"AWS": f"arn:aws:iam::{principal}:root"},
        "Action": request["Action"],
        "Resource": bus.arn,
    }
    if condition := request.get("Condition"):
        statement["Condition"] = {condition["Type"]: {condition["Key"]: condition["Value"]}}
    return statement


def _policy(text: str) -> dict[str, dict[str, Any]]:
    try:
        policy = msgspec.json.decode(text)
        found = policy["Statement"]
        statements = found if isinstance(found, list) else [found]
        return {str(one.get("Sid", n)): dict(one) for n, one in enumerate(statements)}
    except (msgspec.DecodeError, RecursionError, KeyError, TypeError, AttributeError):
        raise InvalidRequestError("Parameter Policy is not valid. Reason: no policy") from None
