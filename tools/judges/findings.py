"""What the static judges find, and what is allowed with a reason."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import yaml


class Finding(NamedTuple):
    """One thing that a judge does not like.

    `where` is a file, or a resource of the template; `line` is for people.
    """

    judge: str
    rule: str
    where: str
    line: int
    message: str

    def __str__(self) -> str:
        return f"{self.where}:{self.line}: {self.judge} {self.rule}: {self.message}"


class Allowed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Findings that may stay: a rule at some places (`*` matches anything), with the reason."""

    judge: str
    rule: str
    where: list[str]
    reason: str


def read_allowed(path: Path) -> list[Allowed]:
    """Read the list of what is allowed.

    Raises:
        ValueError: An entry has another shape, or no reason.
    """
    entries = msgspec.convert(yaml.safe_load(path.read_text(encoding="utf-8")), list[Allowed])
    for entry in entries:
        if len(entry.reason.split()) < 3 or not entry.where:
            raise ValueError(f"{path}: {entry.judge} {entry.rule} needs a reason and a place")
    return entries


def judged(findings: Iterable[Finding], allowed: Iterable[Allowed]) -> list[str]:
    """Return what is not allowed, and what is allowed for nothing, one line each."""
    unused = {(entry, place) for entry in _frozen(allowed) for place in entry[2]}
    problems = []
    for finding in findings:
        matching = {
            (entry, place)
            for entry in _frozen(allowed)
            for place in entry[2]
            if entry[:2] == (finding.judge, finding.rule) and fnmatchcase(finding.where, place)
        }
        unused -= matching
        if not matching:
            problems.append(str(finding))
    for entry, place in sorted(unused):
        problems.append(f"nothing to allow any more: {entry[0]} {entry[1]} at {place}")
    return problems


def _frozen(allowed: Iterable[Allowed]) -> list[tuple[str, str, tuple[str, ...]]]:
    return [(entry.judge, entry.rule, tuple(entry.where)) for entry in allowed]


def marked(root: Path, folder: Path) -> set[tuple[str, str, int]]:
    """Return the places that samples mark: rule, file, and the line below the mark."""
    return {
        (line.partition("ruleid:")[2].strip(), str(path.relative_to(root)), number + 1)
        for path in folder.iterdir()
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if line.strip().startswith("# ruleid:")
    }


# What each judge prints


def from_cfn_lint(printed: str) -> Iterator[Finding]:
    """Read cfn-lint's JSON; a finding is at its resource."""
    for item in json.loads(printed or "[]"):
        path = item["Location"].get("Path") or []
        where = str(path[1]) if path[:1] == ["Resources"] and len(path) > 1 else item["Filename"]
        line = item["Location"]["Start"]["LineNumber"]
        yield Finding("cfn-lint", item["Rule"]["Id"], where, line, item["Message"])


def from_checkov(printed: str) -> Iterator[Finding]:
    """Read checkov's JSON; a finding is at its resource.

    Raises:
        ValueError: Checkov could not read the template.
    """
    report: Any = json.loads(printed)
    if report["summary"]["parsing_errors"] or not report["summary"]["resource_count"]:
        raise ValueError("checkov could not read the template")
    for item in report["results"]["failed_checks"]:
        where = item["resource"].rpartition(".")[2]
        line = item["file_line_range"][0]
        yield Finding("checkov", item["check_id"], where, line, item["check_name"])


def from_bandit(printed: str) -> Iterator[Finding]:
    """Read bandit's JSON.

    Raises:
        ValueError: Bandit could not read a file.
    """
    report = json.loads(printed)
    if report["errors"]:
        raise ValueError(f"bandit: {report['errors'][0]}")
    for item in report["results"]:
        where = item["filename"].removeprefix("./")
        yield Finding("bandit", item["test_id"], where, item["line_number"], item["issue_text"])


def from_semgrep(printed: str) -> Iterator[Finding]:
    """Read semgrep's JSON; a rule is known by its own name.

    Raises:
        ValueError: Semgrep could not read a rule or a file.
    """
    report = json.loads(printed)
    if report["errors"]:
        raise ValueError(f"semgrep: {report['errors'][0].get('message', report['errors'][0])}")
    for item in report["results"]:
        rule = item["check_id"].rpartition(".")[2]
        message = " ".join(item["extra"]["message"].split())
        yield Finding("semgrep", rule, item["path"], item["start"]["line"], message)
