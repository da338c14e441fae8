"""`redress token` and its endpoint: this machine's programs get tokens, web pages do not."""

import base64
import json
import socket
from typing import Any

import httpx
import pytest
from redress_local.cli.main import run

GOOD = {"x-redress-token-request": "1", "content-type": "application/json"}


def _claims(token: str) -> dict[str, Any]:
    part = token.split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found


def _run(front: Any, *words: str) -> int:
    return run(["token", "--endpoint-url", front.url, *words])


def test_only_the_token_is_printed_and_it_works(
    front: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(front, "--scope", "redress/read", "--sub", "customer-1") == 0
    out, err = capsys.readouterr()
    assert (out.count("\n"), err) == (1, "")
    answer = httpx.get(f"{front.url}/cases/1", headers={"authorization": f"Bearer {out.strip()}"})
    assert answer.status_code == 200


def test_what_is_asked_for_is_in_the_token(front: Any, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["--scope", "redress/read", "--scope", "redress/write", "--client", "web"]
    words += ["--ttl", "60", "--group", "a", "--group", "b", "--claim", "custom:x=1=2", "--json"]
    assert _run(front, *words) == 0
    answer = json.loads(capsys.readouterr().out)
    claims = _claims(answer["access_token"])
    assert (answer["token_type"], answer["expires_in"]) == ("Bearer", 60)
    assert claims["scope"] == "redress/read redress/write"
    assert claims["client_id"] == claims["sub"] == "web-client"
    assert claims["cognito:groups"] == ["a", "b"]
    assert claims["custom:x"] == "1=2"
    assert claims["exp"] - claims["iat"] == 60
    assert _run(front) == 0
    assert _claims(capsys.readouterr().out)["scope"] == "redress/read redress/write"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--scope", "redress/pay"], "there is no scope redress/pay: known are: redress/read, "),
        (["--client", "nobody"], "there is no client nobody: known are: web, job"),
        (["--pool", "nowhere"], "there is no user pool nowhere: known are: us-east-1_Local0001"),
        (["--ttl", "3601"], "a token lives 1 to 3600 seconds, not 3601"),
        (["--ttl", "0"], "a token lives 1 to 3600 seconds"),
        (["--claim", "iss=evil"], "the claim iss is the issuer's to set"),
        (["--claim", "scope=redress/pay"], "the claim scope is the issuer's to set"),
        (["--claim", "novalue"], "write it as --claim NAME=TEXT"),
        (["--claim", "a=1", "--claim", "a=2"], "given twice"),
        (["--sub", "x" * 20_000], "larger than"),
    ],
)
def test_a_wrong_call_says_what_to_do(
    words: list[str], told: str, front: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _run(front, *words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert told in err
    assert err.count("\n") == 1


def test_nothing_runs_there(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        # Bound and not listening: nobody answers, and nobody else gets the port.
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        assert run(["token", "--endpoint-url", url]) == 1
        assert run(["token", "--endpoint-url", url, "--json"]) == 1
    out, err = capsys.readouterr()
    assert "start it with `redress up --emulated`" in err
    assert json.loads(out)["error"]["type"] == "NotRunningError"


def test_something_else_runs_there(front: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        import threading

        def answer() -> None:
            client, _ = other.accept()
            with client:
                client.recv(65536)
                client.sendall(b"HTTP/1.0 200 OK\r\n\r\n<html>")

        threading.Thread(target=answer, daemon=True).start()
        url = f"http://127.0.0.1:{other.getsockname()[1]}"
        assert run(["token", "--endpoint-url", url]) == 1
    assert "no local cloud answers" in capsys.readouterr().err


@pytest.mark.parametrize(
    "url", ["https://127.0.0.1:1", "http://example.com", "ftp://127.0.0.1", "x", "http://[::1", ""]
)
def test_tokens_are_asked_of_this_machine_only(
    url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://10.0.0.1:4566")
    assert run(["token", "--endpoint-url", url]) == 2
    assert "is no local cloud" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        (GOOD, 200),
        (GOOD | {"host": "localhost:4566"}, 200),
        (GOOD | {"host": "[::1]:4566"}, 200),
        ({"content-type": "application/json"}, 403),
        (GOOD | {"x-redress-token-request": "0"}, 403),
        (GOOD | {"origin": "https://evil.example"}, 403),
        (GOOD | {"origin": "http://127.0.0.1:4566"}, 403),
        (GOOD | {"origin": "null"}, 403),
        (GOOD | {"sec-fetch-site": "same-origin"}, 403),
        (GOOD | {"referer": "http://localhost/"}, 403),
        (GOOD | {"host": "evil.example"}, 403),
        (GOOD | {"host": "127.0.0.1.evil.example:4566"}, 403),
        (GOOD | {"host": "localhost.evil.example"}, 403),
        (GOOD | {"host": "10.0.0.1"}, 403),
    ],
)
def test_a_web_page_gets_no_token(headers: dict[str, str], status: int, front: Any) -> None:
    answer = httpx.post(f"{front.url}/_redress/token", content=b"{}", headers=headers)
    assert answer.status_code == status
    assert ("access_token" in answer.json()) is (status == 200)
    assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_a_preflight_is_not_answered(front: Any) -> None:
    headers = {"origin": "https://evil.example", "access-control-request-method": "POST"}
    answer = httpx.options(f"{front.url}/_redress/token", headers=headers)
    assert answer.status_code == 405
    assert not [name for name in answer.headers if name.startswith("access-control-")]
    assert httpx.get(f"{front.url}/_redress/token", headers=GOOD).status_code == 405


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nope",
        b"\xff",
        b"[]",
        b"null",
        b'{"ttl":"60"}',
        b'{"ttl":1e99}',
        b'{"scopes":"redress/read"}',
        b'{"scopes":[7]}',
        b'{"unknown":1}',
        b'{"claims":[]}',
        b'{"claims":{"exp":9999999999}}',
        b'{"sub":7}',
        b"[" * 10_000,
    ],
)
def test_a_malformed_request(body: bytes, front: Any) -> None:
    answer = httpx.post(f"{front.url}/_redress/token", content=body, headers=GOOD)
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "InvalidRequest"
