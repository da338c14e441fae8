"""Archives and replays."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from redress_local.events.api.errors import Operation, invalid
from redress_local.events.api.listing import page
from redress_local.events.api.put_events import read_pattern
from redress_local.events.bus import EventBus
from redress_local.events.models import Archive, Replay, archive_arn, bus_arn, bus_name


class ArchiveOperations:
    """Operations on archives and replays."""

    def __init__(self, bus: EventBus) -> None:
        self._bus = bus
        self._archives = bus.archiving
        self._replays = bus.replays

    def operations(self) -> dict[str, Operation]:
        """By AWS's names."""
        return {
            "CreateArchive": self.create,
            "UpdateArchive": self.update,
            "DescribeArchive": self.describe,
            "ListArchives": self.list,
            "DeleteArchive": self.delete,
            "StartReplay": self.start_replay,
            "CancelReplay": self.cancel_replay,
            "DescribeReplay": self.describe_replay,
            "ListReplays": self.list_replays,
        }

    def create(self, request: dict[str, Any]) -> Mapping[str, Any]:
        """CreateArchive."""
        text = request.get("EventPattern") or None
        archive = self._archives.create(
            request["ArchiveName"],
            self._bus.rules.bus(bus_name(request["EventSourceArn"])).name,
            pattern=None if text is None else read_pattern(text),
            pattern_text=text,
            retention_days=request.get("RetentionDays") or 0,
            description=request.get("Description"),
        )
        return _made(archive)

    def update(self, request: dict[str, Any]) -> Mapping[str, Any]:
        """UpdateArchive: what is left out stays."""
        changes: dict[str, Any] = {}
        if "EventPattern" in request:
            text = request["EventPattern"] or None
            changes["pattern_text"] = text
            changes["pattern"] = None if text is None else read_pattern(text)
        if "RetentionDays" in request:
            changes["retention_days"] = request["RetentionDays"]
        if "Description" in request:
            changes["description"] = request["Description"]
        return _made(self._archives.update(request["ArchiveName"], **changes))

    def describe(self, request: dict[str, Any]) -> Mapping[str, Any]:
        """DescribeArchive."""
        archive = self._archives.archive(request["ArchiveName"])
        found = {
            "ArchiveArn": archive.arn,
            **self._summary(archive),
            "Description": archive.description,
            "EventPattern": archive.pattern_text,
        }
        return {key: value for key, value in found.items() if value is not None}

    def list(self, request: dict[str, Any]) -> Mapping[str, Any]:
        """ListArchives, by at most one of NamePrefix, EventSourceArn and State."""
        _one_filter(request, "ListArchives")
        archives = [
            archive
            for archive in self._archives.all()
            if request.get("EventSourceArn") in {None, bus_arn(archive.bus)}
            and request.get("State") in {None, "ENABLED"}
        ]
        found, more = page(request, archives, lambda archive: archive.name)
        return {"Archives": [self._summary(archive) for archive in found], **more}

    def delete(self, request: dict[str, Any]) -> None:
        """DeleteArchive."""
        self._archives.delete(request["ArchiveName"])

    def _summary(self, archive: Archive) -> dict[str, Any]:
        self._archives.prune(archive)
        events, size, *_ = self._bus.store.archive_sizes().get(archive.name, (0, 0))
        return {
            "ArchiveName": archive.name,
            "EventSourceArn": bus_arn(archive.bus),
            "State": "ENABLED",
            "RetentionDays": archive.retention_days,
            "SizeBytes": size,
            "EventCount": events,
            "CreationTime": archive.at,
        }

    # Replays

    def start_replay(self, request: dict[str, Any]) -> Mapping[str, Any]:
        """StartReplay."""
        name = bus_name(request["EventSourceArn"])
        if name not in {archive.name for archive in self._archives.all()}:
            raise invalid(
                "Parameter EventSourceArn is not valid. "
                f"Reason: Archive {name:.200} does not exist."
            )
        archive = self._archives.archive(name)
        destination = request["Destination"]
        if ":event-bus/" not in destination["Arn"]:
            raise invalid(
                "Parameter Destination.Arn is not valid. Reason: Must contain an event bus ARN."
            )
        if destination["Arn"] != bus_arn(archive.bus):
            raise invalid(
                "Parameter Destination.Arn is not valid. "
                "Reason: Cross event bus replay is not permitted."
            )
        filters = destination.get("FilterArns") or []
        known = {rule.arn for rule in self._bus.rules.of_bus(archive.bus)}
        for arn in filters:
            if arn not in known:
                raise invalid(
                    "Parameter Destination.FilterArns is not valid. "
                    f"Reason: {arn:.200} is no rule of the event bus."
                )
        start, end = request["EventStartTime"], request["EventEndTime"]
        if start >= end:
            raise invalid(
                "Parameter EventEndTime is not valid. "
                "Reason: EventStartTime must be before EventEndTime."
            )
        replay = self._replays.start(
            request["ReplayName"],
            archive.name,
            start=start.timestamp(),
            end=end.timestamp(),
            rules=filters,
            description=request.get("Description"),
        )
        return {"ReplayArn": replay.arn, "State": replay.state, "ReplayStartTime": replay.at}

    def cancel_replay(self, request: dict[str, Any]) -> Mapping[str, Any]:
        """CancelReplay."""
        replay = self._replays.cancel(request["ReplayName"])
        return {"ReplayArn": replay.arn, "State": replay.state}

    def describe_replay(self, request: dict[str, Any]) -> Mapping[str, Any]:
        """DescribeReplay."""
        replay = self._replays.get(request["ReplayName"])
        destination: dict[str, Any] = {"Arn": bus_arn(replay.bus)}
        if replay.rules:
            destination["FilterArns"] = list(replay.rules)
        found = {
            **_replay_summary(replay),
            "ReplayArn": replay.arn,
            "Description": replay.description,
            "Destination": destination,
        }
        return {key: value for key, value in found.items() if value is not None}

    def list_replays(self, request: dict[str, Any]) -> Mapping[str, Any]:
        """ListReplays, by at most one of NamePrefix, EventSourceArn and State."""
        _one_filter(request, "ListReplays")
        replays = [
            replay
            for replay in self._replays.all()
            if request.get("EventSourceArn") in {None, archive_arn(replay.archive)}
            and request.get("State") in {None, replay.state}
        ]
        found, more = page(request, replays, lambda replay: replay.name)
        return {"Replays": [_replay_summary(replay) for replay in found], **more}


def _made(archive: Archive) -> dict[str, Any]:
    return {"ArchiveArn": archive.arn, "State": "ENABLED", "CreationTime": archive.at}


def _replay_summary(replay: Replay) -> dict[str, Any]:
    found = {
        "ReplayName": replay.name,
        "EventSourceArn": archive_arn(replay.archive),
        "State": replay.state,
        "StateReason": replay.reason,
        "EventStartTime": replay.start,
        "EventEndTime": replay.end,
        "EventLastReplayedTime": replay.last,
        "ReplayStartTime": replay.at,
        "ReplayEndTime": replay.ended_at,
    }
    return {key: value for key, value in found.items() if value is not None}


def _one_filter(request: dict[str, Any], operation: str) -> None:
    filters = [key for key in ("State", "EventSourceArn", "NamePrefix") if key in request]
    if len(filters) > 1:
        raise invalid(
            f"At most one filter is allowed for {operation}. "
            "Use either : State, EventSourceArn, or NamePrefix."
        )
