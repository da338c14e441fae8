"""The Lambda API's operations on asynchronous configurations and event source mappings."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from redress_local.lambda_service import views
from redress_local.lambda_service.errors import FunctionNotFoundError, InvalidParameterError
from redress_local.lambda_service.event_config import EventInvokeConfig
from redress_local.lambda_service.mappings import REPORT_BATCH_ITEM_FAILURES, EventSourceMapping
from redress_local.lambda_service.names import function_arn, parse_name
from redress_local.lambda_service.paging import page
from redress_local.lambda_service.service import LambdaService

Input = dict[str, Any]
Output = Mapping[str, Any]

_STREAM_FIELDS = (
    "AmazonManagedKafkaEventSourceConfig",
    "BisectBatchOnFunctionError",
    "DestinationConfig",
    "DocumentDBEventSourceConfig",
    "MaximumRecordAgeInSeconds",
    "MaximumRetryAttempts",
    "ParallelizationFactor",
    "ProvisionedPollerConfig",
    "Queues",
    "SelfManagedEventSource",
    "SelfManagedKafkaEventSourceConfig",
    "SourceAccessConfigurations",
    "StartingPosition",
    "StartingPositionTimestamp",
    "Topics",
    "TumblingWindowInSeconds",
)


class EventOperations:
    """Operations by their AWS names.

    Args:
        service: What they work on.
    """

    def __init__(self, service: LambdaService) -> None:
        self._service = service

    def operations(self) -> dict[str, Callable[[Input], Output]]:
        """The operations."""
        return {
            "PutFunctionEventInvokeConfig": self.put_config,
            "UpdateFunctionEventInvokeConfig": self.update_config,
            "GetFunctionEventInvokeConfig": self.get_config,
            "DeleteFunctionEventInvokeConfig": self.delete_config,
            "ListFunctionEventInvokeConfigs": self.list_configs,
            "CreateEventSourceMapping": self.create_mapping,
            "GetEventSourceMapping": self.get_mapping,
            "ListEventSourceMappings": self.list_mappings,
            "UpdateEventSourceMapping": self.update_mapping,
            "DeleteEventSourceMapping": self.delete_mapping,
        }

    def put_config(self, given: Input) -> Output:
        """Replace what happens to asynchronous events."""
        return self._configure(given, EventInvokeConfig())

    def update_config(self, given: Input) -> Output:
        """Change some of what happens to asynchronous events."""
        return self._configure(given, self._existing(given))

    def get_config(self, given: Input) -> Output:
        """What was configured; 404 when nothing was."""
        existing = self._existing(given)
        return views.event_config(self._find(given), existing)

    def delete_config(self, given: Input) -> Output:
        """Go back to AWS's defaults."""
        self._existing(given)
        self._service.put_event_invoke_config(_reference(given), None)
        return {}

    def list_configs(self, given: Input) -> Output:
        """The configurations of a function: one or none."""
        entry = self._find(given)
        found = [entry.event_config] if entry.event_config else []
        return {"FunctionEventInvokeConfigs": [views.event_config(entry, each) for each in found]}

    def _find(self, given: Input) -> Any:
        return self._service.registry.find(_reference(given))

    def _existing(self, given: Input) -> EventInvokeConfig:
        entry = self._find(given)
        if entry.event_config is None:
            raise FunctionNotFoundError(
                f"The function {entry.spec.arn}:$LATEST doesn't have an EventInvokeConfig"
            )
        config: EventInvokeConfig = entry.event_config
        return config

    def _configure(self, given: Input, old: EventInvokeConfig) -> Output:
        changes: dict[str, Any] = {"modified": time.time()}
        if given.get("MaximumRetryAttempts") is not None:
            changes["maximum_retry_attempts"] = given["MaximumRetryAttempts"]
        if given.get("MaximumEventAgeInSeconds") is not None:
            changes["maximum_event_age"] = given["MaximumEventAgeInSeconds"]
        targets = given.get("DestinationConfig") or {}
        for name, field in (("OnSuccess", "on_success"), ("OnFailure", "on_failure")):
            if targets.get(name) is not None:
                changes[field] = targets[name].get("Destination") or None
        config = msgspec.structs.replace(old, **changes)
        self._service.put_event_invoke_config(_reference(given), config)
        return views.event_config(self._find(given), config)

    def create_mapping(self, given: Input) -> Output:
        """Feed a function from a queue."""
        if not given.get("EventSourceArn"):
            raise InvalidParameterError(
                "EventSourceArn is needed: the local cloud polls SQS queues"
            )
        mapping = EventSourceMapping(
            source_arn=given["EventSourceArn"],
            **{"function": given["FunctionName"], **_mapping_changes(given)},
        )
        return self._view(self._service.create_event_source_mapping(mapping), "Creating")

    def get_mapping(self, given: Input) -> Output:
        """One mapping."""
        return self._view(self._service.event_source_mapping(given["UUID"]))

    def list_mappings(self, given: Input) -> Output:
        """Mappings, of a queue or a function if the caller says so, a page at a time."""
        found = self._service.event_source_mappings()
        if given.get("EventSourceArn"):
            found = [each for each in found if each.source_arn == given["EventSourceArn"]]
        if given.get("FunctionName"):
            name, _ = parse_name(given["FunctionName"])
            found = [each for each in found if each.function == name]
        shown, marker = page(found, given)
        return {"EventSourceMappings": [self._view(each) for each in shown], **marker}

    def update_mapping(self, given: Input) -> Output:
        """Change a mapping."""
        old = self._service.event_source_mapping(given["UUID"])
        mapping = self._service.update_event_source_mapping(old.uuid, **_mapping_changes(given))
        if mapping.enabled == old.enabled:
            return self._view(mapping, "Updating" if mapping.enabled else "")
        return self._view(mapping, "Enabling" if mapping.enabled else "Disabling")

    def delete_mapping(self, given: Input) -> Output:
        """Remove a mapping."""
        return self._view(self._service.delete_event_source_mapping(given["UUID"]), "Deleting")

    def _view(self, mapping: EventSourceMapping, state: str = "") -> Output:
        account, region = self._service.account, self._service.region
        return views.mapping(
            mapping,
            function_arn(mapping.function, account, region),
            f"arn:aws:lambda:{region}:{account}:event-source-mapping:{mapping.uuid}",
            self._service.last_processing_result(mapping.uuid),
            state,
        )


def _reference(given: Input) -> str:
    qualifier = given.get("Qualifier")
    return f"{given['FunctionName']}:{qualifier}" if qualifier else str(given["FunctionName"])


def _mapping_changes(given: Input) -> dict[str, Any]:
    """The fields of a mapping that a request sets."""
    for field in _STREAM_FIELDS:
        if given.get(field):
            raise InvalidParameterError(
                f"Unsupported {field} parameter for given event source type."
            )
    changes: dict[str, Any] = {}
    for name, field in (
        ("FunctionName", "function"),
        ("BatchSize", "batch_size"),
        ("MaximumBatchingWindowInSeconds", "batching_window"),
        ("Enabled", "enabled"),
    ):
        if given.get(name) is not None:
            changes[field] = given[name]
    if given.get("FunctionResponseTypes") is not None:
        changes["report_item_failures"] = (
            REPORT_BATCH_ITEM_FAILURES in given["FunctionResponseTypes"]
        )
    if given.get("FilterCriteria") is not None:
        filters = given["FilterCriteria"].get("Filters") or []
        changes["filters"] = tuple(each.get("Pattern", "") for each in filters)
    if given.get("ScalingConfig") is not None:
        changes["maximum_concurrency"] = given["ScalingConfig"].get("MaximumConcurrency")
    return changes
