"""The command's front: errors as one line or one object, exit codes, help."""

import json
from pathlib import Path

import pytest
from redress_local.cli.main import run


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    out = capsys.readouterr().out
    for command in ("resolve", "cases", "approve", "deny", "events", "shop", "eval", "doctor"):
        assert command in out


@pytest.mark.parametrize("command", ["resolve", "cases", "approve", "events", "shop", "eval"])
def test_every_command_has_help(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run([command, "--help"]) == 0
    assert "--json" in capsys.readouterr().out or command in {"cases", "events"}


@pytest.mark.parametrize(
    "tokens",
    [
        ["nope"],
        ["resolve", "--nope"],
        ["resolve", "--pattern", "guess"],
        ["resolve", "missing.json"],
        ["approve"],
        ["shop"],
        ["shop", "--customers", "0"],
        ["shop", "--customers", "x"],
        ["eval", "--cases", "0"],
        ["eval", "--shop", "only.json"],
        ["eval", "--model", "oracle:x"],
        ["events", "put"],
        ["events", "put", "--detail", "{"],
        ["events", "replay", "--from", "yesterday"],
        ["cases", "list"],
        ["cases", "list", "--status", "odd"],
        ["cases", "show", "case_1"],
        ["resolve", "--shop", "missing.json"],
        ["resolve", "--model", "oracle:x"],
    ],
)
def test_a_wrong_call_is_one_line_or_one_object(
    tokens: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("REDRESS_STORE", raising=False)
    assert run(tokens) == 2
    plain = capsys.readouterr()
    assert plain.out == ""
    assert plain.err.startswith("error: ")
    assert len(plain.err.splitlines()) == 1
    assert "Traceback" not in plain.err

    assert run([*tokens, "--json"]) == 2
    object_ = capsys.readouterr()
    error = json.loads(object_.out)["error"]
    assert error.keys() == {"type", "message", "hint"}
    assert all(isinstance(value, str) and value for value in error.values())
    assert object_.err == ""
    # A wrong call leaves nothing behind.
    assert list(tmp_path.iterdir()) == []


def test_an_unexpected_error_is_one_line_and_a_file(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def breaks(*_: object, **__: object) -> None:
        raise ZeroDivisionError("nobody thought of this")

    monkeypatch.setattr("redress_local.shop.generator.generate_shop", breaks)
    assert run(["shop", "--customers", "1"]) == 1
    err = capsys.readouterr().err
    assert len(err.splitlines()) == 1
    file = Path(err.strip().rpartition(" ")[2])
    assert "Traceback" in file.read_text()
    file.unlink()


@pytest.mark.parametrize(
    "tokens",
    [
        ["resolve", "--store", ""],
        ["shop", "--customers", "1.5"],
        ["eval", "--cases", "1e2"],
        ["eval", "--pattern", "guess"],
        ["shop", "--customers", "1", "--out", "shop.json", "--labels", "no/labels.json"],
        ["asl", "run", "missing.asl.json"],
        ["asl", "validate", "missing.asl.json"],
        ["sandbox", "run", "missing.py"],
    ],
)
def test_a_call_that_would_do_something_else_is_refused(
    tokens: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(tokens) == 2
    plain = capsys.readouterr()
    assert (plain.out, len(plain.err.splitlines())) == ("", 1)
    assert plain.err.startswith("error: ")
    assert run([*tokens, "--json"]) == 2
    told = capsys.readouterr()
    assert told.err == ""
    assert {"type", "message", "hint"} <= json.loads(told.out)["error"].keys()
    assert list(tmp_path.iterdir()) == []


def test_a_shop_without_the_examples_order_needs_an_event(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["shop", "--customers", "1", "--out", "shop.json"]) == 0
    capsys.readouterr()
    assert run(["resolve", "--shop", "shop.json"]) == 2
    assert "give an EVENT" in capsys.readouterr().err
    assert [file.name for file in tmp_path.iterdir()] == ["shop.json"]


def test_labels_of_another_shop_are_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, customers in (("one", "3"), ("other", "30")):
        made = ["--out", f"{name}.json", "--labels", f"{name}-labels.json"]
        assert run(["shop", "--customers", customers, *made]) == 0
    capsys.readouterr()
    assert run(["eval", "--shop", "one.json", "--labels", "other-labels.json"]) == 2
    assert "does not hold" in capsys.readouterr().err
