"""The contract of an `EventPublisher`, held in memory, by the local bus and by EventBridge."""

from typing import Any

import pytest
from redress.errors import DependencyUnavailableError


def test_every_event_is_seen_as_it_was_published(publishing: Any) -> None:
    events = [
        ("CaseFailed", {"case_id": "Zoë 你好 🎁", "n": 1, "none": None, "list": [1, {"a": []}]}),
        ("CaseResolved", {"case_id": "d"}),
        ("CaseFailed", {"text": "x" * 100_000}),
    ]
    for kind, detail in events:
        publishing.publisher.publish(kind, detail)
    seen = publishing.seen(len(events))
    assert sorted(seen, key=repr) == sorted(events, key=repr)


def test_the_same_event_twice_is_two_events(publishing: Any) -> None:
    for _ in range(2):
        publishing.publisher.publish("CaseResolved", {"case_id": "d"})
    assert publishing.seen(2) == [("CaseResolved", {"case_id": "d"})] * 2


def test_a_later_change_of_the_detail_is_not_seen(publishing: Any) -> None:
    detail = {"case_id": "c", "parts": [1]}
    publishing.publisher.publish("CaseResolved", detail)
    detail["parts"].append(2)  # type: ignore[attr-defined]
    assert publishing.seen(1) == [("CaseResolved", {"case_id": "c", "parts": [1]})]


def test_a_bus_that_does_not_exist(publishing: Any) -> None:
    if publishing.lost is None:
        # Memory has no buses: it takes everything, as its class says.
        publishing.publisher.publish("CaseResolved", {})
        assert publishing.seen(1) == [("CaseResolved", {})]
        return
    with pytest.raises(DependencyUnavailableError):
        publishing.lost.publish("CaseResolved", {"case_id": "c"})
    assert publishing.seen(0) == []
