"""How the Lambda API shows functions, configurations and mappings."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from redress_local.lambda_service.event_config import EventInvokeConfig
from redress_local.lambda_service.mappings import REPORT_BATCH_ITEM_FAILURES, EventSourceMapping
from redress_local.lambda_service.registry import Entry
from redress_local.lambda_service.types import LATEST


def configuration(entry: Entry) -> dict[str, Any]:
    """AWS's FunctionConfiguration."""
    spec = entry.spec
    modified = datetime.fromtimestamp(entry.modified, UTC)
    logging: dict[str, Any] = {
        "LogFormat": spec.log_format,
        "LogGroup": spec.log_group or f"/aws/lambda/{spec.name}",
    }
    if spec.log_format == "JSON":
        logging["ApplicationLogLevel"] = spec.application_log_level or "INFO"
        logging["SystemLogLevel"] = spec.system_log_level or "INFO"
    view: dict[str, Any] = {
        "FunctionName": spec.name,
        "FunctionArn": spec.arn,
        "Runtime": spec.runtime,
        "Role": spec.role,
        "Handler": spec.handler,
        "CodeSize": entry.code_size,
        "CodeSha256": entry.code_sha256,
        "Description": spec.description,
        "Timeout": spec.timeout,
        "MemorySize": spec.memory_mb,
        "LastModified": modified.strftime("%Y-%m-%dT%H:%M:%S.000+0000"),
        "Version": LATEST,
        "TracingConfig": {"Mode": spec.tracing},
        "RevisionId": entry.revision,
        "State": "Active",
        "LastUpdateStatus": "Successful",
        "PackageType": "Zip",
        "Architectures": list(spec.architectures),
        "EphemeralStorage": {"Size": 512},
        "SnapStart": {"ApplyOn": "None", "OptimizationStatus": "Off"},
        "LoggingConfig": logging,
    }
    if spec.environment:
        view["Environment"] = {"Variables": spec.environment}
    if entry.layer_arns:
        view["Layers"] = [{"Arn": arn, "CodeSize": 0} for arn in entry.layer_arns]
    if spec.dead_letter_arn:
        view["DeadLetterConfig"] = {"TargetArn": spec.dead_letter_arn}
    return view


def event_config(entry: Entry, config: EventInvokeConfig) -> dict[str, Any]:
    """AWS's FunctionEventInvokeConfig."""
    destinations = {
        name: {"Destination": arn} if arn else {}
        for name, arn in (("OnSuccess", config.on_success), ("OnFailure", config.on_failure))
    }
    view: dict[str, Any] = {
        "FunctionArn": f"{entry.spec.arn}:{LATEST}",
        "LastModified": config.modified,
        "DestinationConfig": destinations,
    }
    if config.maximum_retry_attempts is not None:
        view["MaximumRetryAttempts"] = config.maximum_retry_attempts
    if config.maximum_event_age is not None:
        view["MaximumEventAgeInSeconds"] = config.maximum_event_age
    return view


def mapping(
    found: EventSourceMapping, function_arn: str, arn: str, last_result: str, state: str = ""
) -> dict[str, Any]:
    """AWS's EventSourceMappingConfiguration.

    Args:
        found: The mapping.
        function_arn: Of the function that it feeds.
        arn: The mapping's own.
        last_result: What became of its last batch.
        state: A passing state; otherwise Enabled or Disabled.
    """
    view: dict[str, Any] = {
        "UUID": found.uuid,
        "BatchSize": found.batch_size,
        "MaximumBatchingWindowInSeconds": found.batching_window,
        "EventSourceArn": found.source_arn,
        "FunctionArn": function_arn,
        "LastModified": found.modified,
        "LastProcessingResult": last_result,
        "State": state or ("Enabled" if found.enabled else "Disabled"),
        "StateTransitionReason": "USER_INITIATED",
        "FunctionResponseTypes": (
            [REPORT_BATCH_ITEM_FAILURES] if found.report_item_failures else []
        ),
        "EventSourceMappingArn": arn,
    }
    if found.filters:
        view["FilterCriteria"] = {"Filters": [{"Pattern": text} for text in found.filters]}
    if found.maximum_concurrency is not None:
        view["ScalingConfig"] = {"MaximumConcurrency": found.maximum_concurrency}
    return view
