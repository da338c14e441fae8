"""Runs the static judges over the project, two at a time, and says what is not allowed.

python -m tools.judges.run [JUDGE ...]    # all by default: checkov semgrep cfn-lint bandit inline

Nothing is sent and nothing is fetched. What may stay is in allowed.yaml, each with its reason; what
is allowed there and no longer found is a problem too. Exit code 1: there are problems; 2: a judge
could not do its work.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

from tools.judges import findings, inline
from tools.judges.findings import Finding

ROOT = Path(__file__).parents[2]
BIN = ROOT / ".tools" / "judges" / "bin"
SECONDS = 300

# What is deployed. Ruff holds everything else to bandit's rules, with reasons beside the code.
_DEPLOYED = "functions layers/redress/redress"
_QUIET = {
    "SEMGREP_ENABLE_VERSION_CHECK": "0",
    "SEMGREP_SEND_METRICS": "off",
    "CHECKOV_RUN_SCA_PACKAGE_SCAN": "false",
    "AWS_DEFAULT_REGION": "us-east-1",
}


class Judge(NamedTuple):
    """A command, how to read what it prints, and the exit codes of a judge that did its work."""

    command: str
    read: Callable[[str], Iterable[Finding]]
    codes: tuple[int, ...]


_SEMGREP = (
    "semgrep scan --config .semgrep/redress.yaml --json --quiet "
    "--metrics off --disable-version-check --no-git-ignore"
)
SAMPLES = Judge(f"{_SEMGREP} .semgrep/samples", findings.from_semgrep, (0,))

JUDGES = {
    # The longest first: two run at a time.
    "checkov": Judge(
        "checkov --file template.yaml --framework cloudformation --skip-download "
        "--compact --quiet --output json",
        findings.from_checkov,
        (0, 1),
    ),
    "semgrep": Judge(
        f"{_SEMGREP} template.yaml local/redress_local {_DEPLOYED}",
        findings.from_semgrep,
        (0,),
    ),
    "cfn-lint": Judge(
        "cfn-lint --append-rules cfn_lint_serverless.rules --format json -- template.yaml",
        findings.from_cfn_lint,
        tuple(range(16)),
    ),
    "bandit": Judge(
        f"bandit --quiet --recursive --format json {_DEPLOYED}",
        findings.from_bandit,
        (0, 1),
    ),
}


# The last needs no command: it looks at what the code allows itself.
NAMES = (*JUDGES, inline.NAME)


class JudgeError(Exception):
    """A judge could not do its work."""


def ask(name: str) -> tuple[list[Finding], float]:
    """Run one judge, or semgrep on its `samples`; return what it found, and in how many seconds.

    Raises:
        JudgeError: It did not do its work; the message says why.
    """
    begun = time.monotonic()
    if name == inline.NAME:
        return list(inline.findings(ROOT)), time.monotonic() - begun
    judge = SAMPLES if name == "samples" else JUDGES[name]
    program, *arguments = judge.command.split()
    try:
        ran = subprocess.run(
            [str(BIN / program), *arguments],
            cwd=ROOT,
            env=os.environ | _QUIET | {"PATH": f"{BIN}:{os.environ.get('PATH', '')}"},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )
    except FileNotFoundError:
        raise JudgeError(f"{name} is not installed: run `make judge`") from None
    except subprocess.TimeoutExpired:
        raise JudgeError(f"{name} was not done after {SECONDS} s") from None
    if ran.returncode not in judge.codes:
        raise JudgeError(
            f"{name} failed ({ran.returncode}): {(ran.stderr or ran.stdout).strip()[-2000:]}"
        )
    try:
        found = list(judge.read(ran.stdout))
    except (ValueError, KeyError, TypeError) as error:
        raise JudgeError(f"{name}: {error}; {ran.stderr.strip()[-2000:]}") from None
    return found, time.monotonic() - begun


def check_samples() -> list[str]:
    """Return what our semgrep rules miss, or find too much, in their own samples.

    Raises:
        JudgeError: Semgrep did not do its work.
    """
    found, _ = ask("samples")
    marked = findings.marked(ROOT, ROOT / ".semgrep" / "samples")
    seen = {(finding.rule, finding.where, finding.line) for finding in found}
    return [
        *(f"{where}:{line}: {rule} misses this sample" for rule, where, line in marked - seen),
        *(f"{where}:{line}: {rule} finds too much" for rule, where, line in seen - marked),
    ]


def main(arguments: list[str]) -> int:
    """Ask the judges; print what is not allowed and how long each took."""
    unknown = [name for name in arguments if name not in NAMES]
    if unknown:
        print(f"judges: {unknown[0]} is none of {', '.join(NAMES)}", file=sys.stderr)
        return 2
    names = arguments or list(NAMES)
    allowed = findings.read_allowed(Path(__file__).parent / "allowed.yaml")
    try:
        with ThreadPoolExecutor(2) as pool:
            answers = dict(zip(names, pool.map(ask, names), strict=True))
        problems = check_samples() if "semgrep" in names else []
    except JudgeError as error:
        print(f"judges: {error}", file=sys.stderr)
        return 2
    for name, (found, seconds) in answers.items():
        mine = findings.judged(found, [entry for entry in allowed if entry.judge == name])
        print(f"{name}: {seconds:.0f} s, {len(found)} findings, {len(mine)} not allowed")
        problems += mine
    print(*problems, sep="\n", end="\n" if problems else "", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
