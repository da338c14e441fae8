"""A translated stack: its resources, what depends on what, and values as ids become known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from redress_local.emulated.resources.errors import ResourceError
from redress_local.emulated.resources.names import stack_id
from redress_local.template_values import Intrinsics, TemplateError


class Resource(msgspec.Struct, frozen=True, kw_only=True):
    """One resource of the translated template.

    Attributes:
        logical_id: Its name in the template.
        type: Such as `AWS::SQS::Queue`.
        properties: As in the template, references unresolved.
        after: Logical ids that must be created before it.
    """

    logical_id: str
    type: str
    properties: dict[str, Any]
    after: frozenset[str]

    def __str__(self) -> str:
        return f"{self.type} ({self.logical_id})"


class Created(msgspec.Struct, frozen=True, kw_only=True):
    """What a resource is known by once it exists.

    Attributes:
        ref: What `Ref` gives.
        attributes: What `Fn::GetAtt` gives, by attribute.
        cloud_only: It exists in AWS only; attributes that are not given are made up.
    """

    ref: str
    attributes: Mapping[str, Any] = {}
    cloud_only: bool = False


class Stack(Intrinsics):
    """One stack of plain CloudFormation resources.

    Attributes:
        name: The stack's name.
        stack_id: Its ARN.
        template: The file that it comes from; local paths lie beside it.
        resources: Those whose condition holds, by logical id.
        parameters: The text of each parameter; hidden ones as `****`.
        created: What exists so far, by logical id.
        resolved: The properties that each was created with, by logical id.
        outputs: Filled when everything exists.
        nested: Stacks inside this one, by logical id, once they exist.
    """

    def __init__(
        self,
        name: str,
        template: Path,
        document: Mapping[str, Any],
        values: Mapping[str, Any],
        parameters: Mapping[str, str],
    ) -> None:
        super().__init__(values, document.get("Mappings") or {}, document.get("Conditions") or {})
        self.name = name
        self.stack_id = stack_id(name)
        self.template = template
        self.parameters = dict(parameters)
        self.created: dict[str, Created] = {}
        self.resolved: dict[str, dict[str, Any]] = {}
        self.outputs: dict[str, Any] = {}
        self.nested: dict[str, Stack] = {}
        self.resources: dict[str, Resource] = {}
        self._bodies = {
            logical_id: body
            for logical_id, body in document["Resources"].items()
            if self._wanted(logical_id, body)
        }
        for logical_id, body in self._bodies.items():
            self.resources[logical_id] = self._resource(logical_id, body)
        self._outputs = document.get("Outputs") or {}

    def order(self) -> list[Resource]:
        """The resources, each after what it depends on.

        Raises:
            ResourceError: They depend on one another; the message names the circle.
        """
        ordered: dict[str, Resource] = {}
        path: list[str] = []

        def visit(logical_id: str) -> None:
            if logical_id in ordered:
                return
            if logical_id in path:
                circle = [*path[path.index(logical_id) :], logical_id]
                raise ResourceError(f"resources depend on one another: {' -> '.join(circle)}")
            path.append(logical_id)
            for needed in sorted(self.resources[logical_id].after):
                visit(needed)
            path.pop()
            ordered[logical_id] = self.resources[logical_id]

        for logical_id in self.resources:
            visit(logical_id)
        return list(ordered.values())

    def resource(self, logical_id: str) -> Any:
        """What `Ref` of a resource gives, once it exists."""
        return self._created(logical_id).ref

    def attribute(self, logical_id: str, attribute: str) -> Any:
        """What `Fn::GetAtt` gives, once the resource exists."""
        created = self._created(logical_id)
        if attribute in created.attributes:
            return created.attributes[attribute]
        kind = self.resources[logical_id].type
        if created.cloud_only:
            return f"{created.ref}.{attribute}"
        known = ", ".join(sorted(created.attributes)) or "none"
        raise TemplateError(f"{logical_id} ({kind}) has no attribute {attribute}; it has: {known}")

    def of(self, kind: str) -> Iterator[tuple[str, dict[str, Any], Created]]:
        """What exists of a type: logical id, resolved properties, and how it is known."""
        for logical_id, resource in self.resources.items():
            if resource.type == kind and logical_id in self.created:
                yield logical_id, self.resolved[logical_id], self.created[logical_id]

    def resolve_outputs(self) -> None:
        """Fill `outputs`; every resource must exist.

        Raises:
            ResourceError: An output cannot be resolved; the message names it.
        """
        for name, body in self._outputs.items():
            if "Condition" in body and not self.holds(body["Condition"]):
                continue
            try:
                self.outputs[name] = self.value(body["Value"])
            except (TemplateError, KeyError, TypeError) as error:
                raise ResourceError(f"output {name}: {error}") from None

    def _wanted(self, logical_id: str, body: Any) -> bool:
        if not isinstance(body, dict) or not isinstance(body.get("Type"), str):
            raise TemplateError(f"{logical_id}: a resource has a Type")
        return "Condition" not in body or self.holds(body["Condition"])

    def _resource(self, logical_id: str, body: dict[str, Any]) -> Resource:
        properties = body.get("Properties") or {}
        if not isinstance(properties, dict):
            raise TemplateError(f"{logical_id}: Properties is a map")
        try:
            after = frozenset(self._dependencies(properties, body.get("DependsOn") or []))
        except TemplateError as error:
            raise TemplateError(f"{body['Type']} ({logical_id}): {error}") from None
        return Resource(
            logical_id=logical_id, type=body["Type"], properties=properties, after=after
        )

    def _dependencies(self, properties: Any, depends_on: str | list[str]) -> Iterator[str]:
        for name in self.references(properties):
            if name in self._bodies:
                yield name
            elif name not in self.values:
                raise TemplateError(f"{name} is neither a parameter nor a resource")
        for name in [depends_on] if isinstance(depends_on, str) else depends_on:
            # A resource whose condition does not hold is not waited for.
            if name in self._bodies:
                yield name

    def _created(self, logical_id: str) -> Created:
        if logical_id in self.created:
            return self.created[logical_id]
        if logical_id in self.resources:
            raise TemplateError(f"{logical_id} does not exist yet")
        raise TemplateError(f"{logical_id} is neither a parameter nor a resource")
