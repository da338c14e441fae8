"""`redress asl validate` and `redress asl run`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from redress_local.cli.asl import app

INVOKE = "arn:aws:states:::lambda:invoke"


class Cli:
    """Calls the command as a shell would, and keeps what it says."""

    def __init__(self, capsys: pytest.CaptureFixture[str]) -> None:
        self._capsys = capsys
        self.out = self.err = ""

    def __call__(self, *tokens: object) -> int:
        with pytest.raises(SystemExit) as exit_:
            app([str(token) for token in tokens])
        self.out, self.err = self._capsys.readouterr()
        return int(exit_.value.code or 0)

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    return Cli(capsys)


def task(function: str, resource: str = INVOKE, **more: Any) -> dict[str, Any]:
    return {
        "Type": "Task",
        "Resource": resource,
        "Arguments": {"FunctionName": function, "Payload": "{% $states.input %}"},
        "Output": "{% $states.result.Payload %}",
        "End": True,
        **more,
    }


def write(folder: Path, states: dict[str, Any], name: str = "m.asl.yaml") -> Path:
    definition = {"QueryLanguage": "JSONata", "StartAt": next(iter(states)), "States": states}
    file = folder / name
    dump = json.dumps(definition) if name.endswith(".json") else yaml.safe_dump(definition)
    file.write_text(dump, encoding="utf-8")
    return file


def mocks(folder: Path, answers: Any) -> Path:
    file = folder / "mocks.json"
    file.write_text(json.dumps(answers), encoding="utf-8")
    return file


DOUBLE = {"Double": {"Type": "Pass", "Output": "{% $states.input.n * 2 %}", "End": True}}


class TestValidate:
    def test_valid(self, cli: Cli, tmp_path: Path) -> None:
        assert cli("validate", write(tmp_path, DOUBLE)) == 0
        assert "valid" in cli.out
        assert cli.err == ""

    @pytest.mark.parametrize("name", ["m.asl.yaml", "m.asl.json"])
    def test_not_valid(self, cli: Cli, tmp_path: Path, name: str) -> None:
        file = write(tmp_path, {"A": {"Type": "Pass", "Next": "B"}}, name)
        assert cli("validate", file) == 1
        assert "/States/A/Next" in cli.err
        assert "there is no state 'B'" in cli.err
        assert cli.out == ""

    def test_json(self, cli: Cli, tmp_path: Path) -> None:
        assert cli("validate", write(tmp_path, {"A": {"Type": "Pass"}}), "--json") == 1
        assert cli.json["schema_version"] == 1
        assert cli.json["valid"] is False
        assert {d["location"] for d in cli.json["diagnostics"]} >= {"/States/A"}

    def test_house_rules(self, cli: Cli, tmp_path: Path) -> None:
        file = write(tmp_path, DOUBLE)
        assert cli("validate", file, "--lint", "--json") == 1
        assert [d["code"] for d in cli.json["diagnostics"]] == ["HOUSE_COMMENT"]

    def test_placeholders(self, cli: Cli, tmp_path: Path) -> None:
        file = write(tmp_path, {"A": task("${Fn}", "${Resource}")})
        assert cli("validate", file) == 0
        assert cli("validate", file, "--resolved") == 1
        assert "${Resource}" in cli.err

    @pytest.mark.parametrize(
        ("name", "text"),
        [
            ("m.json", "{"),
            ("m.json", "[]"),
            ("m.asl.yaml", "a: [1"),
            ("m.asl.yaml", "- 1"),
            ("m.asl.yaml", ""),
            ("m.json", "\x00"),
        ],
    )
    def test_what_is_no_definition(self, cli: Cli, tmp_path: Path, name: str, text: str) -> None:
        (tmp_path / name).write_text(text, encoding="utf-8")
        assert cli("validate", tmp_path / name) == 1
        assert "INVALID_JSON_DESCRIPTION" in cli.err

    def test_no_file(self, cli: Cli, tmp_path: Path) -> None:
        assert cli("validate", tmp_path / "none.yaml") == 2
        assert cli.err.startswith("error: there is no file")
        assert cli.err.count("\n") == 1
        assert cli("validate", tmp_path, "--json") == 2
        assert json.loads(cli.out)["error"].keys() == {"type", "message", "hint"}

    def test_our_machines(self, cli: Cli) -> None:
        for file in (Path(__file__).parents[4] / "statemachines").glob("*.asl.yaml"):
            assert cli("validate", file, "--lint") == 0, cli.err


class TestRun:
    def test_output(self, cli: Cli, tmp_path: Path) -> None:
        assert cli("run", write(tmp_path, DOUBLE), "--input", '{"n": 21}') == 0
        assert cli.json == 42

    def test_input_from_a_file(self, cli: Cli, tmp_path: Path) -> None:
        (tmp_path / "in.json").write_text('{"n": 2}', encoding="utf-8")
        assert cli("run", write(tmp_path, DOUBLE), "--input", f"@{tmp_path}/in.json") == 0
        assert cli.json == 4

    def test_json_and_history(self, cli: Cli, tmp_path: Path) -> None:
        file = write(tmp_path, DOUBLE)
        assert cli("run", file, "--input", '{"n": 1}', "--json", "--history") == 0
        assert cli.json["status"] == "SUCCEEDED"
        assert cli.json["output"] == 2
        assert [event["type"] for event in cli.json["events"]] == [
            "ExecutionStarted",
            "PassStateEntered",
            "PassStateExited",
            "ExecutionSucceeded",
        ]

    def test_history_as_a_table(self, cli: Cli, tmp_path: Path) -> None:
        assert cli("run", write(tmp_path, DOUBLE), "--input", '{"n": 1}', "--history") == 0
        assert ["2", "0", "PassStateEntered", "Double"] in [x.split() for x in cli.out.splitlines()]

    def test_failure(self, cli: Cli, tmp_path: Path) -> None:
        file = write(tmp_path, {"A": {"Type": "Fail", "Error": "E", "Cause": "two\nlines"}})
        assert cli("run", file) == 1
        assert cli.err == "FAILED: E: two lines; --history shows where\n"
        assert cli("run", file, "--json") == 1
        assert cli.json["error"]["type"] == "E"

    def test_evaluation_error(self, cli: Cli, tmp_path: Path) -> None:
        assert cli("run", write(tmp_path, DOUBLE)) == 1
        assert "States.QueryEvaluationError" in cli.err

    def test_waits_pass_at_once(self, cli: Cli, tmp_path: Path) -> None:
        states = {"W": {"Type": "Wait", "Seconds": 99_999, "Next": "Double"}, **DOUBLE}
        assert cli("run", write(tmp_path, states), "--input", '{"n": 3}') == 0
        assert cli.json == 6

    @pytest.mark.parametrize("key", ["Pay", "PayFunction"])
    def test_mock_by_state_or_function(self, cli: Cli, tmp_path: Path, key: str) -> None:
        file = write(tmp_path, {"Pay": task("${PayFunction}")})
        assert cli("run", file, "--mock", mocks(tmp_path, {key: {"paid": 5}})) == 0
        assert cli.json == {"paid": 5}

    def test_mock_by_the_name_in_an_arn(self, cli: Cli, tmp_path: Path) -> None:
        arn = "arn:aws:lambda:eu-west-1:123456789012:function:pay"
        file = write(tmp_path, {"A": task(arn), "B": task("x", arn, Output="{% $states.result %}")})
        definition = yaml.safe_load(file.read_text(encoding="utf-8"))
        definition["States"]["A"] |= {"Next": "B"}
        definition["States"]["A"].pop("End")
        file.write_text(yaml.safe_dump(definition), encoding="utf-8")
        assert cli("run", file, "--mock", mocks(tmp_path, {"pay": {"paid": 5}})) == 0
        assert cli.json == {"paid": 5}

    def test_set_fills_a_placeholder(self, cli: Cli, tmp_path: Path) -> None:
        file = write(tmp_path, {"Pay": task("${Fn}")})
        answers = mocks(tmp_path, {"pay": 1})
        assert cli("run", file, "--set", "Fn=pay", "--mock", answers) == 0
        assert cli("run", file, "--set", "Fn", "--mock", answers) == 2

    def test_mocked_failure_reaches_retry_and_catch(self, cli: Cli, tmp_path: Path) -> None:
        caught = {"ErrorEquals": ["Declined"], "Next": "No", "Output": "{% $states.errorOutput %}"}
        retry = {"ErrorEquals": ["Declined"], "MaxAttempts": 2, "IntervalSeconds": 60}
        states = {"Pay": task("pay", Retry=[retry], Catch=[caught]), "No": {"Type": "Succeed"}}
        answers = mocks(tmp_path, {"pay": {"error": "Declined", "cause": "no money"}})
        file = write(tmp_path, states)
        assert cli("run", file, "--mock", answers, "--json", "--history") == 0
        assert cli.json["output"] == {"Error": "Declined", "Cause": "no money"}
        assert [e["type"] for e in cli.json["events"]].count("TaskFailed") == 3

    @pytest.mark.parametrize(
        ("answer", "status"), [({"ok": 1}, 0), ({"error": "Denied", "cause": "c"}, 1)]
    )
    @pytest.mark.parametrize("more", [(), ("--real-time",)])
    def test_task_token(
        self, cli: Cli, tmp_path: Path, answer: Any, status: int, more: tuple[str, ...]
    ) -> None:
        state = task("ask", INVOKE + ".waitForTaskToken", Output="{% $states.result %}")
        state["Arguments"]["Payload"] = {"token": "{% $states.context.Task.Token %}"}
        file = write(tmp_path, {"Ask": state})
        assert cli("run", file, "--mock", mocks(tmp_path, {"ask": answer}), *more) == status
        assert cli.json == answer if status == 0 else "Denied: c" in cli.err

    def child(self, **more: Any) -> dict[str, Any]:
        resource = "arn:aws:states:::states:startExecution.sync:2"
        arguments = {"StateMachineArn": "${Settle}", "Input": {"n": 4}}
        output = "{% $states.result.Output %}"
        return {"Settle it": task("", resource, Arguments=arguments, Output=output, **more)}

    def test_mocked_child_machine(self, cli: Cli, tmp_path: Path) -> None:
        answer = {"settled": ["{% $x %}", "50 %}", "it's \\ {% 'a' %}"]}
        answers = mocks(tmp_path, {"Settle": answer})
        assert cli("run", write(tmp_path, self.child()), "--mock", answers) == 0
        assert cli.json == answer

    def test_failing_child_machine(self, cli: Cli, tmp_path: Path) -> None:
        answers = mocks(tmp_path, {"Settle it": {"error": "Parked"}})
        assert cli("run", write(tmp_path, self.child()), "--mock", answers) == 1
        assert "States.TaskFailed" in cli.err
        assert "Parked" in cli.err

    def test_real_child_machine(self, cli: Cli, tmp_path: Path) -> None:
        child = write(tmp_path, DOUBLE, "child.asl.yaml")
        assert cli("run", write(tmp_path, self.child()), "--machine", f"Settle={child}") == 0
        assert cli.json == 8

    def test_a_task_without_a_mock(self, cli: Cli, tmp_path: Path) -> None:
        caught = {"ErrorEquals": ["States.ALL"], "Next": "No"}
        states = {"Pay": task("pay", Catch=[caught]), "No": {"Type": "Succeed"}}
        file = write(tmp_path, states)
        assert cli("run", file) == 2
        assert "nothing answers the tasks Pay; give their results with --mock" in cli.err
        assert cli("run", file, "--mock", mocks(tmp_path, {"other": 1})) == 2
        assert "no mock for the states Pay" in cli.err

    def test_not_valid(self, cli: Cli, tmp_path: Path) -> None:
        file = write(tmp_path, {"A": {"Type": "Pass", "Next": "B"}})
        assert cli("run", file) == 1
        assert "/States/A/Next" in cli.err
        assert cli("run", file, "--json") == 1
        assert cli.json["valid"] is False

    @pytest.mark.parametrize(
        "tokens",
        [
            ("--input", "{"),
            ("--input", "NaN"),
            ("--input", "@/none.json"),
            ("--input", json.dumps("x" * 300_000)),
            ("--mock", "/none.json"),
            ("--machine", "x"),
            ("--machine", "x=/none.asl.yaml"),
            ("--set", "=1"),
        ],
    )
    def test_bad_call(self, cli: Cli, tmp_path: Path, tokens: tuple[str, ...]) -> None:
        file = write(tmp_path, DOUBLE)
        assert cli("run", file, *tokens) == 2
        assert cli.err.startswith("error: ")
        assert cli.err.count("\n") == 1
        assert cli("run", file, *tokens, "--json") == 2
        assert json.loads(cli.out)["error"]["hint"]

    @pytest.mark.parametrize("text", ["[]", "{", "\udcff"])
    def test_a_mock_file_that_is_no_object(self, cli: Cli, tmp_path: Path, text: str) -> None:
        answers = tmp_path / "mocks.json"
        answers.write_bytes(text.encode("utf-8", "surrogateescape"))
        assert cli("run", write(tmp_path, DOUBLE), "--mock", answers) == 2
