import json
from pathlib import Path

import pytest
from redress_local.cli.sandbox import app


@pytest.fixture
def program(tmp_path: Path) -> Path:
    path = tmp_path / "program.py"
    path.write_text("import json\nprint('note')\nprint(json.dumps({'n': sum(INPUT)}))")
    return path


def call(*words: object) -> int:
    with pytest.raises(SystemExit) as end:
        app([str(word) for word in words])
    return int(end.value.code or 0)


def test_the_answer_is_printed(program: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("run", program, "--input", "[1, 2]") == 0
    assert capsys.readouterr().out == '{"n": 3}\n'


def test_the_whole_result_is_printed_as_json(
    program: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "input.json"
    data.write_text(" [1, 2, 3]\n")
    assert call("run", program, "--input", f"@{data}", "--json") == 0
    result = json.loads(capsys.readouterr().out)
    assert result["value"] == {"n": 6}
    assert result["stdout"] == 'note\n{"n": 6}\n'
    assert {"ok", "error", "engine", "duration_ms", "code_sha256"} <= set(result)


def test_a_failing_program_exits_1(program: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("run", program, "--input", "null", "--engine", "monty") == 1
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("error: ProgramError: TypeError")
    assert captured.err.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--input", "{"], "--input is not JSON"),
        (["--input", "@/nowhere.json"], "cannot read /nowhere.json"),
        (["--wall-seconds", "0"], "wall_seconds must be"),
        (["--memory-mib", "1"], "memory_bytes must be"),
    ],
)
def test_a_wrong_call_exits_2(
    program: Path, capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    assert call("run", program, *words) == 2
    assert message in capsys.readouterr().err
    assert call("run", program, *words, "--json") == 2
    assert message in json.loads(capsys.readouterr().out)["error"]["message"]


def test_programs_that_are_no_text_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "x.py"
    path.write_bytes(b"\xff\xfe\x00")
    assert call("run", path) == 2
    assert "is not UTF-8 text" in capsys.readouterr().err
    assert call("run", tmp_path) == 2
    path.write_bytes(b"#" * 99)
    assert call("run", path, "--code-bytes", "50") == 1
    assert "CodeTooLargeError" in capsys.readouterr().err
