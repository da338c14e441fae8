import contextlib
import os
import socket

import pytest
from redress_local.lambda_service.workers.runtime_api import (
    MAX_RESPONSE,
    PREFIX,
    Request,
    RuntimeApi,
    Wait,
)


@pytest.fixture
def life():
    read, write = os.pipe()
    api = RuntimeApi(read)
    with os.fdopen(write, "wb", buffering=0) as file:
        yield api, file
    api.close()


def connect(api):
    host, port = api.address.split(":")
    return socket.create_connection((host, int(port)))


def next_request(api):
    for _ in range(100_000):
        request = api.wait(1)
        if request is not Wait.TICK:
            return request
    raise AssertionError


def test_reads_requests_in_pieces_and_answers(life):
    api, _ = life
    with connect(api) as link:
        head = f"POST {PREFIX}invocation/1/response HTTP/1.1\r\nContent-Length: 5\r\nX-A: b\r\n\r\n"
        for piece in (head[:10], head[10:], "he"):
            link.sendall(piece.encode())
            while api.wait(0.02) is not Wait.TICK:
                raise AssertionError
        link.sendall(b"llo")
        request = next_request(api)
        assert (request.method, request.path) == ("POST", "invocation/1/response")
        assert request.body == b"hello"
        assert request.headers["x-a"] == "b"
        request.connection.answer(202, b"{}", {"X-B": "c"})
        assert link.recv(999) == b"HTTP/1.1 202 Accepted\r\nX-B: c\r\nContent-Length: 2\r\n\r\n{}"
        # The same connection serves the next.
        link.sendall(f"GET {PREFIX}invocation/next HTTP/1.1\r\n\r\n".encode())
        request = next_request(api)
        assert (request.path, request.body) == ("invocation/next", b"")


def test_chunked_and_expect(life):
    api, _ = life
    with connect(api) as link:
        link.sendall(
            b"POST /x HTTP/1.1\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n"
        )
        assert api.wait(1) is Wait.TICK
        assert api.wait(0.1) is Wait.TICK
        assert link.recv(99).startswith(b"HTTP/1.1 100")
        link.sendall(b"3\r\nabc\r\n0\r\n\r\n")
        assert next_request(api).body == b"abc"


def test_too_large_a_body_is_dropped(life):
    api, _ = life
    with connect(api) as link:
        size = MAX_RESPONSE + 1
        link.setblocking(False)
        data = b"POST /x HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size
        request = Wait.TICK
        while request is Wait.TICK:
            if data:
                with contextlib.suppress(BlockingIOError):
                    data = data[link.send(data[: 1 << 16]) :]
            request = api.wait(0)
        assert isinstance(request, Request)
        assert request.too_large
        assert request.body == b""


def test_garbage_closes_that_connection_only(life):
    api, _ = life
    with connect(api) as bad, connect(api) as good:
        bad.sendall(b"\x00\xff not http\r\n\r\n")
        good.sendall(f"GET {PREFIX}invocation/next HTTP/1.1\r\n\r\n".encode())
        assert next_request(api).path == "invocation/next"
        assert api.wait(0.02) is Wait.TICK
        assert bad.recv(9) == b""


def test_what_was_sent_before_the_end_comes_before_it(life):
    api, file = life
    file.write(b"123\n")
    assert api.wait(1) is Wait.TICK
    assert (api.pid, api.exit_code) == (123, None)
    with connect(api) as link:
        link.sendall(b"POST /2018-06-01/runtime/init/error HTTP/1.1\r\nContent-Length: 1\r\n\r\nx")
        file.write(b"-9\n")
        file.close()
        assert next_request(api).path == "init/error"
    assert next_request(api) is Wait.EXITED
    assert api.wait(0) is Wait.EXITED
    assert api.exit_code == -9


def test_a_supervisor_that_dies_tells_no_exit_code(life):
    api, file = life
    file.write(b"123\n")
    file.close()
    assert next_request(api) is Wait.EXITED
    assert api.exit_code is None
