"""State machines: create, update, delete, describe, list; and what an ARN stands for."""

from __future__ import annotations

import logging
import random as random_module
import threading
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from asl_engine.api.arns import MachineArn, check_role, machine_arn, plain_machine_arn
from asl_engine.api.catalogue import Alias, Catalogue, Entry, Revision, missing
from asl_engine.api.definitions import compile_definition
from asl_engine.api.paging import Pager
from asl_engine.api.protocol import ApiError
from asl_engine.api.publishing import publish
from asl_engine.api.tagging import read_tags
from asl_engine.compiler import check_name
from asl_engine.engine import Engine
from asl_engine.errors import InvalidNameError
from asl_engine.machines import Target
from asl_engine.program import STANDARD, StateMachine
from asl_engine.runtime import RUNNING

_log = logging.getLogger(__name__)
_SETTINGS = ("loggingConfiguration", "tracingConfiguration", "encryptionConfiguration")
_DEFAULTS: dict[str, Any] = {
    "loggingConfiguration": {"level": "OFF", "includeExecutionData": False},
    "tracingConfiguration": {"enabled": False},
}
_COMPILED = 512


class StateMachines:
    """The operations on state machines; made once per API.

    Args:
        random: What an alias with two versions draws from.
    """

    def __init__(
        self,
        engine: Engine,
        catalogue: Catalogue,
        *,
        prefix: str,
        random: random_module.Random,
    ) -> None:
        self._engine = engine
        self._catalogue = catalogue
        self._prefix = prefix
        self._random = random
        self._compiled: dict[tuple[str, str], StateMachine] = {}
        self._lock = threading.Lock()
        self._adopt()
        for entry in catalogue.all():
            self._register(entry)
        engine.use_resolver(self.resolve)

    def _adopt(self) -> None:
        """Make known to the API what the engine was given before it."""
        for machine in self._engine.machines():
            if self._catalogue.find(machine.arn) is None:
                now = self._engine.clock.now()
                definition = machine.definition.decode()
                revision = Revision(
                    id="", definition=definition, role=machine.role_arn, key=machine.key
                )
                entry = Entry(
                    name=machine.name, arn=machine.arn, kind=machine.kind, revision=revision,
                    created_at=now, updated_at=now,
                )  # fmt: skip
                self._catalogue.save(entry)

    def _register(self, entry: Entry) -> None:
        """Register what an earlier process created; a machine that cannot run says so when used."""
        try:
            self._engine.register(self._machine(entry, entry.revision))
        except ApiError as error:
            _log.warning("%s cannot run here: %s", entry.arn, error.message)

    def _machine(self, entry: Entry, revision: Revision) -> StateMachine:
        key = (entry.arn, revision.key + revision.role)
        found = self._compiled.get(key)
        if found is None:
            found = compile_definition(
                self._engine,
                revision.definition,
                name=entry.name,
                arn=entry.arn,
                role=revision.role,
                kind=entry.kind,
            )
            with self._lock:
                if len(self._compiled) >= _COMPILED:
                    self._compiled.clear()
                self._compiled[key] = found
        return found

    # What an ARN stands for

    def target(self, arn: str) -> tuple[Target, Entry]:
        """What an execution that is started on an ARN runs.

        Raises:
            ApiError: `InvalidArn`, `StateMachineDoesNotExist`, `StateMachineDeleting`.
        """
        read = machine_arn(arn)
        entry = self._catalogue.get(read.machine)
        if entry.deleting:
            raise ApiError("StateMachineDeleting", f"State Machine is deleting: '{arn}'")
        if not read.qualifier:
            return Target(self._machine(entry, entry.revision)), entry
        number, alias = self._version_of(read, entry)
        machine = self._machine(entry, entry.versions[number].revision)
        return Target(machine, f"{entry.arn}:{number}", arn if alias else ""), entry

    def resolve(self, arn: str) -> Target | None:
        """What the engine asks when a task starts an execution."""
        try:
            return self.target(arn)[0]
        except ApiError:
            return None

    def _version_of(self, read: MachineArn, entry: Entry) -> tuple[int, Alias | None]:
        number = read.version
        if number is not None:
            if number not in entry.versions:
                raise missing(f"{read.machine}:{read.qualifier}")
            return number, None
        alias = entry.aliases.get(read.qualifier)
        if alias is None:
            raise missing(f"{read.machine}:{read.qualifier}")
        routes = alias.routes
        chosen = self._random.choices(routes, [route.weight for route in routes])[0]
        return chosen.version, alias

    # Operations

    def create(self, request: dict[str, Any]) -> dict[str, Any]:
        """CreateStateMachine."""
        name, definition, role = request["name"], request["definition"], request["roleArn"]
        kind = request.get("type", STANDARD)
        try:
            check_name(name, "a state machine")
        except InvalidNameError as error:
            raise ApiError("InvalidName", f"Invalid Name: '{name:.80}': {error}") from None
        check_role(role)
        created_with = (request.get("publish", False), request.get("versionDescription"))
        _check_description(created_with)
        tags = read_tags(request.get("tags", []))
        settings = {key: request[key] for key in _SETTINGS if key in request}
        arn = f"{self._prefix}:stateMachine:{name}"
        machine = compile_definition(
            self._engine, definition, name=name, arn=arn, role=role, kind=kind
        )
        with self._catalogue.lock:
            entry = self._catalogue.find(arn)
            if entry is None:
                now = self._engine.clock.now()
                revision = Revision(id="", definition=definition, role=role, key=machine.key)
                entry = Entry(
                    name=name, arn=arn, kind=kind, revision=revision, created_at=now,
                    updated_at=now, settings=settings, tags=tags, created_with=created_with,
                )  # fmt: skip
                if created_with[0]:
                    publish(entry, created_with[1], now)
                self._engine.register(machine)
                self._catalogue.save(entry)
            elif entry.deleting:
                raise ApiError("StateMachineDeleting", f"State Machine is deleting: '{arn}'")
            else:
                same = (entry.kind, entry.revision.key, entry.settings, entry.created_with)
                if same != (kind, machine.key, settings, created_with):
                    raise ApiError(
                        "StateMachineAlreadyExists", f"State Machine Already Exists: '{arn}'"
                    )
        answer: dict[str, Any] = {"stateMachineArn": arn, "creationDate": moment(entry.created_at)}
        if created_with[0]:
            answer["stateMachineVersionArn"] = f"{arn}:1"
        return answer

    def update(self, request: dict[str, Any]) -> dict[str, Any]:
        """UpdateStateMachine."""
        read = plain_machine_arn(request["stateMachineArn"])
        if not any(key in request for key in ("definition", "roleArn", *_SETTINGS)):
            raise ApiError(
                "MissingRequiredParameter",
                "give the definition, the roleArn or a configuration to change",
            )
        publishing = (request.get("publish", False), request.get("versionDescription"))
        _check_description(publishing)
        if "roleArn" in request:
            check_role(request["roleArn"])
        with self._catalogue.change(read.machine) as entry:
            old = entry.revision
            definition = request.get("definition", old.definition)
            role = request.get("roleArn", old.role)
            machine = compile_definition(
                self._engine, definition, name=entry.name, arn=entry.arn, role=role,
                kind=entry.kind,
            )  # fmt: skip
            if (definition, role) != (old.definition, old.role):
                entry.revision = Revision(
                    id=str(uuid.uuid4()), definition=definition, role=role, key=machine.key
                )
            entry.settings.update({key: request[key] for key in _SETTINGS if key in request})
            entry.updated_at = self._engine.clock.now()
            version = publish(entry, publishing[1], entry.updated_at) if publishing[0] else None
            self._engine.register(machine)
        answer: dict[str, Any] = {
            "updateDate": moment(entry.updated_at),
            "revisionId": entry.revision.id or None,
        }
        if version is not None:
            answer["stateMachineVersionArn"] = f"{entry.arn}:{version.number}"
        return answer

    def delete(self, request: dict[str, Any]) -> None:
        """DeleteStateMachine: its executions end as aborted, and its versions and aliases go."""
        arn = plain_machine_arn(request["stateMachineArn"]).machine
        with self._catalogue.lock:
            if self._catalogue.find(arn) is None:
                return
            with self._catalogue.change(arn) as entry:
                entry.deleting = True
            self._engine.forget(arn)
        for record in self._engine.journal.records(machine=arn, status=RUNNING):
            self._engine.stop_execution(record.arn, cause="The state machine was deleted.")
        self._catalogue.remove(arn)

    def describe(self, request: dict[str, Any]) -> dict[str, Any]:
        """DescribeStateMachine, of a machine, a version or an alias."""
        read = machine_arn(request["stateMachineArn"])
        entry = self._catalogue.get(read.machine)
        revision, created_at, description = entry.revision, entry.created_at, None
        arn = entry.arn
        if read.qualifier:
            number, alias = self._version_of(read, entry)
            if alias is not None:
                number = max(alias.routes, key=lambda route: route.weight).version
            version = entry.versions[number]
            revision, created_at = version.revision, version.created_at
            description = version.description
            arn = f"{entry.arn}:{number}"
        return {
            "stateMachineArn": arn,
            "name": entry.name,
            "status": "DELETING" if entry.deleting else "ACTIVE",
            "type": entry.kind,
            "creationDate": moment(created_at),
            "description": description,
            **_configuration(entry, revision, request),
        }

    def describe_for_execution(self, request: dict[str, Any], arn: str, key: str,
                               role: str | None) -> dict[str, Any]:  # fmt: skip
        """DescribeStateMachineForExecution: the machine as it was when the execution started.

        Args:
            request: The request.
            arn: The machine's ARN.
            key: The definition's key in the journal.
            role: The role that the execution has; None for the current one.
        """
        entry = self._catalogue.find(arn)
        revisions = []
        if entry is not None:
            published = [version.revision for version in entry.versions.values()]
            revisions = [
                revision
                for revision in (entry.revision, *published)
                if revision.key == key and role in (None, revision.role)
            ]
        if entry is None or not revisions:
            # Updated or deleted since: the journal has the definition, and nobody the rest.
            definition = self._engine.journal.definition(key) or b"{}"
            text, name = definition.decode(), arn.rpartition(":")[2]
            revision = Revision(id="", definition=text, role=role or "", key=key)
            now = self._engine.clock.now()
            entry = entry or Entry(
                name=name, arn=arn, revision=revision, created_at=now, updated_at=now
            )
            revisions = [revision]
        return {
            "stateMachineArn": entry.arn,
            "name": entry.name,
            "updateDate": moment(entry.updated_at),
            **_configuration(entry, revisions[0], request),
        }

    def list(self, request: dict[str, Any]) -> dict[str, Any]:
        """ListStateMachines."""
        pager = Pager("ListStateMachines", request)
        shown, token = pager.sorted_page(self._catalogue.all(), lambda entry: entry.name)
        machines = [
            {
                "stateMachineArn": entry.arn,
                "name": entry.name,
                "type": entry.kind,
                "creationDate": moment(entry.created_at),
            }
            for entry in shown
        ]
        return {"stateMachines": machines, "nextToken": token}


def moment(at: float) -> datetime:
    """Epoch seconds as the protocol takes times."""
    return datetime.fromtimestamp(at, UTC)


def _configuration(entry: Entry, revision: Revision, request: Mapping[str, Any]) -> dict[str, Any]:
    with_data = request.get("includedData") != "METADATA_ONLY"
    return {
        # The member is required; without data AWS leaves an empty object.
        "definition": revision.definition if with_data else "{}",
        "roleArn": revision.role,
        "revisionId": revision.id or None,
        **_DEFAULTS,
        **entry.settings,
    }


def _check_description(publishing: tuple[bool, str | None]) -> None:
    if publishing[1] is not None and not publishing[0]:
        raise ApiError("ValidationException", "versionDescription goes with publish only")
