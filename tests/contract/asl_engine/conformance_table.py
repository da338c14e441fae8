"""The conformance table of docs/asl-engine.md: which case is about which feature, and the text."""

from __future__ import annotations

from pathlib import Path

import conformance_cases as cases
from asl_cases import CASES
from asl_moto import UNFAITHFUL
from conformance_cases import CONFORMANCE, REFUSED

DOCUMENT = Path(__file__).parents[3] / "docs" / "asl-engine.md"
BEGIN, END = "<!-- conformance: begin -->", "<!-- conformance: end -->"
UNASKED = frozenset(
    {
        cases.NO_CLOCK,
        cases.REAL_TIME,
        cases.ONLY_LAMBDA,
        cases.OWN_CHILD,
        cases.OWN_NAMES,
        UNFAITHFUL["child"],
        UNFAITHFUL["catch-timeout"],
    }
)
"""Reasons why an oracle is not asked at all, which say nothing about whether it is right."""

FEATURES: dict[str, str] = {
    "Pass: Output, events": "pass pass-output pass-events undefined-in-pass",
    "Assign: old values, scopes, inner and outer": "assign-then-read assign-is-old-in-output loop "
    "parallel-scopes map-reads-outer-variables variables-from-catch",
    "Succeed, Fail: with and without Error and Cause": "succeed-output fail fail-computed "
    "fail-bare",
    "Choice: order, Default, literals, Assign and Output of a rule": "choice-rule choice-default "
    "choice-first-wins choice-literal",
    "Choice: nothing matches, no boolean": "choice-none choice-not-boolean catch-no-choice",
    "Wait: Seconds, Timestamp, in the past": "wait wait-timestamp wait-seconds-literal wait-past",
    "Wait: negative, unreadable": "wait-negative wait-bad-timestamp",
    "Task: Arguments, Output, Assign": "task task-envelope task-assign put-events",
    "Task: its error ends the execution": "task-fails retry-other-error",
    "Retry: backoff, MaxDelaySeconds, defaults, jitter": "retry-backoff retry-defaults "
    "retry-jitter retry-then-success",
    "Retry: exhausted, MaxAttempts 0, several retriers, RetryCount": "retry-exhausted retry-never "
    "retry-two-retriers retry-counts-in-arguments",
    "Catch: order, Output, Assign, after Retry, a catcher that fails": "catch catch-first-wins "
    "catch-output-and-assign catch-after-retries catch-then-fails",
    "States.TaskFailed, States.ALL, States.Runtime": "catch-task-failed runtime-is-not-caught "
    "task-failed-is-not-timeout",
    "States.QueryEvaluationError": "undefined-argument undefined-output expression-throws "
    "undefined-is-not-task-failed evaluation-error-is-retried functions-parse-error",
    "States.Timeout: task, computed, machine": "catch-timeout timeout-task timeout-computed "
    "timeout-machine",
    "States.HeartbeatTimeout": "timeout-heartbeat timeout-takes-heartbeat",
    "States.DataLimitExceeded: 256 KiB": "limit-output limit-result limit-just-fits "
    "catch-all-but-data-limit catch-data-limit-by-name",
    "Parallel: Arguments, Output, events, all at once": "parallel parallel-events "
    "parallel-arguments-output-assign parallel-waits-at-once",
    "Parallel: fails fast, caught, retried": "parallel-fails parallel-caught parallel-retried "
    "parallel-fails-fast retry-parallel-again",
    "Map: Items, ItemSelector, empty, nested, events": "map map-events map-items-selector "
    "map-items-template map-empty map-in-parallel-in-map",
    "Map: MaxConcurrency, no array, an iteration fails": "map-computed-concurrency "
    "map-not-an-array map-iteration-fails",
    "Map: ToleratedFailureCount and Percentage": "map-tolerates map-exceeds-threshold",
    "`.waitForTaskToken`: success, failure, events": "wait-for-token token-failure token-events",
    "`states:startExecution`, `.sync`, `.sync:2`": "child child-sync child-sync2 child-fails "
    "child-not-waited-for",
    "Context object": "context-object",
    "`$partition` `$range` `$hash` `$random` `$uuid` `$parse`": "functions functions-hash "
    "functions-partition-range functions-chance functions-range-of-one",
    "State and variable names: 80 characters, any script": "limit-names state-level-language",
}
"""The cases of each feature, by name."""


_LEGEND = (
    "Agreeing with the documentation / asked. An oracle that is asked less than there are cases "
    "cannot run the others."
)
_LACKING = "Not there, and refused by CreateStateMachine with the reason:"
_WITH_THEM = (
    "with the distributed Map go ItemReader, ItemBatcher, ResultWriter and "
    "States.ItemReaderFailed, with JSONPath its paths and intrinsic functions. `.sync` is there "
    "for child executions only."
)


def render() -> str:
    """The table with its footnotes, as it stands in the document."""
    notes: list[str] = []
    rows = [
        "| feature | cases | this engine | sfnx 3.1.0 | moto 5.2.5 |",
        "|---|---|---|---|---|",
    ]
    for feature, names in FEATURES.items():
        listed = names.split()
        sfnx = _cell("sfnx", listed, notes)
        moto = _cell("moto", listed, notes)
        rows.append(
            f"| {feature} | {len(listed)} | {len(listed)}/{len(listed)} | {sfnx} | {moto} |"
        )
    total = sum(len(names.split()) for names in FEATURES.values())
    rows.append(
        f"| **all** | **{total}** | **{total}/{total}** | {_sum('sfnx')} | {_sum('moto')} |"
    )
    gaps = [
        name for name in REFUSED if name in {"distributed Map", "activity", "JSONPath", "HTTP Task"}
    ]
    lacking = ", ".join(gaps)
    return "\n".join(
        [
            BEGIN,
            "<!-- written by `python tools/conformance.py`; do not edit -->",
            "",
            _LEGEND,
            "",
            *rows,
            "",
            f"{_LACKING} {lacking}; {_WITH_THEM}",
            "",
            "Where an oracle differs, we follow the documentation:",
            "",
            *(f"{number}. {note}" for number, note in enumerate(notes, 1)),
            "",
            END,
        ]
    )


def reason(oracle: str, name: str) -> str:
    """Why an oracle is not asked about a case, or how it differs; empty if it agrees."""
    if name in CONFORMANCE:
        case = CONFORMANCE[name]
        return case.sfnx if oracle == "sfnx" else case.moto
    assert name in CASES
    return "" if oracle == "sfnx" else UNFAITHFUL.get(name, "")


def _count(oracle: str, names: list[str]) -> tuple[int, int]:
    reasons = [reason(oracle, name) for name in names]
    asked = [why for why in reasons if why not in UNASKED]
    return sum(not why for why in asked), len(asked)


def _cell(oracle: str, names: list[str], notes: list[str]) -> str:
    agreeing, asked = _count(oracle, names)
    if not asked:
        return "–"
    marks = []
    for why in dict.fromkeys(reason(oracle, name) for name in names):
        if why and why not in UNASKED:
            note = f"{oracle}: {why}."
            if note not in notes:
                notes.append(note)
            marks.append(str(notes.index(note) + 1))
    return f"{agreeing}/{asked}" + (f" <sup>{' '.join(marks)}</sup>" if marks else "")


def _sum(oracle: str) -> str:
    agreeing, asked = _count(oracle, [n for names in FEATURES.values() for n in names.split()])
    return f"**{agreeing}/{asked}**"


def updated(document: str) -> str:
    """The document with the table as it must be; appended where it is not there yet."""
    if BEGIN not in document:
        return f"{document.rstrip()}\n\n## Conformance\n\n{render()}\n"
    head, _, rest = document.partition(BEGIN)
    return head + render() + rest.partition(END)[2]
