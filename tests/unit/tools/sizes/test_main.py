"""The command: it measures a build beside a plain one, and fails where a target is missed."""

import importlib

import pytest

from tools.plain_build import PlainBuildError
from tools.sizes.report import BEGIN, END
from tools.sizes.starts import StartError
from tools.sizes.targets import Start

command = importlib.import_module("tools.sizes.__main__")

BUILT = """
Globals: {Function: {Layers: [{Ref: RedressLayer}]}}
Resources:
  AskFunction: {Type: AWS::Serverless::Function, Properties: {Layers: [{Ref: AgentsLayer}]}}
  PlainOneFunction: {Type: AWS::Serverless::Function, Properties: {}}
  Table: {Type: AWS::DynamoDB::Table}
"""
SOURCE = """
Resources:
  AskFunction: {Properties: {CodeUri: functions/ask}}
  PlainOneFunction: {Properties: {CodeUri: functions/one}}
"""
RUNTIME = "class runtime:\n    def model_factory(self): pass\n"


@pytest.fixture
def world(tmp_path, monkeypatch):
    """A build of two functions, and what plain SAM would make of them."""
    monkeypatch.setattr("sys.version_info", (3, 13, 0))
    build = tmp_path / "build"
    for name in ("RedressLayer", "AgentsLayer"):
        (build / name / "python").mkdir(parents=True)
    for package in (build / "RedressLayer/python", tmp_path / "plain"):
        (package / "redress").mkdir(parents=True)
        (package / "redress/runtime.py").write_text(RUNTIME)
    for name, code in (("AskFunction", "here.model_factory"), ("PlainOneFunction", "")):
        (build / name).mkdir()
        (build / name / "handler.py").write_text(f"def handler(here):\n    return {code or 1}\n")
    (tmp_path / "plain/handler.py").write_text("raise AssertionError('of another function')\n")
    (build / "template.yaml").write_text(BUILT)
    (tmp_path / "template.yaml").write_text(SOURCE)
    (tmp_path / "README.md").write_text(f"{BEGIN}\n{END}\n")
    monkeypatch.setattr(command, "ROOT", tmp_path)
    monkeypatch.setattr(
        command, "plain_build", lambda groups: dict.fromkeys(groups, tmp_path / "plain")
    )
    return tmp_path


def measured(world, monkeypatch, ours, plain):
    """Measure with given starts: lists of what ours and plain ones cost, the last one for ever."""
    given = {True: list(ours), False: list(plain)}

    def start(function):
        queue = given["merged/Plain" not in str(function.paths[0])]
        return queue.pop(0) if len(queue) > 1 else queue[0]

    monkeypatch.setattr(command, "start", start)
    monkeypatch.setattr(command, "ROUNDS", 2)
    (world / "build/template.yaml").write_text(BUILT.replace("  PlainOneFunction", "  #"))
    return command.sizes(world / "build", world)


def test_functions_are_those_of_the_template(world):
    ask, one = command.functions_of(world / "build", world)
    assert ask[:4] == (
        "AskFunction",
        ("RedressLayer", "AgentsLayer"),
        "functions/ask",
        ["model_factory"],
    )
    assert one[:4] == ("PlainOneFunction", ("RedressLayer",), "functions/one", [])


def test_each_function_is_started_from_both_builds(world):
    """Each with its own handler, though a plain build is made of one for all that are alike."""
    one, ask = sorted(
        command.sizes(world / "build", world), key=lambda each: each.kind, reverse=True
    )
    assert (one.name, one.kind, ask.name, ask.kind) == (
        "PlainOneFunction",
        "no AWS",
        "AskFunction",
        "agent",
    )
    for size in (one, ask):
        assert size.start.modules == size.plain.modules == 3
        assert size.unzipped_mb > 0 < size.plain_mb


def test_it_ends_when_the_targets_are_met(world, monkeypatch):
    (size,) = measured(
        world, monkeypatch, [Start(9, 9, 9), Start(5, 5, 9), Start(3, 3, 9)], [Start(10, 10, 9)]
    )
    assert size.start.imported == 3


def test_two_rounds_are_the_least(world, monkeypatch):
    (size,) = measured(world, monkeypatch, [Start(3, 3, 9), Start(2, 2, 9)], [Start(10, 10, 9)])
    assert size.start.imported == 2


def test_it_ends_at_last_though_a_target_is_missed(world, monkeypatch):
    (size,) = measured(world, monkeypatch, [Start(9, 9, 9)], [Start(10, 10, 9)])
    assert size.start.imported == 9


def test_the_table_is_printed_and_written(world, capsys, monkeypatch):
    monkeypatch.setattr(command, "start", lambda _: Start(0.1, 0.1, 9))
    monkeypatch.setattr(command, "missed", lambda _: [])
    assert (
        command.main(["--build", str(world / "build"), "--readme", str(world / "README.md")]) == 0
    )
    told = capsys.readouterr()
    assert "| Ask |" in told.out
    assert told.err == ""
    assert "| Ask |" in (world / "README.md").read_text()


def run(world, readme="README.md"):
    return command.main(["--build", str(world / "build"), "--readme", str(world / readme)])


def test_a_missed_target_fails(world, capsys, monkeypatch):
    monkeypatch.setattr(command, "sizes", lambda *_: [])
    monkeypatch.setattr(command, "table", lambda _: "table")
    assert run(world) == 0
    monkeypatch.setattr(command, "sizes", lambda *_: ["a size"])
    monkeypatch.setattr(command, "missed", lambda size: [f"{size}: too much"])
    assert run(world) == 1
    assert capsys.readouterr().err == "a size: too much\n"


def test_a_readme_without_its_place_is_told(world, capsys, monkeypatch):
    monkeypatch.setattr(command, "sizes", lambda *_: [])
    (world / "OTHER.md").write_text("no markers")
    assert run(world, "OTHER.md") == 0
    assert "nothing written" in capsys.readouterr().err


def test_nothing_built_is_told(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr("sys.version_info", (3, 13, 0))
    assert command.main(["--build", str(tmp_path)]) == 2
    assert "run `make build` first" in capsys.readouterr().err


def test_another_python_is_told(world, capsys, monkeypatch):
    monkeypatch.setattr("sys.version_info", (3, 12, 9))
    assert run(world) == 2
    assert "the bytecode is for Python 3.13" in capsys.readouterr().err


@pytest.mark.parametrize("error", [PlainBuildError("no network"), StartError("no network")])
def test_what_cannot_be_measured_is_told(world, capsys, monkeypatch, error):
    def sizes(*_):
        raise error

    monkeypatch.setattr(command, "sizes", sizes)
    assert run(world) == 2
    assert capsys.readouterr().err == "sizes: no network\n"


def test_a_function_that_does_not_start_is_named(world, monkeypatch):
    (world / "build/AskFunction/handler.py").write_text("import not_there\n")
    with pytest.raises(StartError, match=r"AskFunction does not start:\n[^$]*not_there"):
        command.sizes(world / "build", world)


def test_a_build_of_another_template_is_told(world):
    (world / "template.yaml").write_text("Resources: {}")
    with pytest.raises(StartError, match=r"AskFunction is built, but .*run `make build`"):
        command.sizes(world / "build", world)
