"""Lambda: functions, layers, permissions, asynchronous settings and event source mappings."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from redress_local.emulated.resources.coercion import text
from redress_local.emulated.resources.errors import ResourceError, UnsupportedResourceError
from redress_local.emulated.resources.making import Making, Table, kind
from redress_local.emulated.resources.names import access_key_id
from redress_local.emulated.resources.sam import LocalPath
from redress_local.emulated.resources.stack import Created
from redress_local.lambda_service.errors import LambdaServiceError
from redress_local.lambda_service.opt import LayerError
from redress_local.lambda_service.types import DEFAULT_MEMORY_MB, DEFAULT_TIMEOUT, FunctionSpec

# SAM appends one to the logical id of a layer, of what it is made from.
_HASH = re.compile(r"[0-9a-f]{10}$")


def _function(it: Making) -> Created:
    if it.get("PackageType", "Zip") != "Zip":
        raise UnsupportedResourceError(f"{it.resource}: the local cloud runs no images")
    name = it.name("FunctionName", limit=64)
    arn = it.arn("lambda", f"function:{name}")
    logging = it.get("LoggingConfig", {})
    concurrency = it.get("ReservedConcurrentExecutions")
    try:
        spec = FunctionSpec(
            name=name,
            arn=arn,
            code=_code(it, name),
            handler=it.required("Handler"),
            runtime=_runtime(it),
            environment={
                key: it.services.local_url(text(value))
                for key, value in it.get("Environment", {}).get("Variables", {}).items()
            },
            timeout=int(it.get("Timeout", DEFAULT_TIMEOUT)),
            memory_mb=int(it.get("MemorySize", DEFAULT_MEMORY_MB)),
            layers=tuple(_layer_folder(it, layer) for layer in it.get("Layers", [])),
            log_group=logging.get("LogGroup", f"/aws/lambda/{name}"),
            reserved_concurrency=None if concurrency is None else int(concurrency),
            access_key_id=access_key_id(name),
            description=it.get("Description", ""),
            log_format=logging.get("LogFormat", "Text"),
            application_log_level=logging.get("ApplicationLogLevel"),
            system_log_level=logging.get("SystemLogLevel"),
            role=it.required("Role"),
            architectures=tuple(it.get("Architectures", ["x86_64"])),
            dead_letter_arn=it.get("DeadLetterConfig", {}).get("TargetArn"),
            tracing=it.get("TracingConfig", {}).get("Mode", "PassThrough"),
            logical_id=it.logical_id,
        )
        it.services.functions.create_function(spec)
    except (LambdaServiceError, ValueError) as error:
        raise ResourceError(f"{it.resource}: {error}") from None
    return Created(ref=name, attributes={"Arn": arn})


def _runtime(it: Making) -> str:
    runtime = str(it.required("Runtime"))
    if not runtime.startswith("python3."):
        raise UnsupportedResourceError(
            f"{it.resource}: the local cloud runs Python functions, not {runtime}"
        )
    return runtime


def _code(it: Making, name: str) -> Path:
    code = it.required("Code")
    if isinstance(code, dict) and "ZipFile" in code:
        folder = it.services.folder / "code" / name
        folder.mkdir(parents=True)
        (folder / "index.py").write_text(code["ZipFile"], encoding="utf-8")
        return folder
    return _local_folder(it, code)


def _local_folder(it: Making, location: Any) -> Path:
    # A plain path in a resource that is not SAM's is what `sam package` takes as well.
    if not isinstance(location, (LocalPath, str)):
        raise ResourceError(f"{it.resource}: its code is not a local folder: {location!r:.100}")
    folder = it.stack.template.parent / location
    if not folder.is_dir():
        raise ResourceError(f"{it.resource}: there is no folder {folder}")
    return folder.resolve()


def _layer_folder(it: Making, arn: str) -> Path:
    try:
        return it.services.layers[arn]
    except KeyError:
        raise UnsupportedResourceError(
            f"{it.resource}: the layer {arn} is not of this template, and cannot be had here"
        ) from None


def _layer(it: Making) -> Created:
    name = it.name("LayerName", limit=140)
    source = _local_folder(it, it.required("Content"))
    arn = it.arn("lambda", f"layer:{name}")
    try:
        folder = it.services.layer(_HASH.sub("", it.logical_id), source)
    except LayerError as error:
        raise ResourceError(f"{it.resource}: {error}") from None
    it.services.layers[f"{arn}:1"] = folder
    return Created(ref=f"{arn}:1", attributes={"LayerVersionArn": f"{arn}:1", "LayerArn": arn})


def _permission(it: Making) -> Created:
    statement = it.made_up_name(limit=100)
    it.call(
        "lambda",
        "add_permission",
        StatementId=statement,
        **it.take(
            "Action",
            "EventSourceToken",
            "FunctionName",
            "FunctionUrlAuthType",
            "Principal",
            "PrincipalOrgID",
            "SourceAccount",
            "SourceArn",
        ),
    )
    return Created(ref=statement, attributes={"Id": statement})


def _event_invoke_config(it: Making) -> Created:
    it.call(
        "lambda",
        "put_function_event_invoke_config",
        **it.take(
            "DestinationConfig", "FunctionName", "MaximumEventAgeInSeconds", "MaximumRetryAttempts"
        ),
    )
    return Created(ref=it.made_up_name())


_MAPPING = (
    "BatchSize BisectBatchOnFunctionError DestinationConfig Enabled EventSourceArn FilterCriteria "
    "FunctionName FunctionResponseTypes MaximumBatchingWindowInSeconds MaximumRecordAgeInSeconds "
    "MaximumRetryAttempts ParallelizationFactor ScalingConfig StartingPosition"
)


def _mapping(it: Making) -> Created:
    answer = it.call("lambda", "create_event_source_mapping", **it.take(*_MAPPING.split()))
    return Created(
        ref=answer["UUID"],
        attributes={
            "Id": answer["UUID"],
            "EventSourceMappingArn": it.arn("lambda", f"event-source-mapping:{answer['UUID']}"),
        },
    )


def _unqualified(it: Making) -> str:
    name = str(it.required("FunctionName"))
    return name if name.startswith("arn:") else it.arn("lambda", f"function:{name}")


def _version(it: Making) -> Created:
    # One run has one state of the code: every version and alias is the function itself.
    arn = _unqualified(it)
    return Created(ref=arn, attributes={"FunctionArn": arn, "Version": "$LATEST"})


def _alias(it: Making) -> Created:
    arn = _unqualified(it)
    return Created(ref=arn, attributes={"AliasArn": arn})


KINDS: Table = {
    "AWS::Lambda::Function": kind(
        _function,
        """FunctionName PackageType Code Handler Runtime Environment Timeout MemorySize Layers
        LoggingConfig ReservedConcurrentExecutions Description Role Architectures DeadLetterConfig
        TracingConfig""",
        # Where and how AWS keeps and starts a function; and tags, which nothing reads here.
        """CodeSigningConfigArn EphemeralStorage KmsKeyArn RecursiveLoop RuntimeManagementConfig
        SnapStart Tags VpcConfig""",
    ),
    "AWS::Lambda::LayerVersion": kind(
        _layer,
        "LayerName Content",
        "CompatibleArchitectures CompatibleRuntimes Description LicenseInfo",
    ),
    "AWS::Lambda::Permission": kind(
        _permission,
        """Action EventSourceToken FunctionName FunctionUrlAuthType Principal PrincipalOrgID
        SourceAccount SourceArn""",
        "InvokedViaFunctionUrl",
    ),
    "AWS::Lambda::EventInvokeConfig": kind(
        _event_invoke_config,
        "DestinationConfig FunctionName MaximumEventAgeInSeconds MaximumRetryAttempts",
        # There is one version only.
        "Qualifier",
    ),
    "AWS::Lambda::EventSourceMapping": kind(_mapping, _MAPPING, "KmsKeyArn MetricsConfig Tags"),
    "AWS::Lambda::Version": kind(
        _version,
        "FunctionName",
        "CodeSha256 Description ProvisionedConcurrencyConfig RuntimePolicy",
    ),
    "AWS::Lambda::Alias": kind(
        _alias, "FunctionName", "Description FunctionVersion Name ProvisionedConcurrencyConfig"
    ),
}
