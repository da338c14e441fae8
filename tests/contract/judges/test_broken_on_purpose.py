"""What must never pass is broken on purpose in a copy, and is caught."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tools.lint_asl import problems

ROOT = Path(__file__).parents[3]
MACHINES = sorted((ROOT / "statemachines").glob("*.asl.yaml"))


@pytest.fixture
def broken(tmp_path: Path) -> Callable[[str, str], list[str]]:
    """Lints resolve_case with one text replaced by another."""

    def replaced(old: str, new: str) -> list[str]:
        text = (ROOT / "statemachines" / "resolve_case.asl.yaml").read_text(encoding="utf-8")
        assert old in text
        path = tmp_path / "resolve_case.asl.yaml"
        path.write_text(text.replace(old, new, 1), encoding="utf-8")
        return problems(path)

    return replaced


@pytest.mark.parametrize("path", MACHINES, ids=lambda path: path.name)
def test_the_machines_are_whole(path: Path) -> None:
    assert problems(path) == []


def test_a_dangling_next(broken: Callable[[str, str], list[str]]) -> None:
    found = broken("Next: ClaimCase\n", "Next: ClaimCases\n")
    assert any("ClaimCases" in line for line in found)


def test_a_state_that_nothing_reaches(broken: Callable[[str, str], list[str]]) -> None:
    found = broken("Next: ClaimCase\n", "Next: GatherContext\n")
    assert any("ClaimCase" in line for line in found)


@pytest.mark.parametrize("wrong", ["{% $states.input. %}", "{% $states.input %", "{% (1 %}"])
def test_a_malformed_expression(broken: Callable[[str, str], list[str]], wrong: str) -> None:
    assert broken("{% $states.input %}", wrong)


@pytest.mark.timeout(120)
def test_a_handler_renamed_without_its_state(tmp_path: Path) -> None:
    """The chain of names is held against a copy of the project."""
    for name in ("functions", "statemachines", "events", "tests/contract/names"):
        shutil.copytree(ROOT / name, tmp_path / name)
    for name in ("template.yaml", "tests/contract/conftest.py"):
        shutil.copy(ROOT / name, tmp_path / name)
    assert "failed" not in _chain(tmp_path)
    (tmp_path / "functions" / "claim_case").rename(tmp_path / "functions" / "take_case")
    told = _chain(tmp_path)
    assert "test_every_function_is_a_state" in told
    assert "test_every_function_has_a_folder" in told


def _chain(project: Path) -> str:
    command = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "--import-mode=importlib"]
    ran = subprocess.run(
        [sys.executable, *command, "-k", "every_function", "tests/contract/names/test_chain.py"],
        cwd=project,
        env={k: v for k, v in os.environ.items() if not k.startswith("PYTEST")},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode in (0, 1), ran.stdout + ran.stderr
    return ran.stdout
