"""The linter of state machines: what it fills in, what it reads, what it says and how it ends."""

from pathlib import Path

import pytest

from tools import lint_asl

# The first run may install Node.
pytestmark = pytest.mark.timeout(300)

WHOLE = """
QueryLanguage: JSONata
Comment: Does nothing.
StartAt: Done
States:
  Done: {Type: Succeed, Output: "{% $states.input %}"}
"""


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    path = tmp_path / "one.asl.yaml"
    path.write_text(WHOLE, encoding="utf-8")
    return path


def said(definition: object) -> list[str]:
    return lint_asl.node_problems({"one": definition})  # type: ignore[dict-item]  # any JSON


def test_placeholders_are_filled_by_their_names() -> None:
    given = {"a": "${OneFunctionArn}", "b": "${OneMachineArn}", "c": "on ${BusName}", "d": ["$x"]}
    assert lint_asl.as_deployed(given) == {
        "a": "arn:aws:lambda:us-east-1:111122223333:function:OneFunctionArn",
        "b": "arn:aws:states:us-east-1:111122223333:stateMachine:OneMachineArn",
        "c": "on BusName",
        "d": ["$x"],
    }


def test_a_whole_machine(machine: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert lint_asl.main([str(machine)]) == 0
    assert capsys.readouterr() == ("1 state machines, 0 problems\n", "")


def test_every_expression_is_parsed_wherever_it_is() -> None:
    done = {"Type": "Succeed", "Output": {"a": ["{% 1 + %}", {"b": "{% (2 %}"}], "c": "{% 3 }"}}
    found = said({"QueryLanguage": "JSONata", "StartAt": "Done", "States": {"Done": done}})
    mine = [line for line in found if line.startswith("one: jsonata: ")]
    assert [line.split(" ")[2] for line in mine] == [
        "/States/Done/Output/a/0",
        "/States/Done/Output/a/1/b",
        "/States/Done/Output/c",
    ]


@pytest.mark.parametrize("definition", [{}, {"States": None}, {"States": {"A": 1}}, [], None, "x"])
def test_what_is_no_machine_is_a_problem_and_no_crash(definition: object) -> None:
    assert any(line.startswith("one: asl-validator: ") for line in said(definition))


def test_what_cannot_be_read_is_a_problem(
    machine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = tmp_path / "other.asl.yaml"
    other.write_text("a: [", encoding="utf-8")
    assert lint_asl.main([str(machine), str(other)]) == 1
    told = capsys.readouterr()
    assert "other.asl.yaml" in told.err
    assert told.out == "2 state machines, 1 problems\n"


def test_nothing_to_lint(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(lint_asl, "FOLDER", tmp_path)
    assert lint_asl.main([]) == 2
    assert "no state machines there" in capsys.readouterr().err


def test_a_validator_that_does_not_run_is_no_success(
    monkeypatch: pytest.MonkeyPatch,
    machine: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "run.py").write_text("raise SystemExit(2)")
    monkeypatch.setattr(lint_asl, "_NODE", tmp_path)
    assert lint_asl.main([str(machine)]) == 2
    assert "asl-validator did not do its work" in capsys.readouterr().err
