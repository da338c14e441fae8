"""What must never pass is broken on purpose in a copy, and is caught, with its place.

A right too few or too many is broken in contract/rights, where what is done with it is known.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import distribution
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
MACHINES = sorted((ROOT / "statemachines").glob("*.asl.yaml"))
# The judges' names in what `make asl` prints; the first is this project's own.
JUDGES = ("error", "statelint", "asl-validator")

# The first run may install Node.
pytestmark = pytest.mark.timeout(300)


def run(*arguments: str, cwd: Path = ROOT) -> tuple[int, str]:
    """Run a check as `make` does; return its exit code and what it said."""
    ran = subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env={k: v for k, v in os.environ.items() if not k.startswith("PYTEST")},
        capture_output=True,
        text=True,
        check=False,
    )
    return ran.returncode, ran.stdout + ran.stderr


@pytest.fixture
def broken(tmp_path: Path) -> Callable[[str, str], list[str]]:
    """Lints a copy of resolve_case with one text replaced by another, as `make asl` does."""

    def replaced(old: str, new: str) -> list[str]:
        text = (ROOT / "statemachines" / "resolve_case.asl.yaml").read_text(encoding="utf-8")
        assert old in text
        path = tmp_path / "resolve_case.asl.yaml"
        path.write_text(text.replace(old, new, 1), encoding="utf-8")
        code, said = run("tools/lint_asl.py", str(path))
        assert code == 1, said
        return [
            line.removeprefix(f"{path}: ")
            for line in said.splitlines()
            if line.startswith(str(path))
        ]

    return replaced


def said_by(judge: str, found: list[str], place: str) -> bool:
    return any(line.startswith(judge) and place in line for line in found)


def test_the_machines_are_whole() -> None:
    assert run("tools/lint_asl.py") == (0, f"{len(MACHINES)} state machines, 0 problems\n")


def test_a_dangling_next(broken: Callable[[str, str], list[str]]) -> None:
    found = broken("Next: ClaimCase\n", "Next: ClaimCases\n")
    assert said_by("error MISSING_TRANSITION_TARGET", found, "/States/ValidateCase/Next")
    assert all(said_by(judge, found, "ClaimCases") for judge in JUDGES), found


def test_a_dangling_next_of_a_catcher(broken: Callable[[str, str], list[str]]) -> None:
    found = broken("Next: RecordFailure\n", "Next: RecordFailures\n")
    assert said_by("error MISSING_TRANSITION_TARGET", found, "/States/ValidateCase/Catch/1/Next")
    assert all(said_by(judge, found, "RecordFailures") for judge in JUDGES), found


def test_a_state_that_nothing_reaches(broken: Callable[[str, str], list[str]]) -> None:
    found = broken("Next: ClaimCase\n", "Next: GatherContext\n")
    assert said_by("error MISSING_TRANSITION_TARGET", found, "/States/ClaimCase")
    assert all(said_by(judge, found, "ClaimCase") for judge in JUDGES), found


@pytest.mark.parametrize("wrong", ["{% $states.input. %}", "{% (1 %}", "{% $a := %}"])
def test_a_malformed_expression(broken: Callable[[str, str], list[str]], wrong: str) -> None:
    found = broken('"{% $states.input %}"', f'"{wrong}"')
    place = "/States/ValidateCase/Arguments/Payload"
    assert said_by("error INVALID_JSONATA_EXPRESSION", found, place)
    assert said_by("jsonata", found, place)
    assert said_by("asl-validator", found, place)


def test_an_expression_without_its_end(broken: Callable[[str, str], list[str]]) -> None:
    found = broken('"{% $states.input %}"', '"{% $states.input %"')
    for judge in ("error INVALID_JSONATA_EXPRESSION", "jsonata"):
        assert said_by(judge, found, "/States/ValidateCase/Arguments/Payload"), found


def test_a_malformed_expression_in_a_catcher(broken: Callable[[str, str], list[str]]) -> None:
    """asl-validator does not look there."""
    found = broken('rejection: "{% $states.errorOutput %}"', 'rejection: "{% $states. %}"')
    place = "/States/ValidateCase/Catch/0/Output/rejection"
    assert said_by("error INVALID_JSONATA_EXPRESSION", found, place)
    assert said_by("jsonata", found, place)


def test_a_handler_renamed_without_its_state(tmp_path: Path) -> None:
    """The chain of names is held against a copy of the project."""
    for name in ("functions", "statemachines", "events", "tests/contract/names"):
        shutil.copytree(ROOT / name, tmp_path / name)
    for name in ("template.yaml", "tests/contract/conftest.py"):
        shutil.copy(ROOT / name, tmp_path / name)
    command = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "--import-mode=importlib"]
    command += ["-k", "every_function", "tests/contract/names/test_chain.py"]
    code, said = run(*command, cwd=tmp_path)
    assert code == 0, said
    (tmp_path / "functions" / "claim_case").rename(tmp_path / "functions" / "take_case")
    code, said = run(*command, cwd=tmp_path)
    assert code == 1, said
    for test, name in (("state", "TakeCase"), ("folder", "TakeCaseFunction")):
        (told,) = re.findall(rf"(?s)_ test_every_function_\w+_{test} _(.*?)\n[_=]", said)
        assert name in told
        assert name.replace("Take", "Claim") in told


@pytest.mark.parametrize(
    ("tag", "code"),
    [("cp313-cp313-manylinux_2_34_x86_64", 0), ("cp313-cp313-manylinux_2_35_x86_64", 1)],
)
def test_a_wheel_with_too_new_a_glibc(tmp_path: Path, tag: str, code: int) -> None:
    """In a build of the real template, with a real package that says what it was built for."""
    build, name, lines = tmp_path / "build", "", []
    for line in (ROOT / "template.yaml").read_text(encoding="utf-8").splitlines():
        found = re.match(r"  (\w+):$", line)
        name = found[1] if found else name
        # What `sam build` writes: every artefact lies under its logical id.
        folder = re.match(r"(      (?:CodeUri|ContentUri): )\S+$", line)
        if folder:
            (build / name / "python").mkdir(parents=True)
        lines.append(f"{folder[1]}{name}" if folder else line)
    (build / "template.yaml").write_text("\n".join(lines), encoding="utf-8")
    assert (build / "RedressLayer").is_dir()
    assert (build / "ClaimCaseFunction").is_dir()
    real = distribution("msgspec")
    info = build / "RedressLayer" / "python" / f"msgspec-{real.version}.dist-info"
    info.mkdir()
    for file in ("METADATA", "WHEEL"):
        text = real.read_text(file)
        assert text
        tagged, tags = re.subn(r"(?m)^Tag: .*$", f"Tag: {tag}", text)
        assert (tags > 0) == (file == "WHEEL")
        (info / file).write_text(tagged, encoding="utf-8")
    found_code, said = run("-m", "tools.check_bundles", str(build))
    assert found_code == code, said
    told = f"msgspec {real.version} is built for {tag}"
    assert (f"RedressLayer: {told}" in said) == (f"ClaimCaseFunction: {told}" in said) == bool(code)
