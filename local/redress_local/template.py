"""Reads the SAM template: the one list of functions, machines, buses, rules and archives.

Only what the local cloud needs is resolved: parameters' defaults, conditions, mappings, and the
intrinsic functions Ref, GetAtt, Sub, Join, If, Select, Split and FindInMap.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
import yaml

REGION = "us-east-1"
ACCOUNT = "000000000000"
_PSEUDO = {
    "AWS::Region": REGION,
    "AWS::AccountId": ACCOUNT,
    "AWS::Partition": "aws",
    "AWS::StackName": "redress",
    "AWS::StackId": f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/redress/local",
    "AWS::URLSuffix": "amazonaws.com",
}
_VARIABLE = re.compile(r"\$\{([^}]+)\}")


class TemplateError(Exception):
    """The template cannot be read, or holds what the local cloud does not understand."""


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


class _Loader(yaml.CSafeLoader):
    """Reads CloudFormation's short tags as their long forms."""


def _construct_tag(loader: yaml.Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        assert isinstance(node, yaml.MappingNode)
        value = loader.construct_mapping(node, deep=True)
    if suffix in {"Ref", "Condition"}:
        return {suffix: value}
    if suffix == "GetAtt" and isinstance(value, str):
        value = value.split(".", 1)
    return {f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _construct_tag)
# Versions such as 2012-10-17 stay text.
_Loader.yaml_implicit_resolvers = {
    first: [entry for entry in entries if entry[0] != "tag:yaml.org,2002:timestamp"]
    for first, entries in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


def read_template(path: Path, parameters: Mapping[str, str] | None = None) -> Template:
    """Read a SAM template and resolve what the local cloud needs of it.

    Args:
        path: template.yaml; handlers and definitions are found beside it.
        parameters: Values for its parameters; the defaults apply otherwise.

    Raises:
        TemplateError: It cannot be read or understood; the message names the resource.
    """
    try:
        document = yaml.load(path.read_bytes(), Loader=_Loader)  # noqa: S506 - a safe loader
    except OSError as error:
        raise TemplateError(f"{path}: cannot be read: {error.strerror}") from None
    except yaml.YAMLError as error:
        raise TemplateError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    if not isinstance(document, dict) or not isinstance(document.get("Resources"), dict):
        raise TemplateError(f"{path}: a template has Resources")
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
        self.mappings = document.get("Mappings") or {}
        self.conditions = document.get("Conditions") or {}
        self.parameters = {
            name: parameters.get(name, body.get("Default", ""))
            for name, body in (document.get("Parameters") or {}).items()
        }
        self.resources: dict[str, dict[str, Any]] = {
            name: body
            for name, body in document["Resources"].items()
            if "Condition" not in body or self._condition(body["Condition"])
        }

    def read(self) -> Template:
        """Return all that the local cloud takes from the template."""
        functions = [self._function(*item) for item in self._of("AWS::Serverless::Function")]
        machines = [self._machine(*item) for item in self._of("AWS::Serverless::StateMachine")]
        buses = [self._name(logical_id) for logical_id, _ in self._of("AWS::Events::EventBus")]
        rules = [self._rule(*item) for item in self._of("AWS::Events::Rule")]
        for kind in ("AWS::Serverless::Function", "AWS::Serverless::StateMachine"):
            for logical_id, properties in self._of(kind):
                rules.extend(self._inline_rules(logical_id, properties))
        queues = [logical_id for logical_id, _ in self._of("AWS::SQS::Queue")]
        tables = [
            self._name(logical_id)
            for kind in ("AWS::DynamoDB::Table", "AWS::DynamoDB::GlobalTable")
            for logical_id, _ in self._of(kind)
        ]
        return Template(
            path=self.path,
            functions={function.arn: function for function in functions},
            machines={machine.arn: machine for machine in machines},
            buses=("default", *buses),
            rules=tuple(rules),
            archives=tuple(self._archive(*item) for item in self._of("AWS::Events::Archive")),
            queues={self._attribute(name, "Arn"): self._name(name) for name in queues},
            tables=tuple(tables),
        )

    def _of(self, kind: str) -> list[tuple[str, dict[str, Any]]]:
        return [
            (logical_id, body.get("Properties") or {})
            for logical_id, body in self.resources.items()
            if body.get("Type") == kind
        ]

    def _function(self, logical_id: str, properties: dict[str, Any]) -> Function:
        shared = self.globals.get("Function") or {}
        code = self._text(properties.get("CodeUri", shared.get("CodeUri", ".")))
        handler = self._text(properties.get("Handler", shared.get("Handler", "")))
        module, _, entry = handler.rpartition(".")
        if not module:
            raise TemplateError(f"{logical_id}: Handler {handler!r} is not MODULE.FUNCTION")
        environment: dict[str, str] = {}
        for source in (shared, properties):
            variables = (source.get("Environment") or {}).get("Variables") or {}
            environment.update({key: self._text(value) for key, value in variables.items()})
        return Function(
            logical_id=logical_id,
            arn=self._attribute(logical_id, "Arn"),
            name=self._name(logical_id),
            handler=self.folder / code / f"{module.replace('.', '/')}.py",
            entry=entry,
            environment=environment,
            timeout=int(self._text(properties.get("Timeout", shared.get("Timeout", 3)))),
        )

    def _machine(self, logical_id: str, properties: dict[str, Any]) -> Machine:
        definition = properties.get("DefinitionUri")
        if not isinstance(definition, str):
            raise TemplateError(f"{logical_id}: DefinitionUri names a file")
        substitutions = properties.get("DefinitionSubstitutions") or {}
        return Machine(
            logical_id=logical_id,
            arn=self._attribute(logical_id, "Arn"),
            name=self._name(logical_id),
            definition=self.folder / definition,
            substitutions={key: self._text(value) for key, value in substitutions.items()},
        )

    def _rule(self, logical_id: str, properties: dict[str, Any]) -> Rule:
        bus = self._bus(properties.get("EventBusName"))
        targets = properties.get("Targets") or []
        return Rule(
            name=self._name(logical_id),
            arn=self._rule_arn(bus, self._name(logical_id)),
            bus=bus,
            pattern=self._value(properties.get("EventPattern") or {}),
            enabled=self._text(properties.get("State", "ENABLED")) != "DISABLED",
            targets=tuple(self._target(logical_id, self._value(entry)) for entry in targets),
        )

    def _inline_rules(self, logical_id: str, properties: dict[str, Any]) -> list[Rule]:
        rules = []
        for event_id, event in (properties.get("Events") or {}).items():
            if event.get("Type") not in {"EventBridgeRule", "CloudWatchEvent"}:
                continue
            body = self._value(event.get("Properties") or {})
            name = body.get("RuleName") or f"redress-{logical_id}{event_id}"
            bus = self._bus(body.get("EventBusName"))
            target = {
                **body,
                "Id": (body.get("Target") or {}).get("Id", f"{logical_id}{event_id}"),
                "Arn": self._attribute(logical_id, "Arn"),
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
        source = self._text(properties.get("SourceArn", ""))
        pattern = properties.get("EventPattern")
        return Archive(
            name=self._name(logical_id),
            bus=source.rpartition("/")[2],
            pattern=self._value(pattern) if pattern else None,
            retention_days=int(self._text(properties.get("RetentionDays", 0))),
        )

    def _bus(self, value: Any) -> str:
        return self._text(value).rpartition("/")[2] if value else "default"

    def _rule_arn(self, bus: str, name: str) -> str:
        scope = "" if bus == "default" else f"{bus}/"
        return f"arn:aws:events:{REGION}:{ACCOUNT}:rule/{scope}{name}"

    def _text(self, value: Any) -> str:
        resolved = self._value(value)
        if isinstance(resolved, bool):
            return str(resolved).lower()
        if not isinstance(resolved, (str, int, float)):
            raise TemplateError(f"{value!r:.80} does not resolve to text")
        return str(resolved)

    def _value(self, value: Any) -> Any:
        if isinstance(value, list):
            items = [self._value(item) for item in value]
            return [item for item in items if item is not _NO_VALUE]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            (name, argument), *_ = value.items()
            if name == "Ref" or name.startswith("Fn::"):
                return self._intrinsic(name, argument)
        resolved = {key: self._value(item) for key, item in value.items()}
        return {key: item for key, item in resolved.items() if item is not _NO_VALUE}

    def _intrinsic(self, name: str, argument: Any) -> Any:
        match name:
            case "Ref":
                return self._ref(argument)
            case "Fn::GetAtt":
                parts = argument.split(".", 1) if isinstance(argument, str) else argument
                return self._attribute(parts[0], parts[1])
            case "Fn::Sub":
                return self._sub(argument)
            case "Fn::Join":
                return str(argument[0]).join(self._text(item) for item in self._value(argument[1]))
            case "Fn::If":
                return self._value(argument[1 if self._condition(argument[0]) else 2])
            case "Fn::Select":
                return self._value(argument[1])[int(self._text(argument[0]))]
            case "Fn::Split":
                return self._text(argument[1]).split(self._text(argument[0]))
            case "Fn::FindInMap":
                first, second, third = (self._text(item) for item in argument)
                return self.mappings[first][second][third]
        raise TemplateError(f"{name} is not understood by the local cloud")

    def _ref(self, name: str) -> Any:
        if name == "AWS::NoValue":
            return _NO_VALUE
        if name in _PSEUDO:
            return _PSEUDO[name]
        if name in self.parameters:
            return self.parameters[name]
        kind = self._kind(name)
        if kind in {"AWS::Serverless::StateMachine", "AWS::StepFunctions::StateMachine"}:
            return self._attribute(name, "Arn")
        if kind == "AWS::SQS::Queue":
            return f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{self._name(name)}"
        return self._name(name)

    def _kind(self, logical_id: str) -> str:
        if logical_id not in self.resources:
            raise TemplateError(f"{logical_id} is neither a parameter nor a resource")
        return str(self.resources[logical_id].get("Type"))

    def _name(self, logical_id: str) -> str:
        """The physical name: the one given, or the logical id after the stack's name."""
        kind = self._kind(logical_id)
        properties = self.resources[logical_id].get("Properties") or {}
        key = _NAME_KEYS.get(kind)
        if key and key in properties:
            return self._text(properties[key])
        return f"redress-{logical_id}"

    def _attribute(self, logical_id: str, attribute: str) -> str:
        if attribute in {"Name", "QueueName"}:
            return self._name(logical_id)
        if not attribute.endswith("Arn"):
            raise TemplateError(f"{logical_id}.{attribute} is not known to the local cloud")
        prefix = _ARN_PREFIXES.get(self._kind(logical_id))
        if prefix is None:
            # A resource of the cloud only, such as a role: never called from here.
            return f"arn:aws:local:{REGION}:{ACCOUNT}:{logical_id}"
        service, resource = prefix
        return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}{self._name(logical_id)}"

    def _sub(self, argument: Any) -> str:
        text, extra = argument if isinstance(argument, list) else (argument, {})

        def fill(match: re.Match[str]) -> str:
            name = match.group(1)
            if name.startswith("!"):
                return f"${{{name[1:]}}}"
            if name in extra:
                return self._text(extra[name])
            if "." in name:
                return self._attribute(*name.split(".", 1))
            return self._text(self._ref(name))

        return _VARIABLE.sub(fill, text)

    def _condition(self, condition: Any) -> bool:
        if isinstance(condition, str):
            if condition not in self.conditions:
                raise TemplateError(f"there is no condition {condition!r}")
            return self._condition(self.conditions[condition])
        (name, argument), *_ = condition.items()
        match name:
            case "Condition":
                return self._condition(argument)
            case "Fn::Equals":
                return self._text(argument[0]) == self._text(argument[1])
            case "Fn::Not":
                return not self._condition(argument[0])
            case "Fn::And":
                return all(self._condition(item) for item in argument)
            case "Fn::Or":
                return any(self._condition(item) for item in argument)
        raise TemplateError(f"{name} is not a condition that the local cloud understands")


_NO_VALUE = object()
_NAME_KEYS = {
    "AWS::Serverless::Function": "FunctionName",
    "AWS::Serverless::StateMachine": "Name",
    "AWS::Events::EventBus": "Name",
    "AWS::Events::Rule": "Name",
    "AWS::Events::Archive": "ArchiveName",
    "AWS::SQS::Queue": "QueueName",
    "AWS::DynamoDB::Table": "TableName",
    "AWS::DynamoDB::GlobalTable": "TableName",
}
_ARN_PREFIXES = {
    "AWS::Serverless::Function": ("lambda", "function:"),
    "AWS::Serverless::StateMachine": ("states", "stateMachine:"),
    "AWS::Events::EventBus": ("events", "event-bus/"),
    "AWS::Events::Archive": ("events", "archive/"),
    "AWS::SQS::Queue": ("sqs", ""),
    "AWS::SNS::Topic": ("sns", ""),
    "AWS::DynamoDB::Table": ("dynamodb", "table/"),
    "AWS::DynamoDB::GlobalTable": ("dynamodb", "table/"),
}
