"""The plain build: what a user of SAM alone would have, built again only when that changes."""

import json
from subprocess import CompletedProcess

import pytest

from tools import plain_build as plain
from tools.plain_build import PlainBuildError, digest, function_name, plain_build, requirements

REDRESS = ("RedressLayer",)
AGENTS = ("RedressLayer", "AgentsLayer")
POLICY = ("RedressLayer", "PolicyLayer")
GROUPS = {
    REDRESS: "functions/validate_case",
    AGENTS: "functions/conclude_investigation",
    POLICY: "functions/gather_context",
}


@pytest.fixture
def sam(tmp_path, monkeypatch):
    """Stands for the SAM CLI: counts its runs, and makes the folders that it would."""
    runs = []

    def run(command, cwd, env, **_):
        runs.append((command, env))
        template = json.loads((cwd / "source/template.json").read_text())
        for name in template["Resources"]:
            (cwd / "build" / name).mkdir(parents=True, exist_ok=True)
        return CompletedProcess(command, 0, "Build Succeeded")

    monkeypatch.setattr(plain.subprocess, "run", run)
    return runs


def test_names():
    assert function_name(AGENTS) == "PlainRedressAgents"


def test_the_source_is_a_functions_with_all_that_it_needs(tmp_path):
    plain.write_source(GROUPS, tmp_path)
    template = json.loads((tmp_path / "template.json").read_text())
    assert set(template["Resources"]) == {
        "PlainRedress",
        "PlainRedressAgents",
        "PlainRedressPolicy",
    }
    for name, resource in template["Resources"].items():
        assert "Metadata" not in resource
        folder = tmp_path / resource["Properties"]["CodeUri"]
        assert (folder / "handler.py").is_file()
        assert (folder / "redress/runtime.py").is_file()
        assert (folder / "policies/refund.cedar").is_file() == (name == "PlainRedressPolicy")
    assert not [*tmp_path.rglob("__pycache__"), *tmp_path.rglob("Makefile")]


def test_only_who_asks_pip_for_boto3_gets_it():
    packages = [
        {"name": "msgspec", "version": "1.0"},
        {"name": "boto3", "version": "3.0", "dependencies": [{"name": "six"}]},
        {"name": "six", "version": "4.0"},
        {"name": "aws-lambda-powertools", "version": "5.0"},
        {"name": "strands-agents", "version": "2.0", "dependencies": [{"name": "boto3"}]},
    ]
    lock = {"package": packages}
    assert requirements(lock, REDRESS) == "msgspec==1.0\n"
    assert requirements(lock, AGENTS).splitlines() == [
        "aws-lambda-powertools==5.0",
        "boto3==3.0",
        "msgspec==1.0",
        "six==4.0",
        "strands-agents==2.0",
    ]


def test_it_is_built_once(sam, tmp_path):
    built = plain_build(GROUPS, tmp_path)
    assert built[AGENTS] == tmp_path / "build/PlainRedressAgents"
    assert all(folder.is_dir() for folder in built.values())
    assert plain_build(GROUPS, tmp_path) == built
    assert len(sam) == 1


def test_it_is_built_again_when_what_goes_into_it_changes(sam, tmp_path):
    plain_build(GROUPS, tmp_path)
    plain_build(GROUPS | {REDRESS: "functions/claim_case"}, tmp_path)
    assert len(sam) == 2


def test_it_is_built_again_when_it_is_gone(sam, tmp_path):
    (tmp_path / "build").mkdir()
    plain_build(GROUPS, tmp_path)
    (tmp_path / "build/PlainRedress").rmdir()
    plain_build(GROUPS, tmp_path)
    assert len(sam) == 2


def test_this_machines_settings_of_pip_stay_out(sam, tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_FIND_LINKS", "/some/wheels")
    plain_build(GROUPS, tmp_path)
    ((_, environment),) = sam
    assert environment["PIP_FIND_LINKS"] == ""
    assert environment["PIP_CONFIG_FILE"] == "/dev/null"


def test_a_failure_is_told_and_not_taken_for_a_build(sam, tmp_path, monkeypatch):
    plain_build(GROUPS, tmp_path)
    fails = CompletedProcess([], 1, "line\n" * 50 + "Error: no such package\n")
    monkeypatch.setattr(plain.subprocess, "run", lambda *_, **__: fails)
    for _ in range(2):
        with pytest.raises(PlainBuildError, match="Error: no such package") as caught:
            plain_build({REDRESS: "functions/claim_case"}, tmp_path)
        assert len(str(caught.value).splitlines()) < 10


def test_a_digest_tells_names_and_contents_apart(tmp_path):
    def of(**files):
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        folder.mkdir()
        for name, text in files.items():
            (folder / name).write_text(text)
        return digest(folder)

    assert of(a="x", b="y") == of(b="y", a="x")
    assert len({of(a="x"), of(b="x"), of(a="y"), of(a="x", b=""), of(ab="x"), of()}) == 6
