"""Resolves a SAM template as it stands, with names and ARNs that need nothing created."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from redress_local.template_parameters import parameter_texts, parameter_values
from redress_local.template_values import (
    ACCOUNT,
    REGION,
    Intrinsics,
    TemplateError,
    pseudo_parameters,
)

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


class Resolver(Intrinsics):
    """Resolves the values of one template.

    Args:
        document: The template.
        parameters: Values for its parameters; the defaults apply otherwise.

    Raises:
        TemplateError: A parameter's value is missing, unknown or not allowed.
    """

    def __init__(self, document: dict[str, Any], parameters: Mapping[str, str]) -> None:
        declared = document.get("Parameters") or {}
        stack_id = f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/redress/local"
        super().__init__(
            {
                **pseudo_parameters("redress", stack_id),
                **parameter_values(declared, parameter_texts(declared, parameters)),
            },
            document.get("Mappings") or {},
            document.get("Conditions") or {},
        )
        self.resources: dict[str, dict[str, Any]] = {
            name: body
            for name, body in document["Resources"].items()
            if "Condition" not in body or self.holds(body["Condition"])
        }

    def of(self, kind: str) -> list[tuple[str, dict[str, Any]]]:
        """The resources of a type: logical ids and properties."""
        return [
            (logical_id, body.get("Properties") or {})
            for logical_id, body in self.resources.items()
            if body.get("Type") == kind
        ]

    def resource(self, logical_id: str) -> Any:
        """What `Ref` of a resource gives."""
        kind = self._kind(logical_id)
        if kind in {"AWS::Serverless::StateMachine", "AWS::StepFunctions::StateMachine"}:
            return self.attribute(logical_id, "Arn")
        if kind == "AWS::SQS::Queue":
            return f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{self.name(logical_id)}"
        return self.name(logical_id)

    def name(self, logical_id: str) -> str:
        """The physical name: the one given, or the logical id after the stack's name."""
        kind = self._kind(logical_id)
        properties = self.resources.get(logical_id, {}).get("Properties") or {}
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

    def _kind(self, logical_id: str) -> str:
        if logical_id in self.resources:
            return str(self.resources[logical_id].get("Type"))
        owner = self.resources.get(logical_id.removesuffix("Role"), {})
        if logical_id.endswith("Role") and str(owner.get("Type")).startswith("AWS::Serverless::"):
            # SAM makes one for each function and machine that names none.
            return "AWS::IAM::Role"
        raise TemplateError(f"{logical_id} is neither a parameter nor a resource")
