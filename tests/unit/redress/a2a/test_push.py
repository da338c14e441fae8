"""Sending push notifications: to public hosts by TLS, once resolved, and nowhere else."""

import ipaddress
import json
import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from redress.a2a import push
from redress.a2a.push import PushSender, UnsafeUrlError, check_url, is_public
from redress.a2a.tasks import PushConfig

HOST = "hooks.example.com"
TASK = {
    "id": "task-1",
    "contextId": "context-1",
    "status": {"state": "TASK_STATE_COMPLETED"},
    "artifacts": [{"secret": "facts"}],
}


class Quiet(HTTPServer):
    """Handshakes that fail are what some tests want."""

    def handle_error(self, *_: Any) -> None:
        return


class Hook:
    """A TLS server on loopback that plays a caller's web hook."""

    def __init__(self, folder: Path) -> None:
        self.requests: list[tuple[str, dict[str, str], Any]] = []
        self.status = 200
        self.location = ""
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                hook.requests.append((self.path, dict(self.headers), json.loads(body)))
                self.send_response(hook.status)
                if hook.location:
                    self.send_header("Location", hook.location)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                return

        certificate, key = self_signed(folder)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)
        self.server = Quiet(("127.0.0.1", 0), Handler)
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True)
        self.port = self.server.server_port
        self.trust = ssl.create_default_context(cafile=str(certificate))
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"https://{HOST}:{self.port}/hook"


def self_signed(folder: Path) -> tuple[Path, Path]:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, HOST)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(HOST)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, secret = folder / "hook.pem", folder / "hook.key"
    pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    secret.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return pem, secret


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hook]:
    hook = Hook(tmp_path_factory.mktemp("hook"))
    yield hook
    hook.server.shutdown()
    hook.server.server_close()


@pytest.fixture
def hook(running: Hook, monkeypatch: pytest.MonkeyPatch) -> Hook:
    """The hook, whose loopback address counts as public while a test runs."""
    running.requests.clear()
    running.status, running.location = 200, ""
    monkeypatch.setattr(push, "is_public", lambda a: a == "127.0.0.1" or is_public(a))
    return running


def here(_host: str, _port: int) -> list[str]:
    return ["127.0.0.1"]


def config(url: str, **more: str) -> PushConfig:
    return PushConfig(config_id="c-1", url=url, **more)


def test_it_tells_the_state_and_no_facts(hook: Hook) -> None:
    sender = PushSender(here, hook.trust)
    secrets = {"token": "t-1", "scheme": "Bearer", "credentials": "x"}
    assert sender.send(config(hook.url, **secrets), TASK)
    ((path, headers, body),) = hook.requests
    assert path == "/hook"
    assert headers["X-A2A-Notification-Token"] == "t-1"
    assert headers["Authorization"] == "Bearer x"
    assert headers["Host"] == f"{HOST}:{hook.port}"
    del (said := dict(TASK))["artifacts"]
    assert body == {
        "statusUpdate": {"taskId": "task-1", "contextId": "context-1", "status": said["status"]}
    }


@pytest.mark.parametrize("status", [400, 404, 500, 503])
def test_who_does_not_take_it(hook: Hook, status: int) -> None:
    hook.status = status
    assert not PushSender(here, hook.trust).send(config(hook.url), TASK)


def test_redirects_are_not_followed(hook: Hook) -> None:
    hook.status, hook.location = 307, f"https://{HOST}:{hook.port}/elsewhere"
    assert not PushSender(here, hook.trust).send(config(hook.url), TASK)
    assert [path for path, _, _ in hook.requests] == ["/hook"]


def test_a_host_that_cannot_prove_its_name(hook: Hook) -> None:
    assert not PushSender(here, ssl.create_default_context()).send(config(hook.url), TASK)
    other = hook.url.replace(HOST, "other.example.com")
    assert not PushSender(here, hook.trust).send(config(other), TASK)
    assert hook.requests == []


def test_an_address_is_judged_again_when_it_is_connected_to(running: Hook) -> None:
    """A name that was public a moment ago leads inside now."""
    running.requests.clear()
    answers = iter([["93.184.215.14"], ["127.0.0.1"], ["127.0.0.1"]])
    sender = PushSender(lambda host, port: next(answers), running.trust)
    assert not sender.send(config(running.url), TASK)
    assert running.requests == []


def test_nothing_listens(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(push, "is_public", lambda a: True)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"https://{HOST}:{taken.getsockname()[1]}/"
        assert not PushSender(here).send(config(url), TASK)


def test_secrets_that_would_break_a_header_are_not_sent(hook: Hook) -> None:
    sender = PushSender(here, hook.trust)
    assert not sender.send(config(hook.url, token="a\r\nX-Evil: 1"), TASK)
    assert hook.requests == []


PUBLIC = ["8.8.8.8", "93.184.215.14", "2606:4700::1111", "::ffff:8.8.8.8"]
INSIDE = [
    "127.0.0.1",
    "10.1.2.3",
    "172.31.0.1",
    "192.168.0.1",
    "169.254.169.254",
    "100.100.100.200",
    "0.0.0.0",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "192.0.2.1",
    "198.18.0.1",
    "::1",
    "::",
    "fe80::1%eth0",
    "fc00::1",
    "fd00:ec2::254",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "64:ff9b::7f00:1",
    "2002:7f00:1::",
    "2001:db8::1",
    "nonsense",
    "",
]


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("address", INSIDE)
def test_addresses_that_are_not(address: str) -> None:
    assert not is_public(address)


def test_no_private_network_counts_as_public() -> None:
    for net in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "169.254.0.0/16"):
        network = ipaddress.ip_network(net)
        for address in (network[0], network[-1], network[network.num_addresses // 2]):
            assert not is_public(str(address))
            assert not is_public(f"::ffff:{address}")


def test_one_inner_address_is_enough() -> None:
    with pytest.raises(UnsafeUrlError):
        check_url(f"https://{HOST}/", lambda host, port: ["8.8.8.8", "10.0.0.1"])
    check_url(f"https://{HOST}/", lambda host, port: ["8.8.8.8", "2606:4700::1111"])


def test_the_machines_own_resolver_finds_itself() -> None:
    with pytest.raises(UnsafeUrlError, match="public"):
        check_url("https://localhost/")
