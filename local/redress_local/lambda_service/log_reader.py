"""Reads what functions logged, from CloudWatch Logs: which function is meant, and its streams."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

_POLL_SECONDS = 1.0
_nap = time.sleep
_STREAMS_AT_ONCE = 100
# A line is put a little after it was written: a poll looks back that far for late ones.
_LATE_MS = 5_000


class FunctionChoiceError(Exception):
    """No function is meant, or several are.

    Attributes:
        hint: What to do next.
    """

    def __init__(self, message: str, hint: str) -> None:
        self.hint = hint
        super().__init__(message)


def find_function(client: Any, wanted: str) -> dict[str, str]:
    """The name and log group of the function that somebody means.

    Args:
        client: A boto3 Lambda client.
        wanted: A name, a logical id with or without `Function`, or verb_noun.

    Raises:
        FunctionChoiceError: There is none, or several.
    """
    functions = [
        {
            "name": each["FunctionName"],
            "group": (each.get("LoggingConfig") or {}).get("LogGroup")
            or f"/aws/lambda/{each['FunctionName']}",
        }
        for page in client.get_paginator("list_functions").paginate()
        for each in page["Functions"]
    ]
    exact = [each for each in functions if each["name"] == wanted]
    matching = exact or [each for each in functions if _fold(wanted) in _names(each["name"])]
    if len(matching) == 1:
        return matching[0]
    names = sorted(each["name"] for each in matching or functions)
    shown = ", ".join(names[:30]) + (", ..." if len(names) > 30 else "")
    if matching:
        raise FunctionChoiceError(
            f"{wanted} may be any of several functions", f"name one of {shown}"
        )
    hint = f"name one of {shown}" if names else "the emulated cloud has no functions"
    raise FunctionChoiceError(f"there is no function {wanted}", hint)


def _names(name: str) -> set[str]:
    """What a function may be called by: its name, or a part of it, as `_fold` has it.

    CloudFormation puts the stack's name before a logical id, and a hash behind it.
    """
    return {_fold(name), *(_fold(part) for part in name.split("-"))}


def _fold(name: str) -> str:
    folded = name.replace("_", "").replace("-", "").lower()
    return folded.removesuffix("function") or folded


class LogSource:
    """The records of one function, by its log streams.

    Args:
        client: A boto3 logs client.
        group: The log group, which functions may share.
        function: The function's name: streams of a shared group hold it.
    """

    def __init__(self, client: Any, group: str, function: str) -> None:
        self._client = client
        self._group = group
        shared = group != f"/aws/lambda/{function}"
        self._name = f"{function if shared else ''}[$LATEST]"
        self._seen: dict[str, int] = {}

    def read(
        self, start: int, *, follow: bool, idle: Callable[[], object] = lambda: None
    ) -> Iterator[dict[str, Any]]:
        """Records, each once and in order.

        Args:
            start: Milliseconds since the epoch.
            follow: Never end, but wait for more.
            idle: Called before each wait.
        """
        while True:
            latest = start
            for record in self._fetch(start):
                key = record.get("eventId") or f"{record['timestamp']}{record['message']}"
                if key not in self._seen:
                    self._seen[key] = record["timestamp"]
                    latest = max(latest, record["timestamp"])
                    yield record
            if not follow:
                return
            idle()
            start = max(start, latest - _LATE_MS)
            self._seen = {key: at for key, at in self._seen.items() if at >= start}
            _nap(_POLL_SECONDS)

    def _fetch(self, start: int) -> list[dict[str, Any]]:
        streams = self._streams(start)
        found: list[dict[str, Any]] = []
        for first in range(0, len(streams), _STREAMS_AT_ONCE):
            pages = self._client.get_paginator("filter_log_events").paginate(
                logGroupName=self._group,
                logStreamNames=streams[first : first + _STREAMS_AT_ONCE],
                startTime=start,
            )
            found.extend(event for page in pages for event in page["events"])
        return sorted(found, key=lambda event: event["timestamp"])

    def _streams(self, start: int) -> Sequence[str]:
        """The function's streams, each begun on its day, that may hold records since `start`."""
        # An environment that began the day before may still write.
        day = datetime.fromtimestamp(start / 1000, UTC).date() - timedelta(days=1)
        last = datetime.now(UTC).date()
        found: list[str] = []
        try:
            while day <= last:
                pages = self._client.get_paginator("describe_log_streams").paginate(
                    logGroupName=self._group,
                    logStreamNamePrefix=f"{day:%Y/%m/%d}/{self._name}",
                )
                found.extend(each["logStreamName"] for page in pages for each in page["logStreams"])
                day += timedelta(days=1)
        except self._client.exceptions.ResourceNotFoundException:
            # Made with the first line: the function has not run yet.
            return []
        return found
