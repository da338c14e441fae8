import os
from pathlib import Path

import pytest
from redress_local.lambda_service.types import FunctionSpec
from redress_local.lambda_service.workers.logs import MAX_LINE, LogPipe


@pytest.fixture
def log():
    spec = FunctionSpec(name="f", arn="a", code=Path("/"), handler="h.h")
    got = []
    pipe = LogPipe(spec, "stream", lambda _spec, stream, text: got.append(text))
    yield pipe, got
    pipe.close()


def test_only_whole_lines_are_handed_on(log):
    pipe, got = log
    os.write(pipe.write_fd, b"one\ntw")
    assert pipe.drain() == 6
    os.write(pipe.write_fd, b"o\nthree")
    pipe.drain()
    assert got == ["one", "two"]
    pipe.write("END")
    pipe.flush()
    assert got == ["one", "two", "three\nEND"]
    assert pipe.tail == b"one\ntwo\nthree\nEND\n"
    pipe.begin()
    assert pipe.tail == b""


def test_letters_that_are_split_between_reads_survive(log):
    pipe, got = log
    for byte in "ä€\n".encode():
        os.write(pipe.write_fd, bytes([byte]))
        pipe.drain()
    os.write(pipe.write_fd, b"\xff\n")
    pipe.drain()
    assert got == ["ä€", "\ufffd"]


def test_a_line_without_end_is_cut(log):
    pipe, got = log
    sent = 0
    while not got:
        sent += os.write(pipe.write_fd, b"x" * 10_000)
        pipe.drain()
    assert got == ["x" * MAX_LINE]
    assert sent < MAX_LINE + 20_000
    assert pipe.tail == b"x" * 4096
