"""The store's folder: one process at a time, counted commits, remembered shop."""

import subprocess
import sys
from pathlib import Path

import pytest
from redress.errors import ConflictError
from redress.ports import Write
from redress_local.embedded.store import (
    STORE_PARTS,
    CommitCounter,
    CountedStore,
    StoreBusyError,
    StoreError,
    StoreFolder,
    new_info,
    read_info,
)


def test_a_second_process_waits_and_is_refused(tmp_path: Path) -> None:
    folder = StoreFolder(tmp_path / "store")
    with pytest.raises(StoreBusyError, match="another"):
        StoreFolder(tmp_path / "store", wait_seconds=0.1)
    folder.close()
    StoreFolder(tmp_path / "store", wait_seconds=0.1).close()


def test_the_lock_dies_with_its_process(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path;"
        "from redress_local.embedded.store import StoreFolder;"
        "StoreFolder(Path(sys.argv[1])); os.kill(os.getpid(), 9)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert done.returncode == -9
    StoreFolder(tmp_path, wait_seconds=0.1).close()


def test_it_remembers_its_shop(tmp_path: Path) -> None:
    folder = StoreFolder(tmp_path)
    assert folder.info is None
    folder.remember(new_info("abc", "2026-03-02T12:00:00+00:00"))
    folder.close()
    info = read_info(tmp_path)
    assert info is not None
    assert info.shop_digest == "abc"


@pytest.mark.parametrize("text", ["", "[]", '{"version": 99, "shop_digest": "", "shop_as_of": ""}'])
def test_a_damaged_or_foreign_store_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "store.json").write_text(text)
    with pytest.raises(StoreError, match=str(tmp_path)):
        read_info(tmp_path)


def test_a_folder_that_cannot_be_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="file"):
        StoreFolder(tmp_path / "file" / "store")


def test_commits_of_all_stores_are_counted_once_they_are_durable(tmp_path: Path) -> None:
    seen: list[int] = []
    counter = CommitCounter(seen.append)
    first = CountedStore(tmp_path / "a.db", "NORMAL", counter)
    second = CountedStore(tmp_path / "b.db", "NORMAL", counter)
    before = len(seen)
    one, two = first.repository("one"), second.repository("two")
    write = Write(partition="p", sort="s", document=b"{}", expected_version=0)
    one.commit([write])
    two.commit([write])
    with pytest.raises(ConflictError):
        one.commit([write])
    assert seen == list(range(1, before + 5))
    first.close()
    second.close()


@pytest.mark.parametrize("name", STORE_PARTS)
@pytest.mark.parametrize("empty", [True, False])
def test_a_store_that_lost_a_part_is_refused(tmp_path: Path, name: str, empty: bool) -> None:
    folder = StoreFolder(tmp_path)
    for part in STORE_PARTS:
        (tmp_path / part).write_bytes(b"some")
    folder.remember(new_info("digest", "2026-03-02T12:00:00+00:00"))
    folder.close()
    StoreFolder(tmp_path).close()
    (tmp_path / name).unlink()
    if empty:
        (tmp_path / name).touch()
    with pytest.raises(StoreError, match=f"{name}: is missing or empty"):
        StoreFolder(tmp_path)
