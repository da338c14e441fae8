"""Checks that follow the transitions of a scope: targets, reachability, ends, variables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from asl_engine.validation.report import (
    MISSING_END,
    MISSING_TARGET,
    Report,
    at,
)


@dataclass(frozen=True)
class Edge:
    """A transition: its target, the field that names it, the variables that it assigns."""

    target: Any
    location: str
    assigned: frozenset[str]


def edges_of(state: Mapping[str, Any], location: str) -> Iterator[Edge]:
    """Lists the transitions of a state, whatever is wrong with it otherwise."""
    own = _assigned(state)
    if "Next" in state:
        yield Edge(state["Next"], at(location, "Next"), own)
    if "Default" in state:
        yield Edge(state["Default"], at(location, "Default"), own)
    for field in ("Choices", "Catch"):
        rules = state.get(field)
        for index, rule in enumerate(rules if isinstance(rules, list) else ()):
            if isinstance(rule, Mapping) and "Next" in rule:
                place = at(location, field, index, "Next")
                yield Edge(rule["Next"], place, _assigned(rule))


def is_end(state: Mapping[str, Any]) -> bool:
    """Tells whether the execution of the scope can end in the state."""
    return state.get("End") is True or state.get("Type") in ("Succeed", "Fail")


def assignments_of(state: Mapping[str, Any], location: str) -> Iterator[tuple[str, str]]:
    """Lists the variables that a state may assign, its choice rules and catchers included."""
    for name in _assigned(state):
        yield name, at(location, "Assign", name)
    for field in ("Choices", "Catch"):
        rules = state.get(field)
        for index, rule in enumerate(rules if isinstance(rules, list) else ()):
            for name in _assigned(rule) if isinstance(rule, Mapping) else ():
                yield name, at(location, field, index, "Assign", name)


def _assigned(holder: Mapping[str, Any]) -> frozenset[str]:
    assign = holder.get("Assign")
    keys = assign if isinstance(assign, Mapping) else ()
    return frozenset(key for key in keys if isinstance(key, str))


def check_transitions(start: Any, states: Mapping[Any, Any], location: str, report: Report) -> None:
    """Checks that targets exist, that each state is reached, and that there is a way to an end."""
    graph: dict[str, list[str]] = {}
    for name, state in states.items():
        targets = graph.setdefault(name, []) if isinstance(name, str) else []
        if not isinstance(state, Mapping):
            continue
        for edge in edges_of(state, at(location, "States", name)):
            if not isinstance(edge.target, str) or not edge.target.strip():
                continue  # reported with the field
            if edge.target in states:
                targets.append(edge.target)
            else:
                report.error(
                    MISSING_TARGET,
                    edge.location,
                    f"there is no state {edge.target!r:.100} in this scope",
                )
    if not isinstance(start, str) or not start.strip():
        return
    if start not in states:
        report.error(
            MISSING_TARGET, at(location, "StartAt"), f"there is no state {start!r:.100} to start at"
        )
        return
    reached = _closure([start], lambda name: graph.get(name, []))
    for name in graph:
        if name not in reached:
            report.error(
                MISSING_TARGET, at(location, "States", name), "no transition leads to this state"
            )
    _check_ends(start, states, graph, reached, location, report)


def _check_ends(
    start: str,
    states: Mapping[Any, Any],
    graph: Mapping[str, list[str]],
    reached: set[str],
    location: str,
    report: Report,
) -> None:
    sources: dict[str, list[str]] = {}
    for name, targets in graph.items():
        for target in targets:
            sources.setdefault(target, []).append(name)
    ends = [n for n, s in states.items() if isinstance(s, Mapping) and is_end(s)]
    ending = _closure(ends, lambda name: sources.get(name, []))
    if start not in ending:
        report.error(
            MISSING_END,
            at(location, "States"),
            "no way leads from StartAt to an end: give a state End: true, or add Succeed or Fail",
        )
        return
    for name in graph:
        if name in reached and name not in ending:
            report.warning(
                MISSING_END,
                at(location, "States", name),
                "no way leads from this state to an end: it can only loop or stop with an error",
            )


def _closure(seeds: list[Any], follow: Callable[[str], list[str]]) -> set[Any]:
    seen = set(seeds)
    todo = list(seeds)
    while todo:
        for name in follow(todo.pop()):
            if name not in seen:
                seen.add(name)
                todo.append(name)
    return seen


def variables_on_entry(
    start: Any, states: Mapping[Any, Any], inherited: frozenset[str]
) -> dict[str, frozenset[str]]:
    """Finds which variables may be assigned when each state begins.

    Args:
        start: The scope's StartAt.
        states: Its States.
        inherited: Variables that may be assigned around the scope.

    Returns:
        The variables for each state that can be reached.
    """
    entry: dict[str, frozenset[str]] = {}
    if not isinstance(start, str) or start not in states:
        return entry
    entry[start] = inherited
    todo = [start]
    while todo:
        name = todo.pop()
        state = states[name]
        if not isinstance(state, Mapping):
            continue
        for edge in edges_of(state, ""):
            if not isinstance(edge.target, str) or edge.target not in states:
                continue
            known = entry.get(edge.target)
            merged = (known or frozenset()) | entry[name] | edge.assigned
            if known is None or merged != known:
                entry[edge.target] = merged
                todo.append(edge.target)
    return entry
