"""The functions of the service, by every name that requests use."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from redress_local.lambda_service.errors import ConflictError, FunctionNotFoundError
from redress_local.lambda_service.event_config import EventInvokeConfig
from redress_local.lambda_service.names import function_arn, parse_name
from redress_local.lambda_service.types import LATEST, FunctionSpec


class Entry(msgspec.Struct, kw_only=True, eq=False):
    """A function with what belongs to it.

    Attributes:
        event_config: None when nobody configured it: AWS's defaults hold.
        statements: Of its resource policy, by their id.
        modified: Seconds since the epoch.
        revision: Changes with every change.
        code_sha256: Of an uploaded archive, base64; "" for a folder in place.
        code_size: Of an uploaded archive, in bytes.
        layer_arns: As they were asked for; layers without an ARN are not named.
        run: What the pool is given: the specification without its reservation.
    """

    spec: FunctionSpec
    event_config: EventInvokeConfig | None = None
    statements: dict[str, dict[str, Any]] = {}
    tags: dict[str, str] = {}
    modified: float = msgspec.field(default_factory=time.time)
    revision: str = msgspec.field(default_factory=lambda: str(uuid.uuid4()))
    code_sha256: str = ""
    code_size: int = 0
    layer_arns: tuple[str, ...] = ()
    run: FunctionSpec | None = None

    def __post_init__(self) -> None:
        self.set_spec(self.spec)

    def set_spec(self, spec: FunctionSpec) -> None:
        """Change the specification; a reservation alone leaves warm workers as they are."""
        self.spec = spec
        run = msgspec.structs.replace(spec, reserved_concurrency=None)
        if run != self.run:
            self.run = run

    def touch(self) -> None:
        """Note that it changed."""
        self.modified, self.revision = time.time(), str(uuid.uuid4())


class Registry:
    """Functions by name; requests may give an ARN or a partial one, and `$LATEST`.

    Args:
        account: The account of the ARNs in messages.
        region: Their region.
    """

    def __init__(self, account: str, region: str) -> None:
        self._account = account
        self._region = region
        self._lock = threading.Lock()
        self._entries: dict[str, Entry] = {}
        self._names: dict[str, str] = {}

    def add(self, entry: Entry) -> None:
        """Add a function.

        Raises:
            ConflictError: There is one of this name.
        """
        spec = entry.spec
        with self._lock:
            if spec.name in self._entries:
                raise ConflictError(f"Function already exist: {spec.name}")
            self._entries[spec.name] = entry
            # The forms that callers use most are found without parsing.
            for form in (spec.name, spec.arn, f"{spec.arn}:{LATEST}"):
                self._names[form] = spec.name

    def remove(self, name: str) -> Entry:
        """Remove a function.

        Raises:
            FunctionNotFoundError: There is none.
        """
        entry = self.find(name)
        with self._lock:
            self._entries.pop(entry.spec.name, None)
            gone = [form for form, known in self._names.items() if known == entry.spec.name]
            for form in gone:
                del self._names[form]
        return entry

    def find(self, reference: str) -> Entry:
        """The function that a request means.

        Raises:
            FunctionNotFoundError: There is none, or not in this version.
            InvalidParameterError: That is not how functions are called.
        """
        name, qualifier = self._names.get(reference), LATEST
        if name is None:
            name, qualifier = parse_name(reference)
        entry = self._entries.get(name)
        if entry is None or qualifier != LATEST:
            arn = function_arn(name, self._account, self._region)
            suffix = "" if qualifier == LATEST else f":{qualifier}"
            raise FunctionNotFoundError(f"Function not found: {arn}{suffix}")
        return entry

    def all(self) -> list[Entry]:
        """Every function, by name."""
        with self._lock:
            return [entry for _, entry in sorted(self._entries.items())]

    def update(
        self,
        reference: str,
        changes: Mapping[str, Any],
        validate: Callable[[FunctionSpec], None] | None = None,
    ) -> FunctionSpec:
        """Change fields of a function's specification.

        Args:
            reference: The function.
            changes: New values by field.
            validate: Refuses what must not be, by raising.
        """
        entry = self.find(reference)
        with self._lock:
            spec = msgspec.structs.replace(entry.spec, **changes)
            if validate is not None:
                validate(spec)
            entry.set_spec(spec)
            entry.touch()
        return spec
