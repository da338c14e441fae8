"""Lints state machines: the language and the house rules (asl_engine), and three other judges.

python tools/lint_asl.py [FILE ...]     # statemachines/*.asl.* by default

The others are statelint, asl-validator, and JSONata's reference parser for every expression.
None of them needs an exception today. Exit code 1: there are problems; 2: a judge could not do
its work.
"""

import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from asl_engine.source import DefinitionFileError, load_definition
from asl_engine.validation import validate
from asl_engine.validation.lint import lint
from statelint.config import Config
from statelint.linter import Linter
from statelint.problem import ProblemType

FOLDER = Path(__file__).parents[1] / "statemachines"
_NODE = Path(__file__).parent / "node"
_PLACEHOLDER = re.compile(r"\$\{(\w+)\}")
# `BackoffRate: 2` is a number like 2.0: JSON knows one kind.
_STATELINT = Config({ProblemType.FLOAT}, evaluate_jsonata=True)


class JudgeError(Exception):
    """The judges that run on Node could not do their work."""


def as_deployed(definition: dict[str, Any]) -> dict[str, Any]:
    """Return a definition with a likely value in place of each `${Name}`."""

    def value(match: re.Match[str]) -> str:
        name = match.group(1)
        if name.endswith("MachineArn"):
            return f"arn:aws:states:us-east-1:111122223333:stateMachine:{name}"
        if name.endswith("Arn"):
            return f"arn:aws:lambda:us-east-1:111122223333:function:{name}"
        return name

    filled: dict[str, Any] = json.loads(_PLACEHOLDER.sub(value, json.dumps(definition)))
    return filled


def problems(path: Path) -> list[str]:
    """Return what the judges written in Python say about a file, one line each."""
    try:
        definition = load_definition(path)
    except DefinitionFileError as error:
        return [str(error)]
    found = [
        f"{path}: {item.severity.lower()} {item.code} at {item.location or '/'}: {item.message}"
        for item in [*validate(definition, allow_substitutions=True), *lint(definition)]
    ]
    deployed = as_deployed(definition)
    return found + [f"{path}: statelint: {line}" for line in Linter.validate(deployed, _STATELINT)]


def node_problems(definitions: Mapping[str, dict[str, Any]]) -> list[str]:
    """Return what asl-validator and JSONata's parser say about definitions, one line each.

    Args:
        definitions: Each as deployed, by the name that the lines begin with.

    Raises:
        JudgeError: Node could not be installed or failed; the message says why.
    """
    command = [sys.executable, str(_NODE / "run.py"), "node", str(_NODE / "judge_asl.cjs")]
    ran = subprocess.run(
        command, input=json.dumps(definitions), stdout=subprocess.PIPE, text=True, check=False
    )
    if ran.returncode:
        raise JudgeError("asl-validator did not do its work; see above")
    return [f"{name}: {problem}" for name, problem in json.loads(ran.stdout)]


def _readable(path: Path) -> dict[str, Any] | None:
    try:
        return as_deployed(load_definition(path))
    except DefinitionFileError:
        return None  # `problems` says so


def main(arguments: list[str]) -> int:
    """Print what is wrong; return 1 if anything is, 2 if there is nothing to lint."""
    paths = [Path(name) for name in arguments] or sorted(FOLDER.glob("*.asl.*"))
    if not paths:
        print(f"{FOLDER}: no state machines there. Name files to lint.", file=sys.stderr)
        return 2
    found = [line for path in paths for line in problems(path)]
    definitions = {str(path): _readable(path) for path in paths}
    try:
        found += node_problems({k: v for k, v in definitions.items() if v is not None})
    except JudgeError as error:
        print(*found, f"asl: {error}", sep="\n", file=sys.stderr)
        return 2
    print(*found, sep="\n", end="\n" if found else "", file=sys.stderr)
    print(f"{len(paths)} state machines, {len(found)} problems")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
