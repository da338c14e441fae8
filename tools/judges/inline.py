"""Finds what the code allows itself beside no reason: `# noqa`, `# type: ignore` and others.

A reason is on the same line after ` - ` or ` # `, or in the comment above or below. What is
allowed in a tool's own configuration or in the template's metadata is found in any case: it
belongs into allowed.yaml.
"""

from __future__ import annotations

import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from tools.judges.findings import Finding

NAME: Final = "inline"
FOLDERS: Final = ("bench", "functions", "layers", "local", "tests", "tools")
_MARK: Final = re.compile(
    r"#\s*(?P<kind>noqa|type:\s*ignore|nosec|nosemgrep|pylint:\s*disable|pyright:\s*ignore"
    r"|pragma:\s*no cover|shellcheck disable)"
    r"(?:\s*[:=]\s*|\s*\[|(?<=nosec)\s+)?(?P<codes>[A-Za-z]+[0-9]+(?:[,\s]+[A-Z]+[0-9]+)*|[a-z][a-z-]*(?:,\s*[a-z-]+)*)?"
    r"\]?(?P<rest>.*)"
)
_REASON: Final = re.compile(r"\s*(?:-|#)\s+(?!see (?:above|below))\S+")
_WHOLE_FILE: Final = re.compile(r"#\s*(?:ruff:\s*noqa|mypy:\s*ignore|flake8:\s*noqa)")
_IN_TEMPLATE: Final = re.compile(r"checkov:skip|^\s+(?:checkov|cfn-lint|cfn_nag):\s*$")
# What these judges would read, and nobody here would.
_CONFIGURATIONS: Final = (
    ".bandit", ".cfnlintrc", ".cfnlintrc.yaml", ".cfnlintrc.yml", ".checkov.yaml", ".checkov.yml",
    ".flake8", ".semgrepignore", "mypy.ini", "ruff.toml", ".ruff.toml", "setup.cfg", "tox.ini",
)  # fmt: skip


def findings(root: Path) -> Iterator[Finding]:
    """Look through the project at `root`."""
    for name in _CONFIGURATIONS:
        if (root / name).exists():
            yield _finding("configuration", name, 1, "allow it in tools/judges/allowed.yaml")
    template = root / "template.yaml"
    for number, line in enumerate(template.read_text(encoding="utf-8").splitlines(), 1):
        if _IN_TEMPLATE.search(line):
            yield _finding(
                "template", template.name, number, "allow it in tools/judges/allowed.yaml"
            )
    for path in sorted(path for folder in FOLDERS for path in (root / folder).rglob("*")):
        if path.suffix in {".py", ".sh"} and path.is_file():
            text = path.read_text(encoding="utf-8")
            yield from in_text(text, path.relative_to(root).as_posix())


def in_text(text: str, where: str) -> Iterator[Finding]:
    """Look through one file: each code that is allowed without a reason is a finding."""
    lines = text.splitlines()
    for number, comment in _comments(text, where):
        if _WHOLE_FILE.match(comment):
            yield _finding("everything", where, number, "a whole file is not judged")
        mark = _MARK.search(comment)
        if mark is None:
            continue
        kind, codes = mark["kind"], re.split(r"[,\s]+", mark["codes"] or "everything")
        near = (lines[i].strip() for i in (number - 2, number) if 0 <= i < len(lines))
        above_or_below = any(line.startswith("#") and not _MARK.search(line) for line in near)
        if "everything" in codes or not (_REASON.match(mark["rest"]) or above_or_below):
            for code in codes:
                yield _finding(code, where, number, f"{kind} needs its reason beside it")


def _comments(text: str, where: str) -> Iterator[tuple[int, str]]:
    if where.endswith(".py"):
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type == tokenize.COMMENT:
                yield token.start[0], token.string
    else:
        for number, line in enumerate(text.splitlines(), 1):
            if line.lstrip().startswith("#"):
                yield number, line.lstrip()


def _finding(rule: str, where: str, line: int, message: str) -> Finding:
    return Finding(NAME, rule, where, line, message)
