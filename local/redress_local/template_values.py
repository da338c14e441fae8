"""Resolves CloudFormation's references: parameters, conditions, mappings and intrinsics.

Ref, GetAtt, Sub, Join, If, Select, Split and FindInMap, as far as the local cloud needs them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

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


class TemplateLoader(yaml.CSafeLoader):
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


TemplateLoader.add_multi_constructor("!", _construct_tag)
# Versions such as 2012-10-17 stay text.
TemplateLoader.yaml_implicit_resolvers = {
    first: [entry for entry in entries if entry[0] != "tag:yaml.org,2002:timestamp"]
    for first, entries in yaml.CSafeLoader.yaml_implicit_resolvers.items()
}


class Resolver:
    """Resolves the values of one template."""

    def __init__(self, document: dict[str, Any], parameters: Mapping[str, str]) -> None:
        self._mappings = document.get("Mappings") or {}
        self._conditions = document.get("Conditions") or {}
        self._parameters = {
            name: parameters.get(name, body.get("Default", ""))
            for name, body in (document.get("Parameters") or {}).items()
        }
        self.resources: dict[str, dict[str, Any]] = dict(document["Resources"])
        self.resources = {
            name: body
            for name, body in self.resources.items()
            if "Condition" not in body or self._condition(body["Condition"])
        }

    def of(self, kind: str) -> list[tuple[str, dict[str, Any]]]:
        """The resources of a type: logical ids and properties."""
        return [
            (logical_id, body.get("Properties") or {})
            for logical_id, body in self.resources.items()
            if body.get("Type") == kind
        ]

    def text(self, value: Any) -> str:
        """A value as text."""
        resolved = self.value(value)
        if isinstance(resolved, bool):
            return str(resolved).lower()
        if not isinstance(resolved, (str, int, float)):
            raise TemplateError(f"{value!r:.80} does not resolve to text")
        return str(resolved)

    def value(self, value: Any) -> Any:
        """A value with everything in it resolved."""
        if isinstance(value, list):
            items = [self.value(item) for item in value]
            return [item for item in items if item is not _NO_VALUE]
        if not isinstance(value, dict):
            return value
        if len(value) == 1:
            (name, argument), *_ = value.items()
            if name == "Ref" or name.startswith("Fn::"):
                return self._intrinsic(name, argument)
        resolved = {key: self.value(item) for key, item in value.items()}
        return {key: item for key, item in resolved.items() if item is not _NO_VALUE}

    def _intrinsic(self, name: str, argument: Any) -> Any:
        match name:
            case "Ref":
                return self._ref(argument)
            case "Fn::GetAtt":
                parts = argument.split(".", 1) if isinstance(argument, str) else argument
                return self.attribute(parts[0], parts[1])
            case "Fn::Sub":
                return self._sub(argument)
            case "Fn::Join":
                return str(argument[0]).join(self.text(item) for item in self.value(argument[1]))
            case "Fn::If":
                return self.value(argument[1 if self._condition(argument[0]) else 2])
            case "Fn::Select":
                return self.value(argument[1])[int(self.text(argument[0]))]
            case "Fn::Split":
                return self.text(argument[1]).split(self.text(argument[0]))
            case "Fn::FindInMap":
                first, second, third = (self.text(item) for item in argument)
                return self._mappings[first][second][third]
        raise TemplateError(f"{name} is not understood by the local cloud")

    def _ref(self, name: str) -> Any:
        if name == "AWS::NoValue":
            return _NO_VALUE
        if name in _PSEUDO:
            return _PSEUDO[name]
        if name in self._parameters:
            return self._parameters[name]
        kind = self._kind(name)
        if kind in {"AWS::Serverless::StateMachine", "AWS::StepFunctions::StateMachine"}:
            return self.attribute(name, "Arn")
        if kind == "AWS::SQS::Queue":
            return f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{self.name(name)}"
        return self.name(name)

    def _kind(self, logical_id: str) -> str:
        if logical_id not in self.resources:
            raise TemplateError(f"{logical_id} is neither a parameter nor a resource")
        return str(self.resources[logical_id].get("Type"))

    def name(self, logical_id: str) -> str:
        """The physical name: the one given, or the logical id after the stack's name."""
        kind = self._kind(logical_id)
        properties = self.resources[logical_id].get("Properties") or {}
        key = _NAME_KEYS.get(kind)
        if key and key in properties:
            return self.text(properties[key])
        return f"redress-{logical_id}"

    def attribute(self, logical_id: str, attribute: str) -> str:
        """What GetAtt gives."""
        if attribute in {"Name", "QueueName"}:
            return self.name(logical_id)
        if not attribute.endswith("Arn"):
            raise TemplateError(f"{logical_id}.{attribute} is not known to the local cloud")
        prefix = _ARN_PREFIXES.get(self._kind(logical_id))
        if prefix is None:
            # A resource of the cloud only, such as a role: never called from here.
            return f"arn:aws:local:{REGION}:{ACCOUNT}:{logical_id}"
        service, resource = prefix
        return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}{self.name(logical_id)}"

    def _sub(self, argument: Any) -> str:
        text, extra = argument if isinstance(argument, list) else (argument, {})

        def fill(match: re.Match[str]) -> str:
            name = match.group(1)
            if name.startswith("!"):
                return f"${{{name[1:]}}}"
            if name in extra:
                return self.text(extra[name])
            if "." in name:
                return self.attribute(*name.split(".", 1))
            return self.text(self._ref(name))

        return _VARIABLE.sub(fill, text)

    def _condition(self, condition: Any) -> bool:
        if isinstance(condition, str):
            if condition not in self._conditions:
                raise TemplateError(f"there is no condition {condition!r}")
            return self._condition(self._conditions[condition])
        (name, argument), *_ = condition.items()
        match name:
            case "Condition":
                return self._condition(argument)
            case "Fn::Equals":
                return self.text(argument[0]) == self.text(argument[1])
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
