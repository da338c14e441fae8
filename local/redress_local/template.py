"""Reads the SAM template: the one list of functions, machines, buses, rules and archives."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from redress_local.template_document import load_document
from redress_local.template_resolver import Resolver
from redress_local.template_values import ACCOUNT, REGION, TemplateError

__all__ = ["ACCOUNT", "REGION", "Template", "TemplateError", "read_template"]


class Function(msgspec.Struct, frozen=True, kw_only=True):
    """An AWS::Serverless::Function.

    Attributes:
        handler: Path of the Python file.
        entry: Name of the handler function in it.
        environment: Its environment variables; all values are text.
        timeout: Seconds.
    """

    logical_id: str
    arn: str
    name: str
    handler: Path
    entry: str
    environment: dict[str, str]
    timeout: int


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """An AWS::Serverless::StateMachine and its definition file."""

    logical_id: str
    arn: str
    name: str
    definition: Path
    substitutions: dict[str, str]


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """A rule's target, as in the template with every reference resolved.

    Attributes:
        settings: `Input`, `InputPath` and `InputTransformer`, where given.
        max_attempts: Retries after the first attempt.
        max_age: Seconds after which a delivery is given up.
        dead_letter_arn: The queue for what could not be delivered; None loses it.
    """

    target_id: str
    arn: str
    settings: dict[str, Any]
    max_attempts: int
    max_age: int
    dead_letter_arn: str | None


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    """An EventBridge rule."""

    name: str
    arn: str
    bus: str
    pattern: dict[str, Any]
    enabled: bool
    targets: tuple[Target, ...]


class Archive(msgspec.Struct, frozen=True, kw_only=True):
    """An archive of a bus; `retention_days` 0 keeps events for ever."""

    name: str
    bus: str
    pattern: dict[str, Any] | None
    retention_days: int


class Template(msgspec.Struct, frozen=True, kw_only=True):
    """What the local cloud takes from the template. Machines and functions by their ARN."""

    path: Path
    functions: dict[str, Function]
    machines: dict[str, Machine]
    buses: tuple[str, ...]
    rules: tuple[Rule, ...]
    archives: tuple[Archive, ...]
    queues: dict[str, str]
    tables: tuple[str, ...]


def read_template(path: Path, parameters: Mapping[str, str] | None = None) -> Template:
    """Read a SAM template and resolve what the local cloud needs of it.

    Args:
        path: template.yaml; handlers and definitions are found beside it.
        parameters: Values for its parameters; the defaults apply otherwise.

    Raises:
        TemplateError: It cannot be read or understood; the message names the resource.
    """
    document = load_document(path)
    try:
        return _Reader(path, document, parameters or {}).read()
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        # A template of another shape than CloudFormation's; cfn-lint says more.
        raise TemplateError(f"{path}: malformed ({type(error).__name__}: {error})") from error


class _Reader:
    """Resolves one template."""

    def __init__(self, path: Path, document: dict[str, Any], parameters: Mapping[str, str]) -> None:
        self.path = path
        self.folder = path.parent
        self.globals = document.get("Globals") or {}
        self.values = Resolver(document, parameters)

    def read(self) -> Template:
        """Return all that the local cloud takes from the template."""
        functions = [self._function(*item) for item in self.values.of("AWS::Serverless::Function")]
        machines = [
            self._machine(*item) for item in self.values.of("AWS::Serverless::StateMachine")
        ]
        buses = [
            self.values.name(logical_id)
            for logical_id, _ in self.values.of("AWS::Events::EventBus")
        ]
        rules = [self._rule(*item) for item in self.values.of("AWS::Events::Rule")]
        for kind in ("AWS::Serverless::Function", "AWS::Serverless::StateMachine"):
            for logical_id, properties in self.values.of(kind):
                rules.extend(self._inline_rules(logical_id, properties))
        queues = [logical_id for logical_id, _ in self.values.of("AWS::SQS::Queue")]
        tables = [
            self.values.name(logical_id)
            for kind in ("AWS::DynamoDB::Table", "AWS::DynamoDB::GlobalTable")
            for logical_id, _ in self.values.of(kind)
        ]
        return Template(
            path=self.path,
            functions={function.arn: function for function in functions},
            machines={machine.arn: machine for machine in machines},
            buses=("default", *buses),
            rules=tuple(rules),
            archives=tuple(self._archive(*item) for item in self.values.of("AWS::Events::Archive")),
            queues={self.values.attribute(name, "Arn"): self.values.name(name) for name in queues},
            tables=tuple(tables),
        )

    def _function(self, logical_id: str, properties: dict[str, Any]) -> Function:
        shared = self.globals.get("Function") or {}
        code = self.values.text(properties.get("CodeUri", shared.get("CodeUri", ".")))
        handler = self.values.text(properties.get("Handler", shared.get("Handler", "")))
        module, _, entry = handler.rpartition(".")
        if not module:
            raise TemplateError(f"{logical_id}: Handler {handler!r} is not MODULE.FUNCTION")
        environment: dict[str, str] = {}
        for source in (shared, properties):
            # What is AWS::NoValue drops out.
            variables = self.values.value((source.get("Environment") or {}).get("Variables") or {})
            environment.update({key: self.values.text(value) for key, value in variables.items()})
        return Function(
            logical_id=logical_id,
            arn=self.values.attribute(logical_id, "Arn"),
            name=self.values.name(logical_id),
            handler=self.folder / code / f"{module.replace('.', '/')}.py",
            entry=entry,
            environment=environment,
            timeout=int(self.values.text(properties.get("Timeout", shared.get("Timeout", 3)))),
        )

    def _machine(self, logical_id: str, properties: dict[str, Any]) -> Machine:
        definition = properties.get("DefinitionUri")
        if not isinstance(definition, str):
            raise TemplateError(f"{logical_id}: DefinitionUri names a file")
        substitutions = properties.get("DefinitionSubstitutions") or {}
        return Machine(
            logical_id=logical_id,
            arn=self.values.attribute(logical_id, "Arn"),
            name=self.values.name(logical_id),
            definition=self.folder / definition,
            substitutions={key: self.values.text(value) for key, value in substitutions.items()},
        )

    def _rule(self, logical_id: str, properties: dict[str, Any]) -> Rule:
        bus = self._bus(properties.get("EventBusName"))
        targets = properties.get("Targets") or []
        return Rule(
            name=self.values.name(logical_id),
            arn=self._rule_arn(bus, self.values.name(logical_id)),
            bus=bus,
            pattern=self.values.value(properties.get("EventPattern") or {}),
            enabled=self.values.text(properties.get("State", "ENABLED")) != "DISABLED",
            targets=tuple(self._target(logical_id, self.values.value(entry)) for entry in targets),
        )

    def _inline_rules(self, logical_id: str, properties: dict[str, Any]) -> list[Rule]:
        rules = []
        for event_id, event in (properties.get("Events") or {}).items():
            if event.get("Type") not in {"EventBridgeRule", "CloudWatchEvent"}:
                continue
            body = self.values.value(event.get("Properties") or {})
            name = body.get("RuleName") or f"redress-{logical_id}{event_id}"
            bus = self._bus(body.get("EventBusName"))
            target = {
                **body,
                "Id": (body.get("Target") or {}).get("Id", f"{logical_id}{event_id}"),
                "Arn": self.values.attribute(logical_id, "Arn"),
            }
            rules.append(
                Rule(
                    name=name,
                    arn=self._rule_arn(bus, name),
                    bus=bus,
                    pattern=body.get("Pattern") or {},
                    enabled=body.get("State", "ENABLED") != "DISABLED",
                    targets=(self._target(name, target),),
                )
            )
        return rules

    def _target(self, rule: str, body: dict[str, Any]) -> Target:
        if not isinstance(body.get("Arn"), str):
            raise TemplateError(f"{rule}: a target has an Arn")
        retry = body.get("RetryPolicy") or {}
        dead_letters = body.get("DeadLetterConfig") or {}
        keys = ("Input", "InputPath", "InputTransformer")
        return Target(
            target_id=str(body.get("Id", rule)),
            arn=body["Arn"],
            settings={key: body[key] for key in keys if body.get(key)},
            max_attempts=int(retry.get("MaximumRetryAttempts", 185)),
            max_age=int(retry.get("MaximumEventAgeInSeconds", 86_400)),
            dead_letter_arn=dead_letters.get("Arn"),
        )

    def _archive(self, logical_id: str, properties: dict[str, Any]) -> Archive:
        source = self.values.text(properties.get("SourceArn", ""))
        pattern = properties.get("EventPattern")
        return Archive(
            name=self.values.name(logical_id),
            bus=source.rpartition("/")[2],
            pattern=self.values.value(pattern) if pattern else None,
            retention_days=int(self.values.text(properties.get("RetentionDays", 0))),
        )

    def _bus(self, value: Any) -> str:
        return self.values.text(value).rpartition("/")[2] if value else "default"

    def _rule_arn(self, bus: str, name: str) -> str:
        scope = "" if bus == "default" else f"{bus}/"
        return f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{scope}{name}"
