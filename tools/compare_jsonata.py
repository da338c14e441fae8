"""Runs the JSONata evaluators for Python on the official test suite: conformance and speed.

The suite is the folder test/test-suite of the jsonata-js repository: `datasets/*.json` and
`groups/<group>/*.json`.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import signal
import statistics
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any, Protocol

UNDEFINED = object()
"""The result of an expression that gives nothing."""
OTHER_ERROR = "refused with"
"""How the finding of an evaluator begins that rightly fails, but with another error code."""


@dataclass(frozen=True)
class Case:
    """One case of the suite."""

    name: str
    group: str
    expression: str
    data: Any
    bindings: dict[str, Any]
    expected: dict[str, Any]
    depth: int | None


class Evaluator(Protocol):
    """One library under test."""

    name: str
    knows_undefined: bool

    def compile(self, text: str) -> Any:
        """Compiles an expression."""

    def evaluate(self, program: Any, case: Case) -> Any:
        """Evaluates what `compile` returned."""

    def code(self, error: BaseException) -> str:
        """Returns the JSONata error code of an error, or the empty string."""


class Jsonatapy:
    """The Rust library."""

    name = "jsonatapy"
    knows_undefined = True

    def compile(self, text: str) -> Any:
        """Compiles."""
        import jsonatapy

        return jsonatapy.compile(text)

    def evaluate(self, program: Any, case: Case) -> Any:
        """Evaluates; through JSON text, the only way that tells undefined from null."""
        source = None if case.data is UNDEFINED else json.dumps(case.data)
        limits = {"timeout": 1000, "max_stack_depth": case.depth}
        text = program.evaluate_json_or_none(source, case.bindings, **limits)
        return UNDEFINED if text is None else json.loads(text)

    def code(self, error: BaseException) -> str:
        """Finds the code in the message."""
        return _first_code(str(error))

    def evaluate_plain(self, program: Any, case: Case) -> Any:
        """Evaluates over Python objects, for the timing."""
        return program.evaluate(None if case.data is UNDEFINED else case.data, case.bindings)


class JsonataPython:
    """The library in Python."""

    name = "jsonata-python"
    knows_undefined = False

    def compile(self, text: str) -> Any:
        """Compiles."""
        import jsonata

        return jsonata.Jsonata(text)

    def evaluate(self, program: Any, case: Case) -> Any:
        """Evaluates in a fresh frame."""
        frame = program.create_frame()
        for name, value in case.bindings.items():
            frame.bind(name, value)
        frame.set_runtime_bounds(1000, case.depth or 500)
        return program.evaluate(None if case.data is UNDEFINED else case.data, frame)

    def code(self, error: BaseException) -> str:
        """Reads the error's own code."""
        return str(getattr(error, "error", "")) or _first_code(str(error))

    evaluate_plain = evaluate


@dataclass
class Result:
    """What one evaluator did on the suite."""

    passed: Counter[str] = field(default_factory=Counter)
    failed: dict[str, list[dict[str, str]]] = field(default_factory=lambda: defaultdict(list))
    compile_us: list[float] = field(default_factory=list)
    evaluate_us: list[float] = field(default_factory=list)


def _first_code(message: str) -> str:
    for word in message.replace(":", " ").split():
        if len(word) == 5 and word[0] in "SDTU" and word[1:].isdigit():
            return word
    return ""


def read_suite(folder: Path) -> Iterator[Case]:
    """Reads the cases in the order of their names."""
    datasets = {p.stem: _read_json(p) for p in (folder / "datasets").glob("*.json")}
    for path in sorted((folder / "groups").glob("*/*.json")):
        document = _read_json(path)
        cases = document if isinstance(document, list) else [document]
        for index, case in enumerate(cases):
            text = case.get("expr")
            if text is None:
                text = (path.parent / case["expr-file"]).read_text(encoding="utf-8")
            data = case.get("data", UNDEFINED)
            if data is UNDEFINED and case.get("dataset"):
                data = datasets[case["dataset"]]
            yield Case(
                name=f"{path.parent.name}/{path.stem}" + (f"[{index}]" if index else ""),
                group=path.parent.name,
                expression=text,
                data=data,
                bindings=case.get("bindings") or {},
                expected=case,
                depth=case.get("depth"),
            )


def _read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def same(left: Any, right: Any) -> bool:
    """Compares JSON values as JavaScript would: 1 and 1.0 are one, true and 1 are not."""
    if isinstance(left, bool) or isinstance(right, bool):
        return left is right
    if isinstance(left, int | float) and isinstance(right, int | float):
        return left == right or math.isclose(left, right, rel_tol=1e-12)
    if isinstance(left, dict) and isinstance(right, dict):
        return left.keys() == right.keys() and all(same(left[k], right[k]) for k in left)
    if isinstance(left, list) and isinstance(right, list):
        return len(left) == len(right) and all(map(same, left, right))
    return type(left) is type(right) and left == right


def judge(evaluator: Evaluator, case: Case, program: Any) -> str:
    """Returns what is wrong with an evaluator's answer, or the empty string."""
    expected = case.expected
    wanted_code = expected.get("code") or expected.get("error", {}).get("code")
    try:
        if isinstance(program, BaseException):
            raise program
        value = evaluator.evaluate(program, case)
    except Exception as error:  # noqa: BLE001 - any failure of a library is a finding
        code = evaluator.code(error)
        if wanted_code:
            bounded = wanted_code == "U1001" and code in ("U1001", "D1011", "D1012")
            other = f"{OTHER_ERROR} {code or error}, not {wanted_code}"
            return "" if code == wanted_code or bounded else other
        if "error" in expected:
            return ""
        return f"{type(error).__name__}: {error}"
    if wanted_code or "error" in expected:
        return f"gave {value!r:.120}, not the error {wanted_code}"
    if expected.get("undefinedResult"):
        is_nothing = value is UNDEFINED or (value is None and not evaluator.knows_undefined)
        return "" if is_nothing else f"gave {value!r:.120}, not undefined"
    if "result" not in expected:
        return ""
    wanted = expected["result"]
    if expected.get("unordered") and isinstance(value, list) and isinstance(wanted, list):
        value, wanted = (sorted(v, key=json.dumps) for v in (value, wanted))
    if same(value, wanted):
        return ""
    shown = "undefined" if value is UNDEFINED else repr(value)
    return f"gave {shown:.120}, not {wanted!r:.120}"


class _CaseTimeoutError(Exception):
    """A case took longer than allowed."""


def _on_alarm(_signal: int, _frame: FrameType | None) -> None:
    raise _CaseTimeoutError("no answer in time")


def run(evaluator: Any, cases: list[Case], seconds: float, repeats: int) -> Result:
    """Runs every case, each within a time limit, and times those that pass."""
    result = Result()
    signal.signal(signal.SIGALRM, _on_alarm)
    for case in cases:
        signal.setitimer(signal.ITIMER_REAL, seconds)
        try:
            try:
                program = evaluator.compile(case.expression)
            except Exception as error:  # noqa: BLE001 - judged like one of the evaluation
                program = error
            reason = judge(evaluator, case, program)
            if not reason and not isinstance(program, BaseException):
                _time(evaluator, case, program, repeats, result)
        except _CaseTimeoutError:
            reason = f"no answer in {seconds} s"
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        if reason:
            finding = {"case": case.name, "expression": case.expression, "reason": reason}
            result.failed[case.group].append(finding)
        else:
            result.passed[case.group] += 1
    return result


def _time(evaluator: Any, case: Case, program: Any, repeats: int, result: Result) -> None:
    if "result" not in case.expected or case.expected.get("timelimit"):
        return
    result.compile_us.append(_median_us(lambda: evaluator.compile(case.expression), repeats))
    result.evaluate_us.append(_median_us(lambda: evaluator.evaluate_plain(program, case), repeats))


def _median_us(action: Callable[[], Any], repeats: int) -> float:
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        action()
        times.append((time.perf_counter() - start) * 1e6)
    return statistics.median(times)


def summary(result: Result) -> dict[str, Any]:
    """Returns the numbers of one evaluator."""
    failed = sum(map(len, result.failed.values()))
    groups = {
        group: {"passed": result.passed[group], "failed": len(result.failed.get(group, ()))}
        for group in sorted({*result.passed, *result.failed})
    }
    return {
        "passed": sum(result.passed.values()),
        "failed": failed,
        "other_error_code": sum(
            finding["reason"].startswith(OTHER_ERROR)
            for findings in result.failed.values()
            for finding in findings
        ),
        "compile_us": _percentiles(result.compile_us),
        "evaluate_us": _percentiles(result.evaluate_us),
        "groups": groups,
        "failures": [
            finding for group in sorted(result.failed) for finding in result.failed[group]
        ],
    }


def _percentiles(times: list[float]) -> dict[str, float]:
    if len(times) < 2:
        return {}
    ordered = sorted(times)
    return {
        "median": round(statistics.median(ordered), 2),
        "p95": round(ordered[int(len(ordered) * 0.95)], 2),
        "sum": round(sum(ordered), 1),
    }


def print_summaries(summaries: dict[str, dict[str, Any]], show_failures: bool) -> None:
    """Prints a table, the groups in which an evaluator fails, and the failures if asked."""
    columns = ("passed", "failed", "of them only the error code", "compile us", "evaluate us")
    print(f"{'evaluator':<16}" + "".join(f"{column:>{len(column) + 2}}" for column in columns))
    for name, numbers in summaries.items():
        values = (
            numbers["passed"],
            numbers["failed"],
            numbers["other_error_code"],
            numbers["compile_us"].get("median", "-"),
            numbers["evaluate_us"].get("median", "-"),
        )
        row = zip(columns, values, strict=True)
        print(f"{name:<16}" + "".join(f"{v:>{len(column) + 2}}" for column, v in row))
    for name, numbers in summaries.items():
        bad = {g: n for g, n in numbers["groups"].items() if n["failed"]}
        if bad:
            print(f"\n{name} fails in:")
        for group, counts in bad.items():
            print(f"  {group:<32}{counts['failed']:>5} of {sum(counts.values())}")
        for finding in numbers["failures"] if show_failures else ():
            print(f"  {finding['case']}: {finding['expression']!r:.100}: {finding['reason']}")


def write_subset(cases: list[Case], file: Path, per_group: int) -> int:
    """Writes the first cases of each group as one JSON file; returns how many.

    Left out are cases that run into a time limit, since they would make a test slow.
    """
    taken: Counter[str] = Counter()
    subset = []
    for case in cases:
        size = len(json.dumps(case.data)) if case.data is not UNDEFINED else 0
        if taken[case.group] == per_group or case.expected.get("timelimit") or size > 10_000:
            continue
        taken[case.group] += 1
        entry: dict[str, Any] = {"name": case.name, "expression": case.expression}
        if case.data is not UNDEFINED:
            dataset = case.expected.get("dataset")
            entry |= {"dataset": dataset} if "data" not in case.expected else {"data": case.data}
        entry |= {"bindings": case.bindings} if case.bindings else {}
        code = case.expected.get("code") or case.expected.get("error", {}).get("code")
        entry |= {"code": code} if code else {}
        for key in ("result", "undefinedResult", "unordered"):
            entry |= {key: case.expected[key]} if key in case.expected else {}
        subset.append(entry)
    used = {entry["dataset"] for entry in subset if "dataset" in entry}
    datasets = {c.expected["dataset"]: c.data for c in cases if c.expected.get("dataset") in used}
    lines = ",\n".join(json.dumps(entry) for entry in subset)
    rows = ",\n".join(f"{json.dumps(k)}: {json.dumps(datasets[k])}" for k in sorted(datasets))
    file.write_text(f'{{"datasets": {{\n{rows}\n}},\n"cases": [\n{lines}\n]}}\n', encoding="utf-8")
    return len(subset)


def main(arguments: list[str] | None = None) -> int:
    """Runs the tool; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("suite", type=Path, help="folder with datasets/ and groups/")
    parser.add_argument("--json", action="store_true", help="print the numbers as JSON")
    parser.add_argument("--failures", action="store_true", help="print every failed case")
    parser.add_argument("--group", help="run the groups whose name holds this only")
    parser.add_argument("--timeout", type=float, default=20.0, help="seconds for a case (20)")
    parser.add_argument("--repeats", type=int, default=5, help="timed runs of a case (5)")
    parser.add_argument("--write-subset", type=Path, help="write some cases to a file and stop")
    parser.add_argument("--per-group", type=int, default=5, help="cases of a group to write (5)")
    options = parser.parse_args(arguments)
    folder: Path = options.suite
    if not (folder / "groups").is_dir():
        found = next(iter(sorted(folder.glob("**/test-suite/groups"))), None)
        if found is None:
            print(
                f"error: {folder} holds no groups/: give the suite's folder test/test-suite",
                file=sys.stderr,
            )
            return 2
        folder = found.parent
    cases = [c for c in read_suite(folder) if not options.group or options.group in c.group]
    if not cases:
        print(f"error: no group's name holds {options.group!r}", file=sys.stderr)
        return 2
    if options.write_subset:
        count = write_subset(cases, options.write_subset, options.per_group)
        print(f"{count} cases written to {options.write_subset}")
        return 0
    with contextlib.redirect_stdout(sys.stderr):  # a library prints notes of its own
        summaries = {
            evaluator.name: summary(run(evaluator, cases, options.timeout, options.repeats))
            for evaluator in (Jsonatapy(), JsonataPython())
        }
    if options.json:
        print(json.dumps({"cases": len(cases), "evaluators": summaries}, indent=2))
    else:
        print(f"{len(cases)} cases of {folder}\n")
        print_summaries(summaries, options.failures)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
