"""The contract of a `Repository`, held by memory, SQLite and DynamoDB alike."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest
from redress.adapters.limits import MAX_DOCUMENT_BYTES, MAX_WRITES
from redress.errors import ConflictError, InvalidInputError
from redress.ports import Record, Repository, Write


def write(
    partition: str = "p",
    sort: str = "s",
    document: bytes = b"{}",
    version: int = 0,
    index: str | None = None,
) -> Write:
    return Write(
        partition=partition, sort=sort, document=document, expected_version=version, index=index
    )


def sorts(records: list[Record]) -> list[str]:
    return [record.sort for record in records]


def test_what_is_written_is_read(repository: Repository) -> None:
    document = '{"name":"Zoë 你好 🎁","n":1}'.encode()
    repository.commit([write("order#1", "order", document)])
    assert repository.get("order#1", "order") == Record(
        partition="order#1", sort="order", document=document, version=1
    )


def test_what_is_absent(repository: Repository) -> None:
    assert repository.get("p", "s") is None
    assert repository.query("p") == []
    assert repository.by_index("i") == []


def test_versions_count_writes(repository: Repository) -> None:
    for version in range(5):
        repository.commit([write(version=version, document=b"%d" % version)])
    found = repository.get("p", "s")
    assert found is not None
    assert (found.version, found.document) == (5, b"4")


@pytest.mark.parametrize("version", [0, 1, 3, 99])
def test_another_version_conflicts(repository: Repository, version: int) -> None:
    repository.commit([write()])
    repository.commit([write(version=1, document=b"2")])
    with pytest.raises(ConflictError):
        repository.commit([write(version=version)])
    found = repository.get("p", "s")
    assert found is not None
    assert (found.version, found.document) == (2, b"2")


def test_an_absent_record_has_version_0_only(repository: Repository) -> None:
    with pytest.raises(ConflictError):
        repository.commit([write(version=1)])
    assert repository.get("p", "s") is None


@pytest.mark.parametrize("place", [0, 1, 2])
def test_all_or_nothing(repository: Repository, place: int) -> None:
    repository.commit([write("p", "taken", b"old", index="i")])
    writes = [write("p", "a", index="i"), write("q", "b", index="i")]
    writes.insert(place, write("p", "taken", b"new", index="j"))
    with pytest.raises(ConflictError):
        repository.commit(writes)
    assert sorts(repository.query("p")) == ["taken"]
    assert repository.query("q") == []
    assert sorts(repository.by_index("i")) == ["taken"]
    assert repository.by_index("j") == []


def test_several_records_at_once(repository: Repository) -> None:
    repository.commit([write(sort=f"s{n:03}") for n in range(MAX_WRITES)])
    assert len(repository.query("p")) == MAX_WRITES
    repository.commit([write(sort=f"s{n:03}", version=1) for n in range(MAX_WRITES)])
    assert {record.version for record in repository.query("p")} == {2}


def test_nothing_to_commit(repository: Repository) -> None:
    repository.commit([])


def test_queries_are_sorted_and_by_prefix(repository: Repository) -> None:
    keys = ["order", "shipment#10", "shipment#2", "shipment#é", "shipment#", "shipment", "z", "Ä"]
    for key in keys:
        repository.commit([write(sort=key)])
    repository.commit([write("other", "shipment#1")])
    assert sorts(repository.query("p")) == sorted(keys)
    assert sorts(repository.query("p", "shipment#")) == [
        "shipment#",
        "shipment#10",
        "shipment#2",
        "shipment#é",
    ]
    assert sorts(repository.query("p", "shipment#1")) == ["shipment#10"]
    assert repository.query("p", "x") == []


@pytest.mark.parametrize("odd", ["%", "_", "*", "[a-z]", "'", '"', "a\\b", "\U0010ffff"])
def test_odd_characters_are_no_patterns(repository: Repository, odd: str) -> None:
    repository.commit([write(odd, odd + "1", index=odd), write(odd, "x")])
    assert sorts(repository.query(odd, odd)) == [odd + "1"]
    assert sorts(repository.by_index(odd)) == [odd + "1"]


def test_more_than_one_page(repository: Repository) -> None:
    """DynamoDB answers in pages of 1 MB."""
    large = b'"' + b"x" * 200_000 + b'"'
    for n in range(12):
        repository.commit([write(sort=f"s{n:02}", document=large, index="i")])
    assert sorts(repository.query("p", "s")) == [f"s{n:02}" for n in range(12)]
    assert len(repository.by_index("i")) == 12


def test_index(repository: Repository) -> None:
    repository.commit([write("b", "1", index="i"), write("a", "2", index="i"), write("a", "3")])
    repository.commit([write("a", "1", index="other")])
    found = [(record.partition, record.sort) for record in repository.by_index("i")]
    assert found == [("a", "2"), ("b", "1")]


def test_a_write_replaces_the_index(repository: Repository) -> None:
    repository.commit([write(index="open")])
    repository.commit([write(version=1, index="closed")])
    assert repository.by_index("open") == []
    assert sorts(repository.by_index("closed")) == ["s"]
    repository.commit([write(version=2)])
    assert repository.by_index("closed") == []


@pytest.mark.parametrize(
    "writes",
    [
        [write(sort=str(n)) for n in range(MAX_WRITES + 1)],
        [write(), write()],
        [write(partition="")],
        [write(sort="")],
        [write(index="")],
        [write(sort="x" * 1025)],
        [write(sort="\ud800")],
        [write(document=b"x" * (MAX_DOCUMENT_BYTES + 1))],
    ],
)
def test_what_no_store_takes(repository: Repository, writes: list[Write]) -> None:
    with pytest.raises(InvalidInputError):
        repository.commit(writes)
    assert repository.query("p") == []


def test_repositories_are_apart(make_repository: Callable[[], Repository]) -> None:
    first, second = make_repository(), make_repository()
    first.commit([write(index="i")])
    assert second.get("p", "s") is None
    assert second.by_index("i") == []


def test_of_concurrent_writers_none_is_lost(repository: Repository) -> None:
    def count_up(_: int) -> int:
        refused = 0
        while True:
            found = repository.get("p", "counter")
            number, version = (int(found.document), found.version) if found else (0, 0)
            try:
                repository.commit(
                    [write(sort="counter", document=b"%d" % (number + 1), version=version)]
                )
            except ConflictError:
                refused += 1
            else:
                return refused

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(count_up, range(40)))
    found = repository.get("p", "counter")
    assert found is not None
    assert (found.document, found.version) == (b"40", 40)


def test_of_rival_transactions_one_wins(repository: Repository) -> None:
    def claim(number: int) -> bool:
        try:
            repository.commit(
                [write(sort="lock", document=b"%d" % number), write(sort=f"n{number}")]
            )
        except ConflictError:
            return False
        return True

    with ThreadPoolExecutor(6) as pool:
        won = list(pool.map(claim, range(12)))
    winner = won.index(True)
    assert won.count(True) == 1
    assert sorts(repository.query("p")) == ["lock", f"n{winner}"]
