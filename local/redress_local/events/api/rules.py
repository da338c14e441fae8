"""Rules and their targets."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from redress_local.events.api.buses import Buses
from redress_local.events.api.errors import Operation, invalid
from redress_local.events.api.listing import page
from redress_local.events.api.put_events import read_pattern
from redress_local.events.bus import EventBus
from redress_local.events.errors import InvalidRequestError
from redress_local.events.models import MAX_AGE, MAX_ATTEMPTS, Rule, Target, bus_name
from redress_local.template_values import ACCOUNT

_ARN_PARTS = 6
_MAX_ENTRIES = 10


class RuleOperations:
    """Operations on rules and targets."""

    def __init__(self, bus: EventBus, buses: Buses) -> None:
        self._rules = bus.rules
        self._buses = buses

    def operations(self) -> dict[str, Operation]:
        """By AWS's names."""
        return {
            "PutRule": self.put,
            "DeleteRule": self.delete,
            "DescribeRule": self.describe,
            "ListRules": self.list,
            "EnableRule": self.enable,
            "DisableRule": self.disable,
            "PutTargets": self.put_targets,
            "RemoveTargets": self.remove_targets,
            "ListTargetsByRule": self.list_targets,
            "ListRuleNamesByTarget": self.list_names,
        }

    def put(self, request: dict[str, Any]) -> Mapping[str, Any]:
        """PutRule; tags count for a new rule only."""
        bus = bus_name(request.get("EventBusName"))
        known = {rule.name for rule in self._rules.of_bus(bus)}
        text = request.get("EventPattern") or None
        rule = self._rules.put_rule(
            request["Name"],
            bus=bus,
            pattern=None if text is None else read_pattern(text),
            pattern_text=text,
            schedule=request.get("ScheduleExpression") or None,
            enabled=request.get("State", "ENABLED") != "DISABLED",
            description=request.get("Description"),
            role_arn=request.get("RoleArn"),
        )
        if rule.name not in known:
            self._buses.add_tags(rule.arn, request.get("Tags"))
        return {"RuleArn": rule.arn}

    def delete(self, request: dict[str, Any]) -> None:
        """DeleteRule; Force is about managed rules, which there are none of."""
        bus = bus_name(request.get("EventBusName"))
        arns = {rule.name: rule.arn for rule in self._rules.of_bus(bus)}
        self._rules.delete_rule(request["Name"], bus)
        self._buses.tags.pop(arns.get(request["Name"], ""), None)

    def describe(self, request: dict[str, Any]) -> Mapping[str, Any]:
        """DescribeRule."""
        return {**_described(self._rule(request, "Name")), "CreatedBy": ACCOUNT}

    def list(self, request: dict[str, Any]) -> Mapping[str, Any]:
        """ListRules."""
        rules = self._rules.of_bus(bus_name(request.get("EventBusName")))
        found, more = page(request, rules, lambda rule: rule.name)
        return {"Rules": [_described(rule) for rule in found], **more}

    def enable(self, request: dict[str, Any]) -> None:
        """EnableRule."""
        self._rules.set_enabled(
            request["Name"], bus_name(request.get("EventBusName")), enabled=True
        )

    def disable(self, request: dict[str, Any]) -> None:
        """DisableRule."""
        self._rules.set_enabled(
            request["Name"], bus_name(request.get("EventBusName")), enabled=False
        )

    def put_targets(self, request: dict[str, Any]) -> Mapping[str, Any]:
        """PutTargets: all of them or none."""
        if len(request["Targets"]) > _MAX_ENTRIES:
            raise invalid(f"PutTargets takes at most {_MAX_ENTRIES} targets.")
        targets = [_target(entry) for entry in request["Targets"]]
        self._rules.put_targets(request["Rule"], targets, bus_name(request.get("EventBusName")))
        return {"FailedEntryCount": 0, "FailedEntries": []}

    def remove_targets(self, request: dict[str, Any]) -> Mapping[str, Any]:
        """RemoveTargets; ids that the rule does not have are told, as AWS does."""
        bus = bus_name(request.get("EventBusName"))
        unknown = self._rules.remove_targets(request["Rule"], request["Ids"], bus)
        failed = [
            {
                "TargetId": one,
                "ErrorCode": "ResourceNotFoundException",
                "ErrorMessage": f"Rule {request['Rule']} does not have target {one}.",
            }
            for one in unknown
        ]
        return {"FailedEntryCount": len(failed), "FailedEntries": failed}

    def list_targets(self, request: dict[str, Any]) -> Mapping[str, Any]:
        """ListTargetsByRule."""
        targets = self._rule(request, "Rule").targets
        found, more = page(request, targets, lambda target: target.target_id)
        return {"Targets": [_given(target) for target in found], **more}

    def list_names(self, request: dict[str, Any]) -> Mapping[str, Any]:
        """ListRuleNamesByTarget."""
        rules = self._rules.of_bus(bus_name(request.get("EventBusName")))
        wanted = request["TargetArn"]
        names = [rule.name for rule in rules if any(t.arn == wanted for t in rule.targets)]
        found, more = page(request, names, lambda name: name)
        return {"RuleNames": found, **more}

    def _rule(self, request: dict[str, Any], member: str) -> Rule:
        return self._rules.rule(request[member], bus_name(request.get("EventBusName")))


def _described(rule: Rule) -> dict[str, Any]:
    found = {
        "Name": rule.name,
        "Arn": rule.arn,
        "EventPattern": rule.pattern_text,
        "ScheduleExpression": rule.schedule,
        "State": "ENABLED" if rule.enabled else "DISABLED",
        "Description": rule.description,
        "RoleArn": rule.role_arn,
        "EventBusName": rule.bus,
    }
    return {key: value for key, value in found.items() if value is not None}


def _target(entry: dict[str, Any]) -> Target:
    arn = entry["Arn"]
    if not arn.startswith("arn:") or len(arn.split(":", _ARN_PARTS - 1)) < _ARN_PARTS:
        raise InvalidRequestError(
            f"Parameter {arn:.200} is not valid. Reason: Provided Arn is not in correct format."
        )
    retry = entry.get("RetryPolicy") or {}
    keys = ("Input", "InputPath", "InputTransformer")
    return Target(
        target_id=entry["Id"],
        arn=arn,
        settings={key: entry[key] for key in keys if entry.get(key)},
        max_attempts=retry.get("MaximumRetryAttempts", MAX_ATTEMPTS),
        max_age=retry.get("MaximumEventAgeInSeconds", MAX_AGE),
        dead_letter_arn=(entry.get("DeadLetterConfig") or {}).get("Arn"),
        message_group_id=(entry.get("SqsParameters") or {}).get("MessageGroupId"),
        given=entry,
    )


def _given(target: Target) -> dict[str, Any]:
    return target.given or {"Id": target.target_id, "Arn": target.arn, **target.settings}
