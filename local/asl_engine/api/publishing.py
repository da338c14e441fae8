"""Versions and aliases of state machines."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from asl_engine.api.arns import MachineArn, invalid_arn, machine_arn, plain_machine_arn
from asl_engine.api.catalogue import Alias, Catalogue, Entry, Route, Version
from asl_engine.api.paging import Pager
from asl_engine.api.protocol import ApiError
from asl_engine.clock import Clock

_MAX_VERSIONS = 1_000
_MAX_ALIASES = 100


def publish(entry: Entry, description: str | None, at: float) -> Version:
    """Publish an entry's current revision; the version that it has already, if there is one."""
    for version in entry.versions.values():
        if version.revision == entry.revision:
            return version
    if len(entry.versions) >= _MAX_VERSIONS:
        raise ApiError(
            "ServiceQuotaExceededException", f"a state machine has at most {_MAX_VERSIONS} versions"
        )
    entry.published += 1
    version = Version(
        number=entry.published, revision=entry.revision, description=description, created_at=at
    )
    entry.versions[version.number] = version
    return version


class Publishing:
    """The operations on versions and aliases."""

    def __init__(self, catalogue: Catalogue, clock: Clock) -> None:
        self._catalogue = catalogue
        self._clock = clock

    # Versions

    def publish(self, request: dict[str, Any]) -> dict[str, Any]:
        """PublishStateMachineVersion."""
        read = plain_machine_arn(request["stateMachineArn"])
        with self._catalogue.change(read.machine) as entry:
            wanted = request.get("revisionId")
            if wanted is not None and wanted != (entry.revision.id or "INITIAL"):
                raise ApiError(
                    "ConflictException", f"the current revision is not {wanted:.80}: update first"
                )
            version = publish(entry, request.get("description"), self._clock.now())
        return {
            "creationDate": _moment(version.created_at),
            "stateMachineVersionArn": f"{entry.arn}:{version.number}",
        }

    def versions(self, request: dict[str, Any]) -> dict[str, Any]:
        """ListStateMachineVersions, the latest first."""
        read = plain_machine_arn(request["stateMachineArn"])
        entry = self._catalogue.find(read.machine)
        pager = Pager("ListStateMachineVersions", request)
        shown, token = pager.sorted_page(
            entry.versions.values() if entry is not None else (),
            # Descending: what is left of a number that only grows.
            lambda version: f"{10**9 - version.number:010}",
        )
        versions = [
            {
                "stateMachineVersionArn": f"{read.machine}:{version.number}",
                "creationDate": _moment(version.created_at),
            }
            for version in shown
        ]
        return {"stateMachineVersions": versions, "nextToken": token}

    def delete_version(self, request: dict[str, Any]) -> None:
        """DeleteStateMachineVersion."""
        arn = request["stateMachineVersionArn"]
        read = machine_arn(arn)
        number = read.version
        if number is None:
            raise invalid_arn(arn, "Resource type not valid in this context")
        with self._catalogue.lock:
            entry = self._catalogue.find(read.machine)
            if entry is None or number not in entry.versions:
                return
            users = sorted(
                alias.name
                for alias in entry.aliases.values()
                if any(route.version == number for route in alias.routes)
            )
            if users:
                raise ApiError(
                    "ConflictException",
                    f"the version is used by the aliases {', '.join(users)}: update them first",
                )
            with self._catalogue.change(read.machine) as changed:
                del changed.versions[number]

    # Aliases

    def create_alias(self, request: dict[str, Any]) -> dict[str, Any]:
        """CreateStateMachineAlias."""
        machine, routes = self._routes(request["routingConfiguration"])
        name, description = request["name"], request.get("description")
        with self._catalogue.change(machine) as entry:
            found = entry.aliases.get(name)
            if found is None:
                if len(entry.aliases) >= _MAX_ALIASES:
                    raise ApiError(
                        "ServiceQuotaExceededException",
                        f"a state machine has at most {_MAX_ALIASES} aliases",
                    )
                now = self._clock.now()
                found = entry.aliases[name] = Alias(
                    name=name, description=description, routes=routes, created_at=now,
                    updated_at=now,
                )  # fmt: skip
            elif (found.description, found.routes) != (description, routes):
                raise ApiError(
                    "ConflictException", f"the alias {name} exists with other settings: update it"
                )
        return {
            "stateMachineAliasArn": f"{machine}:{name}",
            "creationDate": _moment(found.created_at),
        }

    def update_alias(self, request: dict[str, Any]) -> dict[str, Any]:
        """UpdateStateMachineAlias."""
        if "description" not in request and "routingConfiguration" not in request:
            raise ApiError(
                "ValidationException", "give the description or the routingConfiguration to change"
            )
        read, alias = self._alias(request)
        changes: dict[str, Any] = {"updated_at": self._clock.now()}
        if "description" in request:
            changes["description"] = request["description"]
        if "routingConfiguration" in request:
            machine, changes["routes"] = self._routes(request["routingConfiguration"])
            if machine != read.machine:
                raise ApiError(
                    "ValidationException", "an alias leads to versions of its own state machine"
                )
        with self._catalogue.change(read.machine) as entry:
            entry.aliases[alias.name] = msgspec.structs.replace(
                entry.aliases.get(alias.name, alias), **changes
            )
        return {"updateDate": _moment(changes["updated_at"])}

    def describe_alias(self, request: dict[str, Any]) -> dict[str, Any]:
        """DescribeStateMachineAlias."""
        read, alias = self._alias(request)
        return {
            "stateMachineAliasArn": request["stateMachineAliasArn"],
            "name": alias.name,
            "description": alias.description,
            "routingConfiguration": [
                {
                    "stateMachineVersionArn": f"{read.machine}:{route.version}",
                    "weight": route.weight,
                }
                for route in alias.routes
            ],
            "creationDate": _moment(alias.created_at),
            "updateDate": _moment(alias.updated_at),
        }

    def aliases(self, request: dict[str, Any]) -> dict[str, Any]:
        """ListStateMachineAliases, of a machine or of one of its versions."""
        read = machine_arn(request["stateMachineArn"])
        entry = self._catalogue.get(read.machine)
        number = read.version
        if read.qualifier and (number is None or number not in entry.versions):
            raise _no_resource(request["stateMachineArn"])
        pager = Pager("ListStateMachineAliases", request)
        shown, token = pager.sorted_page(
            [
                alias
                for alias in entry.aliases.values()
                if number is None or any(route.version == number for route in alias.routes)
            ],
            lambda alias: alias.name,
        )
        aliases = [
            {
                "stateMachineAliasArn": f"{entry.arn}:{alias.name}",
                "creationDate": _moment(alias.created_at),
            }
            for alias in shown
        ]
        return {"stateMachineAliases": aliases, "nextToken": token}

    def delete_alias(self, request: dict[str, Any]) -> None:
        """DeleteStateMachineAlias."""
        read, alias = self._alias(request)
        with self._catalogue.change(read.machine) as entry:
            entry.aliases.pop(alias.name, None)

    def _alias(self, request: Mapping[str, Any]) -> tuple[MachineArn, Alias]:
        arn: str = request["stateMachineAliasArn"]
        read = machine_arn(arn)
        if not read.qualifier or read.version is not None:
            raise invalid_arn(arn, "Resource type not valid in this context")
        entry = self._catalogue.find(read.machine)
        alias = entry.aliases.get(read.qualifier) if entry is not None else None
        if alias is None:
            raise _no_resource(arn)
        return read, alias

    def _routes(self, given: list[dict[str, Any]]) -> tuple[str, list[Route]]:
        """The machine and the routes of a routingConfiguration.

        Raises:
            ApiError: They are not one or two versions of one machine with weights of 100 in sum.
        """
        routes, machines = [], set()
        for item in given:
            arn = item["stateMachineVersionArn"]
            read = machine_arn(arn)
            if read.version is None:
                raise invalid_arn(arn, "Resource type not valid in this context")
            machines.add(read.machine)
            entry = self._catalogue.find(read.machine)
            if entry is None or read.version not in entry.versions:
                raise _no_resource(arn)
            routes.append(Route(version=read.version, weight=item["weight"]))
        if len(machines) != 1 or len({route.version for route in routes}) != len(routes):
            raise ApiError(
                "ValidationException", "the routes must be different versions of one state machine"
            )
        if sum(route.weight for route in routes) != 100:
            raise ApiError("ValidationException", "the sum of the weights must be 100")
        return machines.pop(), routes


def _no_resource(arn: str) -> ApiError:
    return ApiError("ResourceNotFound", f"Resource not found: '{arn:.256}'", resourceName=arn)


def _moment(at: float) -> datetime:
    return datetime.fromtimestamp(at, UTC)
