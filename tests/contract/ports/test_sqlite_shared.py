"""One SQLite file, many threads and processes: no write is lost, none is applied twice."""

import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from redress.adapters.sqlite.repository import SqliteRepository, SqliteStore
from redress.errors import ConflictError, DependencyUnavailableError, InvalidInputError
from redress.ports import Write

ROUNDS = 25


def count_up(repository: SqliteRepository, rounds: int) -> None:
    for _ in range(rounds):
        while True:
            found = repository.get("p", "counter")
            version = found.version if found else 0
            number = int(found.document) + 1 if found else 1
            try:
                repository.commit(
                    [
                        Write(
                            partition="p",
                            sort="counter",
                            document=b"%d" % number,
                            expected_version=version,
                        )
                    ]
                )
                break
            except ConflictError:
                continue


def run_all(workers: list[threading.Thread]) -> None:
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()


def test_threads(tmp_path: Path) -> None:
    repository = SqliteStore(tmp_path / "x.db", synchronous="NORMAL").repository("t")
    run_all([threading.Thread(target=count_up, args=(repository, ROUNDS)) for _ in range(4)])
    found = repository.get("p", "counter")
    assert found is not None
    assert (found.document, found.version) == (b"100", 100)


def test_processes_from_an_empty_file(tmp_path: Path) -> None:
    """Each process is a fresh interpreter that runs this very file."""
    path = str(tmp_path / "x.db")
    command = [sys.executable, __file__, path]
    workers = [subprocess.Popen(command) for _ in range(3)]
    assert [worker.wait(60) for worker in workers] == [0, 0, 0]
    found = SqliteRepository(path, "t").get("p", "counter")
    assert found is not None
    assert found.document == b"75"


def test_it_is_there_after_reopening(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    store = SqliteStore(path)
    write = Write(partition="p", sort="s", document=b"{}", expected_version=0)
    store.repository("t").commit([write])
    store.close()
    assert SqliteRepository(path, "t").get("p", "s") is not None


@pytest.mark.parametrize(
    "call",
    [
        lambda repository: repository.get("p", "s"),
        lambda repository: repository.query("p"),
        lambda repository: repository.commit(
            [Write(partition="p", sort="s", document=b"", expected_version=0)]
        ),
    ],
)
def test_a_closed_store_is_unavailable(
    tmp_path: Path, call: Callable[[SqliteRepository], object]
) -> None:
    store = SqliteStore(tmp_path / "x.db")
    repository = store.repository("t")
    store.close()
    with pytest.raises(DependencyUnavailableError):
        call(repository)


def test_files_that_cannot_be_opened(tmp_path: Path) -> None:
    with pytest.raises(DependencyUnavailableError):
        SqliteStore(tmp_path / "no" / "folder.db")
    (tmp_path / "x.db").write_text("this is no database, it is a letter" * 99)
    with pytest.raises(DependencyUnavailableError):
        SqliteRepository(tmp_path / "x.db", "t")


@pytest.mark.parametrize("table", ["", "a b", '"; DROP TABLE t; --', "1t", "é", "x" * 200])
def test_tables_have_plain_names(tmp_path: Path, table: str) -> None:
    with pytest.raises(InvalidInputError):
        SqliteRepository(tmp_path / "x.db", table)


if __name__ == "__main__":
    count_up(SqliteRepository(sys.argv[1], "t"), ROUNDS)
