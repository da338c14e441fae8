"""HTTP APIs over a real server: routes, events, answers, errors, CORS, throttling."""

import base64
import json
import re
import socket
import time
from typing import Any

import httpx
import pytest

PREFLIGHT = {"origin": "https://shop.example", "access-control-request-method": "POST"}


def _raw(front: Any, data: bytes) -> bytes:
    with socket.create_connection(("127.0.0.1", front.port), timeout=10) as client:
        client.sendall(data)
        received = b""
        while chunk := client.recv(65536):
            received += chunk
    return received


def test_the_event_has_payload_format_2(front: Any) -> None:
    answer = httpx.request(
        "GET",
        f"{front.url}/echo?a=1&b=x%20y&a=2&empty=",
        headers=[
            ("X-One", "1"),
            ("x-one", "2"),
            ("Cookie", "c1=v1; c2=v2"),
            ("User-Agent", "tester"),
        ],
    )
    assert answer.status_code == 200
    (event,) = front.functions.of("echo")
    context = event["requestContext"]
    assert event["version"] == "2.0"
    assert event["routeKey"] == context["routeKey"] == "GET /echo"
    assert event["rawPath"] == context["http"]["path"] == "/echo"
    assert event["rawQueryString"] == "a=1&b=x%20y&a=2&empty="
    assert event["queryStringParameters"] == {"a": "1,2", "b": "x y", "empty": ""}
    assert event["cookies"] == ["c1=v1", "c2=v2"]
    assert event["headers"]["x-one"] == "1,2"
    assert "cookie" not in event["headers"]
    assert event["headers"]["x-forwarded-for"] == "127.0.0.1"
    assert event["headers"]["x-forwarded-port"] == str(front.port)
    assert event["stageVariables"] == {"colour": "blue"}
    assert event["isBase64Encoded"] is False
    assert not {"body", "pathParameters"} & set(event)
    assert context["http"] == {
        "method": "GET",
        "path": "/echo",
        "protocol": "HTTP/1.1",
        "sourceIp": "127.0.0.1",
        "userAgent": "tester",
    }
    assert (context["accountId"], context["apiId"]) == ("000000000000", "httpapi1")
    assert context["domainName"] == "httpapi1.execute-api.us-east-1.amazonaws.com"
    assert (context["domainPrefix"], context["stage"]) == ("httpapi1", "$default")
    assert context["requestId"] == answer.headers["apigw-requestid"]
    assert re.fullmatch(r"\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d \+0000", context["time"])
    assert abs(context["timeEpoch"] - time.time() * 1000) < 10_000
    assert "authorizer" not in context


@pytest.mark.parametrize(
    ("method", "path", "function", "parameters"),
    [
        ("GET", "/pets/dog/1", "exact", None),
        ("GET", "/pets/dog/2", "param", {"id": "2"}),
        ("GET", "/pets/dog/a%20b", "param", {"id": "a b"}),
        ("GET", "/pets/cat/1", "greedy", {"proxy": "cat/1"}),
        ("GET", "/pets/dog/a%2Fb", "greedy", {"proxy": "dog/a/b"}),
        ("GET", "/pets/caf%C3%A9", "greedy", {"proxy": "café"}),
        ("DELETE", "/any", "any", None),
        ("OPTIONS", "/any", "any", None),
        ("HEAD", "/any", "any", None),
        ("GET", "/echo/", None, None),
        ("GET", "//echo", None, None),
        ("HEAD", "/echo", None, None),
        ("GET", "/ECHO", None, None),
        ("GET", "/pets/", None, None),
        ("POST", "/pets/dog/1", None, None),
        ("GET", "/nothing/there", None, None),
    ],
)
def test_a_route_is_chosen(
    method: str, path: str, function: str | None, parameters: Any, front: Any
) -> None:
    answer = httpx.request(method, front.url + path)
    if function is None:
        assert answer.status_code == 404
        assert method == "HEAD" or answer.json() == {"message": "Not Found"}
        assert front.functions.events == []
    else:
        assert answer.status_code == 200
        ((name, event),) = front.functions.events
        assert name == function
        assert event.get("pathParameters") == parameters


def test_dots_in_a_path_do_not_leave_the_route(front: Any) -> None:
    _raw(front, b"GET /pets/../echo HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    ((name, event),) = front.functions.events
    assert (name, event["pathParameters"]) == ("greedy", {"proxy": "../echo"})


@pytest.mark.parametrize("target", [b"/pets/%ff", b"/pets/%c3%28", b"/%80"])
def test_a_path_that_is_not_utf8_is_refused(target: bytes, front: Any) -> None:
    answer = _raw(front, b"GET " + target + b" HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400 ")
    assert b'{"message":"Bad Request"}' in answer
    assert front.functions.events == []


@pytest.mark.parametrize(
    ("content_type", "body", "encoded"),
    [
        ("application/json", b'{"a":1}', False),
        ("application/json; charset=utf-8", "{'é'}".encode(), False),
        ("text/plain", b"hello", False),
        ("application/problem+json", b"{}", False),
        ("application/octet-stream", b"abc", True),
        ("application/x-www-form-urlencoded", b"a=1", True),
        ("text/plain", b"\xff\xfe", True),
        ("image/png", b"\x89PNG", True),
    ],
)
def test_a_body_is_text_or_base64(
    content_type: str, body: bytes, encoded: bool, front: Any
) -> None:
    httpx.post(f"{front.url}/upload", content=body, headers={"content-type": content_type})
    (event,) = front.functions.of("upload")
    assert event["isBase64Encoded"] is encoded
    text = event["body"]
    assert (base64.b64decode(text) if encoded else text.encode()) == body


@pytest.mark.parametrize(
    ("result", "status", "kind", "body"),
    [
        ({"message": "hi"}, 200, "application/json", b'{"message": "hi"}'),
        ("hello", 200, "application/json", b"hello"),
        ([1, 2], 200, "application/json", b"[1, 2]"),
        (None, 200, "application/json", b"null"),
        ({"statusCode": 201}, 201, "text/plain;charset=UTF-8", b""),
        ({"statusCode": "202", "body": "x"}, 202, "text/plain;charset=UTF-8", b"x"),
        (
            {"statusCode": 200, "body": "aGk=", "isBase64Encoded": True},
            200,
            "text/plain;charset=UTF-8",
            b"hi",
        ),
        (
            {"statusCode": 404, "headers": {"Content-Type": "text/html"}, "body": "no"},
            404,
            "text/html",
            b"no",
        ),
    ],
)
def test_an_answer_is_inferred(
    result: Any, status: int, kind: str, body: bytes, front: Any
) -> None:
    front.functions.handlers["echo"] = lambda event: result
    answer = httpx.get(f"{front.url}/echo")
    assert (answer.status_code, answer.headers["content-type"], answer.content) == (
        status,
        kind,
        body,
    )


def test_headers_and_cookies_of_an_answer(front: Any) -> None:
    front.functions.handlers["echo"] = lambda event: {
        "statusCode": 200,
        "headers": {"X-Number": 7, "X-Flag": True, "Content-Length": "999", "X-Word": "é"},
        "cookies": ["a=1; Path=/", "b=2"],
        "body": "four",
    }
    answer = httpx.get(f"{front.url}/echo")
    assert answer.headers["x-number"] == "7"
    assert answer.headers["x-flag"] == "true"
    assert answer.headers["content-length"] == "4"
    assert answer.headers.get_list("set-cookie") == ["a=1; Path=/", "b=2"]


@pytest.mark.parametrize(
    "result",
    [
        b"not json",
        b"",
        b"\xff",
        {"statusCode": "abc"},
        {"statusCode": 99},
        {"statusCode": True},
        {"statusCode": 200, "body": {"a": 1}},
        {"statusCode": 200, "headers": ["a"]},
        {"statusCode": 200, "headers": {"a": {}}},
        {"statusCode": 200, "headers": {"x": "a\r\nset-cookie: evil=1"}},
        {"statusCode": 200, "headers": {"bad name": "x"}},
        {"statusCode": 200, "cookies": "a=1"},
        {"statusCode": 200, "cookies": ["a=1\r\nx: y"]},
        {"statusCode": 200, "body": "%%%", "isBase64Encoded": True},
    ],
)
def test_a_malformed_answer_is_an_internal_error(result: Any, front: Any) -> None:
    front.functions.handlers["echo"] = lambda event: result
    answer = httpx.get(f"{front.url}/echo")
    assert (answer.status_code, answer.json()) == (500, {"message": "Internal Server Error"})
    assert "set-cookie" not in answer.headers


def test_what_a_function_raises_stays_inside(front: Any) -> None:
    def fail(event: Any) -> None:
        raise ValueError("secret detail")

    front.functions.handlers["echo"] = fail
    answer = httpx.get(f"{front.url}/echo")
    assert (answer.status_code, answer.json()) == (500, {"message": "Internal Server Error"})


def test_an_integration_that_takes_too_long(front: Any) -> None:
    front.functions.handlers["slow"] = lambda event: time.sleep(0.5)
    began = time.monotonic()
    answer = httpx.post(f"{front.url}/fast")
    assert time.monotonic() - began < 0.45
    assert (answer.status_code, answer.json()) == (503, {"message": "Service Unavailable"})


def test_a_throttled_function(front: Any) -> None:
    def throttle(event: Any) -> None:
        raise front.throttled

    front.functions.handlers["echo"] = throttle
    answer = httpx.get(f"{front.url}/echo")
    assert (answer.status_code, answer.json()) == (429, {"message": "Too Many Requests"})


def test_a_route_is_throttled_by_its_burst(front: Any) -> None:
    statuses = [httpx.get(f"{front.url}/limited").status_code for _ in range(5)]
    assert statuses == [200, 200, 200, 429, 429]
    assert httpx.get(f"{front.url}/echo").status_code == 200


def test_a_body_over_the_limit_is_refused_before_it_is_read(front: Any) -> None:
    head = f"POST /upload HTTP/1.1\r\nHost: x\r\nContent-Length: {10 * 1024 * 1024 + 1}\r\n\r\n"
    answer = _raw(front, head.encode())
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b'{"message":"Request Entity Too Large"}' in answer
    assert front.functions.events == []


def test_a_chunked_body_over_the_limit_is_refused(front: Any) -> None:
    def chunks() -> Any:
        for _ in range(11):
            yield b"x" * 1024 * 1024

    try:
        status = httpx.post(f"{front.url}/upload", content=chunks()).status_code
    except httpx.TransportError:
        status = 413  # The server hung up while it was being sent.
    assert status == 413
    assert front.functions.events == []


def test_huge_headers_are_refused(front: Any) -> None:
    answer = httpx.get(f"{front.url}/echo", headers={"x-huge": "x" * 20_000})
    assert answer.status_code == 431
    assert front.functions.events == []


def test_a_preflight_is_answered_by_the_gateway(front: Any) -> None:
    answer = httpx.options(f"{front.url}/cases", headers=PREFLIGHT)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "https://shop.example"
    assert answer.headers["access-control-allow-methods"] == "GET,POST"
    assert answer.headers["access-control-allow-headers"] == "authorization,content-type"
    assert answer.headers["access-control-max-age"] == "600"
    assert front.functions.events == []


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "https://shop.example.evil"])
def test_another_origin_gets_no_cors_headers(origin: str, front: Any) -> None:
    refused = httpx.options(f"{front.url}/cases", headers=PREFLIGHT | {"origin": origin})
    answer = httpx.get(f"{front.url}/echo", headers={"origin": origin})
    for headers in (refused.headers, answer.headers):
        assert not [name for name in headers if name.startswith("access-control-")]


def test_cors_headers_are_the_gateways_and_also_on_errors(front: Any) -> None:
    front.functions.handlers["echo"] = lambda event: {
        "statusCode": 200,
        "headers": {"Access-Control-Allow-Origin": "*"},
    }
    origin = {"origin": "https://shop.example"}
    answer = httpx.get(f"{front.url}/echo", headers=origin)
    assert answer.headers.get_list("access-control-allow-origin") == ["https://shop.example"]
    assert answer.headers["access-control-expose-headers"] == "x-total"
    refused = httpx.get(f"{front.url}/cases/1", headers=origin)
    assert refused.status_code == 401
    assert refused.headers["access-control-allow-origin"] == "https://shop.example"


def test_an_access_log_line_stays_one_json_object(front: Any) -> None:
    answer = httpx.get(f"{front.url}/pets/%22%0A%5C")
    ((arn, line),) = front.lines
    assert arn == "arn:aws:logs:log-group:api"
    assert "\n" not in line
    assert json.loads(line) == {
        "id": answer.headers["apigw-requestid"],
        "route": "GET /pets/{proxy+}",
        "status": "200",
        "path": '/pets/"\n\\',
        "no": "-",
    }
