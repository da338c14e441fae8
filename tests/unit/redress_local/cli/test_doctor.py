"""The doctor looks into the databases of a store."""

import json
import sqlite3
from pathlib import Path

import pytest
from redress_local.cli.main import run
from redress_local.embedded.store import STORE_PARTS, StoreFolder, new_info


@pytest.fixture
def store(tmp_path: Path) -> Path:
    folder = StoreFolder(tmp_path / "store")
    folder.remember(new_info("0" * 64, "2026-03-02T12:00:00Z"))
    folder.close()
    for name in STORE_PARTS:
        database = sqlite3.connect(tmp_path / "store" / name)
        database.execute("CREATE TABLE things (name TEXT)")
        database.executemany("INSERT INTO things VALUES (?)", [("x" * 900,)] * 40)
        database.commit()
        database.close()
    return tmp_path / "store"


def _todo(store: Path, capsys: pytest.CaptureFixture[str]) -> tuple[str, str]:
    run(["doctor", "--store", str(store), "--json"])
    checks = {check["name"]: check for check in json.loads(capsys.readouterr().out)["checks"]}
    return checks["store"]["found"], checks["store"]["do"]


def test_a_sound_store(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert _todo(store, capsys)[1] == ""


@pytest.mark.parametrize("name", STORE_PARTS)
@pytest.mark.parametrize("damage", ["garbage", "cut", "empty", "missing"])
def test_a_damaged_part_is_named(
    name: str, damage: str, store: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = store / name
    data = file.read_bytes()
    file.unlink()
    if damage != "missing":
        cut = data[: len(data) // 2]
        file.write_bytes({"garbage": b"\x07" * 5000, "cut": cut, "empty": b""}[damage])
    found, todo = _todo(store, capsys)
    assert name in found
    assert "restore" in todo
