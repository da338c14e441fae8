"""The Lambda API's operations on functions: code, configuration, concurrency, policy, tags."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from redress_local.lambda_service import views
from redress_local.lambda_service.code import Code, place_code
from redress_local.lambda_service.errors import (
    ConflictError,
    FunctionNotFoundError,
    InvalidParameterError,
)
from redress_local.lambda_service.names import function_arn, parse_name
from redress_local.lambda_service.paging import page
from redress_local.lambda_service.service import LambdaService
from redress_local.lambda_service.types import FunctionSpec

Input = dict[str, Any]
Output = Mapping[str, Any]

_PLAIN_FIELDS = {
    "Handler": "handler",
    "Runtime": "runtime",
    "Timeout": "timeout",
    "MemorySize": "memory_mb",
    "Description": "description",
    "Role": "role",
}

_LONGEST_TIMEOUT = 900
_LARGEST_MEMORY = 10_240
_LARGEST_ENVIRONMENT = 4096
_RESERVED = frozenset(
    {
        "_HANDLER",
        "_X_AMZN_TRACE_ID",
        "AWS_ACCESS_KEY",
        "AWS_ACCESS_KEY_ID",
        "AWS_DEFAULT_REGION",
        "AWS_EXECUTION_ENV",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_INITIALIZATION_TYPE",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_LAMBDA_RUNTIME_API",
        "AWS_REGION",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "LAMBDA_RUNTIME_DIR",
        "LAMBDA_TASK_ROOT",
    }
)


class FunctionOperations:
    """Operations by their AWS names.

    Args:
        service: What they work on.
        code_folder: Where uploaded archives are unpacked; None refuses them.
        layers: The folder of each known layer, by its ARN.
    """

    def __init__(
        self,
        service: LambdaService,
        code_folder: Path | None,
        layers: Mapping[str, Path],
    ) -> None:
        self._service = service
        self._code_folder = code_folder
        self._layers = layers

    def operations(self) -> dict[str, Callable[[Input], Output]]:
        """The operations."""
        return {
            "ListFunctions": self.list_functions,
            "CreateFunction": self.create_function,
            "GetFunction": self.get_function,
            "GetFunctionConfiguration": self.get_function_configuration,
            "UpdateFunctionConfiguration": self.update_function_configuration,
            "UpdateFunctionCode": self.update_function_code,
            "DeleteFunction": self.delete_function,
            "PutFunctionConcurrency": self.put_function_concurrency,
            "GetFunctionConcurrency": self.get_function_concurrency,
            "DeleteFunctionConcurrency": self.delete_function_concurrency,
            "AddPermission": self.add_permission,
            "GetPolicy": self.get_policy,
            "RemovePermission": self.remove_permission,
            "GetAccountSettings": self.get_account_settings,
            "ListTags": self.list_tags,
            "TagResource": self.tag_resource,
            "UntagResource": self.untag_resource,
        }

    def list_functions(self, given: Input) -> Output:
        """Every function, by name, a page at a time."""
        found, marker = page(self._service.registry.all(), given)
        return {"Functions": [views.configuration(entry) for entry in found], **marker}

    def create_function(self, given: Input) -> Output:
        """A function of a folder or an archive."""
        name, _ = parse_name(given["FunctionName"])
        if given.get("PackageType") == "Image":
            raise InvalidParameterError("The local cloud runs no images: use a Zip package")
        for field in ("Runtime", "Handler"):
            if not given.get(field):
                raise InvalidParameterError(f"{field} is mandatory for functions of a Zip package")
        if any(entry.spec.name == name for entry in self._service.registry.all()):
            raise ConflictError(f"Function already exist: {name}")
        code = place_code(given["Code"], self._code_folder, name)
        spec = FunctionSpec(
            name=name,
            arn=function_arn(name, self._service.account, self._service.region),
            code=code.folder,
            handler=given["Handler"],
            log_group=f"/aws/lambda/{name}",
            access_key_id=f"LKIA{secrets.token_hex(8).upper()}",
        )
        spec = msgspec.structs.replace(spec, **self._changes(given, spec))
        entry = self._service.create_function(spec, tags=given.get("Tags"))
        entry.layer_arns = tuple(given.get("Layers") or ())
        entry.code_sha256, entry.code_size = code.sha256, code.size
        return views.configuration(entry)

    def get_function(self, given: Input) -> Output:
        """A function's configuration, code, tags and reservation."""
        entry = self._find(given)
        view: dict[str, Any] = {
            "Configuration": views.configuration(entry),
            "Code": {"RepositoryType": "S3", "Location": entry.spec.code.as_uri()},
        }
        if entry.tags:
            view["Tags"] = entry.tags
        if entry.spec.reserved_concurrency is not None:
            view["Concurrency"] = {"ReservedConcurrentExecutions": entry.spec.reserved_concurrency}
        return view

    def get_function_configuration(self, given: Input) -> Output:
        """A function's configuration."""
        return views.configuration(self._find(given))

    def update_function_configuration(self, given: Input) -> Output:
        """Change a configuration; the next invocation runs with it."""
        entry = self._find(given)
        self._check_revision(entry.revision, given)
        changes = self._changes(given, entry.spec)
        if changes:
            self._service.update_function(entry.spec.name, **changes)
        if given.get("Layers") is not None:
            entry.layer_arns = tuple(given["Layers"])
        return views.configuration(entry)

    def update_function_code(self, given: Input) -> Output:
        """Change the code; the next invocation runs it."""
        entry = self._find(given)
        self._check_revision(entry.revision, given)
        code: Code = place_code(given, self._code_folder, entry.spec.name)
        if not given.get("DryRun"):
            changes: dict[str, Any] = {"code": code.folder}
            if given.get("Architectures"):
                changes["architectures"] = tuple(given["Architectures"])
            self._service.update_function(entry.spec.name, **changes)
            entry.code_sha256, entry.code_size = code.sha256, code.size
        return views.configuration(entry)

    def delete_function(self, given: Input) -> Output:
        """Remove a function."""
        self._service.delete_function(self._reference(given))
        return {}

    def put_function_concurrency(self, given: Input) -> Output:
        """Reserve concurrency."""
        amount = given["ReservedConcurrentExecutions"]
        self._service.put_function_concurrency(self._reference(given), amount)
        return {"ReservedConcurrentExecutions": amount}

    def get_function_concurrency(self, given: Input) -> Output:
        """What is reserved; nothing is an empty answer."""
        amount = self._find(given).spec.reserved_concurrency
        return {} if amount is None else {"ReservedConcurrentExecutions": amount}

    def delete_function_concurrency(self, given: Input) -> Output:
        """Give a reservation back."""
        self._service.put_function_concurrency(self._reference(given), None)
        return {}

    def add_permission(self, given: Input) -> Output:
        """Add a statement to the function's policy; the local cloud shows it, and asks nobody."""
        entry = self._find(given)
        name = given["StatementId"]
        if name in entry.statements:
            raise ConflictError(
                f"The statement id ({name}) provided already exists. Please provide a new "
                "statement id, or remove the existing statement."
            )
        principal = given["Principal"]
        kind = "Service" if principal.endswith((".amazonaws.com", ".amazon.com")) else "AWS"
        statement: dict[str, Any] = {
            "Sid": name,
            "Effect": "Allow",
            "Principal": principal if principal == "*" else {kind: principal},
            "Action": given["Action"],
            "Resource": entry.spec.arn,
        }
        condition: dict[str, Any] = {}
        if given.get("SourceAccount"):
            condition["StringEquals"] = {"AWS:SourceAccount": given["SourceAccount"]}
        if given.get("SourceArn"):
            condition["ArnLike"] = {"AWS:SourceArn": given["SourceArn"]}
        if condition:
            statement["Condition"] = condition
        entry.statements[name] = statement
        return {"Statement": msgspec.json.encode(statement).decode()}

    def get_policy(self, given: Input) -> Output:
        """The function's policy."""
        entry = self._find(given)
        if not entry.statements:
            raise FunctionNotFoundError("The resource you requested does not exist.")
        policy = {
            "Version": "2012-10-17",
            "Id": "default",
            "Statement": list(entry.statements.values()),
        }
        return {"Policy": msgspec.json.encode(policy).decode(), "RevisionId": entry.revision}

    def remove_permission(self, given: Input) -> Output:
        """Remove a statement."""
        entry = self._find(given)
        if entry.statements.pop(given["StatementId"], None) is None:
            raise FunctionNotFoundError(
                f"Statement {given['StatementId']} is not found in resource policy."
            )
        return {}

    def get_account_settings(self, _given: Input) -> Output:
        """Limits and use."""
        entries = self._service.registry.all()
        limits = self._service.concurrency
        return {
            "AccountLimit": {
                "TotalCodeSize": 80_530_636_800,
                "CodeSizeUnzipped": 262_144_000,
                "CodeSizeZipped": 52_428_800,
                "ConcurrentExecutions": limits.limit,
                "UnreservedConcurrentExecutions": limits.unreserved,
            },
            "AccountUsage": {
                "TotalCodeSize": sum(entry.code_size for entry in entries),
                "FunctionCount": len(entries),
            },
        }

    def list_tags(self, given: Input) -> Output:
        """A function's tags."""
        return {"Tags": self._service.registry.find(given["Resource"]).tags}

    def tag_resource(self, given: Input) -> Output:
        """Add tags."""
        self._service.registry.find(given["Resource"]).tags.update(given["Tags"])
        return {}

    def untag_resource(self, given: Input) -> Output:
        """Remove tags."""
        tags = self._service.registry.find(given["Resource"]).tags
        for key in given["TagKeys"]:
            tags.pop(key, None)
        return {}

    def _reference(self, given: Input) -> str:
        reference, qualifier = given["FunctionName"], given.get("Qualifier")
        return f"{reference}:{qualifier}" if qualifier else str(reference)

    def _find(self, given: Input) -> Any:
        return self._service.registry.find(self._reference(given))

    def _check_revision(self, revision: str, given: Input) -> None:
        if given.get("RevisionId") not in {None, revision}:
            raise PreconditionFailedError(
                "The Revision Id provided does not match the latest Revision Id. Call the "
                "GetFunction/GetAlias API to retrieve the latest Revision Id"
            )

    def _changes(self, given: Input, spec: FunctionSpec) -> dict[str, Any]:
        """The fields of a specification that a request sets."""
        changes: dict[str, Any] = {
            field: given[name]
            for name, field in _PLAIN_FIELDS.items()
            if given.get(name) is not None
        }
        if given.get("Environment") is not None:
            changes["environment"] = _environment(given["Environment"].get("Variables") or {})
        if given.get("DeadLetterConfig") is not None:
            changes["dead_letter_arn"] = given["DeadLetterConfig"].get("TargetArn") or None
        if given.get("TracingConfig"):
            changes["tracing"] = given["TracingConfig"].get("Mode", spec.tracing)
        if given.get("Architectures"):
            changes["architectures"] = tuple(given["Architectures"])
        if given.get("Layers") is not None:
            changes["layers"] = tuple(self._layer(arn) for arn in given["Layers"])
        if changes.get("timeout", 0) > _LONGEST_TIMEOUT:
            raise InvalidParameterError(f"Timeout is at most {_LONGEST_TIMEOUT} seconds")
        if changes.get("memory_mb", 0) > _LARGEST_MEMORY:
            raise InvalidParameterError(f"MemorySize is at most {_LARGEST_MEMORY} MB")
        for name, field in (
            ("LogFormat", "log_format"),
            ("LogGroup", "log_group"),
            ("ApplicationLogLevel", "application_log_level"),
            ("SystemLogLevel", "system_log_level"),
        ):
            if (given.get("LoggingConfig") or {}).get(name) is not None:
                changes[field] = given["LoggingConfig"][name]
        return changes

    def _layer(self, arn: str) -> Path:
        folder = self._layers.get(arn)
        if folder is None:
            raise InvalidParameterError(f"Layer version {arn} does not exist.")
        return folder


def _environment(variables: Mapping[str, str]) -> dict[str, str]:
    """Variables that a function may have.

    Raises:
        InvalidParameterError: Lambda sets one itself, or all together are too large.
    """
    if reserved := sorted(_RESERVED & set(variables)):
        raise InvalidParameterError(
            "Lambda was unable to configure your environment variables because the environment "
            "variables you have provided contains reserved keys that are currently not supported "
            f"for modification. Reserved keys used in this request: {', '.join(reserved)}"
        )
    size = sum(len(f"{name}{value}".encode()) for name, value in variables.items())
    if size > _LARGEST_ENVIRONMENT:
        raise InvalidParameterError(
            "Lambda was unable to configure your environment variables because the environment "
            f"variables you have provided exceeded the {_LARGEST_ENVIRONMENT // 1024}KB limit."
        )
    return dict(variables)


class PreconditionFailedError(ConflictError):
    """The function changed since the revision that the caller knows."""

    code = "PreconditionFailedException"
    status = 412
