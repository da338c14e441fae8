"""What the code allows itself has its reason beside it, and an unused allowance is caught."""

import subprocess
import sys
from pathlib import Path

import pytest

from tools.judges import findings, inline, run

ROOT = Path(__file__).parents[3]
# Put together, so that this file itself allows nothing.
NOQA, IGNORE, NOSEC = "# no" + "qa", "# type: " + "ignore", "# no" + "sec"


def rules(text: str, where: str = "a.py") -> list[tuple[str, int]]:
    return [(finding.rule, finding.line) for finding in inline.in_text(text, where)]


@pytest.mark.parametrize(
    "line",
    [
        f"x = 1  {NOQA}: S603 - our own script",
        f"x = 1  {NOQA}: S603, S607 - our own script",
        f"x = 1  {IGNORE}[arg-type]  # the library's type is too narrow",
        f"# our own script\nx = 1  {NOQA}: S603",
        f"x = 1  {NOQA}: BLE001 - see below\n# The thread's boundary.",
        f"x = '{NOQA}: S603'",
        "x = 1  # a comment on noqa",
    ],
)
def test_with_its_reason(line: str) -> None:
    assert rules(line) == []


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (f"x = 1  {NOQA}: S603", ["S603"]),
        (f"x = 1  {NOQA}: S603, S607", ["S603", "S607"]),
        (f"x = 1  {NOQA}: S603 - see below", ["S603"]),
        (f"x = 1  {NOQA}", ["everything"]),
        (f"x = 1  {NOQA} - all of it", ["everything"]),
        (f"x = 1  {IGNORE}[arg-type]", ["arg-type"]),
        (f"x = 1  {IGNORE}", ["everything"]),
        (f"x = 1  {NOSEC} B603", ["B603"]),
        (f"x = 1  {NOSEC}", ["everything"]),
        ("x = 1  # nosem" + "grep: some-rule", ["some-rule"]),
        ("# ruff: " + "noqa", ["everything"]),
        ("# mypy: " + "ignore-errors", ["everything"]),
    ],
)
def test_without_its_reason(line: str, expected: list[str]) -> None:
    assert [rule for rule, _ in rules(line)] == expected


def test_in_a_shell_script() -> None:
    line = "# shellcheck " + "disable=SC2086"
    assert rules(f"echo {line}\n{line}\n", "a.sh") == [("SC2086", 2)]
    assert rules(f"{line} # a list\n", "a.sh") == []


@pytest.mark.parametrize(
    "text",
    [
        "  Table:\n    Metadata:\n      checkov:\n        skip: []\n",
        "  Table:\n    Metadata:\n      cfn-lint:\n        config: {}\n",
        "  Table: # checkov:skip=CKV_AWS_119:some reason\n",
    ],
)
def test_in_the_template_or_a_configuration(tmp_path: Path, text: str) -> None:
    (tmp_path / "template.yaml").write_text(f"Resources:\n{text}")
    (finding,) = inline.findings(tmp_path)
    assert (finding.rule, finding.where) == ("template", "template.yaml")
    (tmp_path / "template.yaml").write_text("Resources: {}\n")
    (tmp_path / ".cfnlintrc").touch()
    (finding,) = inline.findings(tmp_path)
    assert (finding.rule, finding.where) == ("configuration", ".cfnlintrc")


def test_this_project() -> None:
    assert run.main(["inline"]) == 0


def test_an_allowance_that_was_removed_or_is_for_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On a changed copy of the real list."""
    real = findings.read_allowed(Path(run.__file__).parent / "allowed.yaml")
    changed = [entry for entry in real if (entry.judge, entry.rule) != ("inline", "S310")]
    changed.append(findings.Allowed("inline", "E999", ["tools/*"], "there is none of it"))
    monkeypatch.setattr(findings, "read_allowed", lambda path: changed)
    assert run.main(["inline"]) == 1
    first, second = capsys.readouterr().err.splitlines()
    assert first.startswith("tools/sam_local/api.py:")
    assert "inline S310: noqa needs its reason beside it" in first
    assert second == "nothing to allow any more: inline E999 at tools/*"


def test_ruff_finds_what_is_allowed_for_nothing() -> None:
    ruff = [sys.executable, "-m", "ruff", "check", "--stdin-filename", "tools/some.py", "-"]
    text = f'"""Some."""\n\nx = 1  {NOQA}: S603 - a reason\n'
    ran = subprocess.run(ruff, cwd=ROOT, input=text, capture_output=True, text=True, check=False)
    assert ran.returncode == 1
    assert "RUF100" in ran.stdout


@pytest.mark.timeout(120)
def test_mypy_finds_what_is_allowed_for_nothing(tmp_path: Path) -> None:
    (tmp_path / "some.py").write_text(f"x: int = 1  {IGNORE}[assignment]  # a reason\n")
    mypy = [sys.executable, "-m", "mypy", "--config-file", str(ROOT / "pyproject.toml")]
    mypy += ["--cache-dir", str(tmp_path / "cache"), str(tmp_path / "some.py")]
    ran = subprocess.run(mypy, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 1, ran.stdout + ran.stderr
    assert "unused-ignore" in ran.stdout
