"""The gateway as its clients see it."""

import http.client
import json
import logging
import socket
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace
from typing import Any

import aws_clients
import pytest
from botocore.exceptions import ClientError
from redress_local.emulated.gateway.app import Gateway, Routes
from redress_local.emulated.gateway.server import Listener, ServeError, serve
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect


class States:
    def handle(self, target: str, body: bytes) -> Any:
        if b"fault" in body:
            raise RuntimeError("a bug")
        answer = {"executionArn": target, "startDate": 1}
        headers = {"Content-Type": "application/x-amz-json-1.0"}
        return SimpleNamespace(status=200, headers=headers, body=json.dumps(answer).encode())


class Functions:
    def __init__(self) -> None:
        self.gate = threading.Event()
        self.inside = threading.Semaphore(0)

    def handle(self, method: str, path: str, query: str, headers: Any, body: bytes) -> Any:
        if b"wait" in body:
            self.inside.release()
            self.gate.wait(20)
        shown = {"method": method, "path": path, "query": query, "agent": "user-agent" in headers}
        return 200, {"Content-Type": "application/json"}, json.dumps(shown).encode()


def app(name: str) -> Any:
    async def answer(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.send", "text": name})
            await send({"type": "websocket.close"})
            return
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": f"{name} {scope['path']}".encode()})

    return answer


@pytest.fixture
def functions() -> Functions:
    return Functions()


@pytest.fixture
def local(functions: Functions) -> Iterator[Any]:
    routes = Routes(
        json={"states": States()},
        rest={"lambda": functions},
        pages={"extra": app("extra")},
        well_known=app("issuer"),
        http=app("front"),
        websocket=app("socket"),
    )
    gateway = Gateway(routes, max_body_bytes=100_000)
    with serve(gateway) as server:
        yield SimpleNamespace(gateway=gateway, url=server.url, port=server.port)


def client(url: str, service: str, key: str = "test") -> Any:
    return aws_clients.client(service, url, key=key, max_pool_connections=256)


def get(url: str, method: str = "GET", **headers: str) -> tuple[int, bytes]:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    request = urllib.request.Request(url, headers=named, method=method)
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def test_services_of_ours(local: Any) -> None:
    answer = client(local.url, "stepfunctions").start_execution(stateMachineArn="arn:m")
    assert answer["executionArn"] == "AWSStepFunctions.StartExecution"
    payload = client(local.url, "lambda").invoke(FunctionName="f", Qualifier="1")["Payload"]
    assert json.load(payload) == {
        "method": "POST",
        "path": "/2015-03-31/functions/f/invocations",
        "query": "Qualifier=1",
        "agent": True,
    }


def test_everything_else_goes_to_the_front(local: Any) -> None:
    assert get(f"{local.url}/cases", Authorization="Bearer x") == (200, b"front /cases")
    assert get(f"{local.url}/.well-known/jwks.json") == (200, b"issuer /.well-known/jwks.json")
    assert get(f"{local.url}/_redress/extra/x") == (200, b"extra /_redress/extra/x")
    with connect(f"ws://127.0.0.1:{local.port}/ws") as socket_:
        assert socket_.recv() == "socket"


def test_what_is_not_there_is_a_clear_404() -> None:
    with serve(Gateway(Routes())) as server:
        status, body = get(f"{server.url}/cases")
        assert status == 404
        assert "no HTTP API is served here" in json.loads(body)["message"]
        assert get(f"{server.url}/.well-known/x")[0] == 404
        assert get(f"{server.url}/_redress/none")[0] == 404
        with pytest.raises(InvalidStatus), connect(f"ws://127.0.0.1:{server.port}/ws"):
            pass
        with pytest.raises(ClientError) as caught:
            client(server.url, "sqs").list_queues()
        assert caught.value.response["Error"]["Code"] == "UnknownService"


def test_foreign_hosts_and_pages_are_refused(local: Any) -> None:
    for path in ("/cases", "/_redress/health"):
        assert get(local.url + path, Host="evil.example")[0] == 403
        assert get(local.url + path, Host=f"localhost:{local.port}")[0] == 200
    page = f"{local.url}/_redress/calls"
    assert get(page, Origin="https://evil.example")[0] == 403
    assert get(page, Origin="null")[0] == 403
    assert get(page, Sec_Fetch_Site="cross-site")[0] == 403
    assert get(page, Origin=f"http://localhost:{local.port}")[0] == 200
    forged = f"{local.url}/?X-Amz-Credential=K/1/r/states/aws4_request"
    assert get(forged, Origin="https://evil.example")[0] == 403
    with pytest.raises(InvalidStatus) as refused:
        connect(f"ws://127.0.0.1:{local.port}/ws", additional_headers={"Host": "evil.example"})
    assert refused.value.response.status_code == 403


def test_health_and_calls() -> None:
    ready = threading.Event()
    gateway = Gateway(Routes(json={"states": States()}), ready=ready.is_set)
    gateway.calls.register("AKIAF", "ClaimCase")
    with serve(gateway) as server:
        status, body = get(f"{server.url}/_redress/health")
        assert (status, json.loads(body)["ready"]) == (503, False)
        ready.set()
        status, body = get(f"{server.url}/_redress/health")
        health = json.loads(body)
        assert (status, health["ready"], health["services"]) == (200, True, {"states": "redress"})
        assert {"redress", "python", "moto"} <= health["versions"].keys()
        client(server.url, "stepfunctions", "AKIAF").start_execution(stateMachineArn="arn:m")
        client(server.url, "stepfunctions").start_execution(stateMachineArn="arn:m")
        answer = json.loads(get(f"{server.url}/_redress/calls?principal=ClaimCase")[1])
        assert answer == {
            "overflow": 0,
            "calls": [
                {
                    "principal": "ClaimCase",
                    "service": "states",
                    "operation": "StartExecution",
                    "resource": "arn:m",
                    "count": 1,
                }
            ],
        }
        assert len(json.loads(get(f"{server.url}/_redress/calls")[1])["calls"]) == 2
        assert json.loads(get(f"{server.url}/_redress/calls", "DELETE")[1])["calls"] == []


def test_200_waiting_invocations_hold_up_nobody(local: Any, functions: Functions) -> None:
    lambda_, states = client(local.url, "lambda"), client(local.url, "stepfunctions")
    with ThreadPoolExecutor(200) as pool:
        waiting = [
            pool.submit(lambda_.invoke, FunctionName="f", Payload=b'"wait"') for _ in range(200)
        ]
        for _ in range(200):
            assert functions.inside.acquire(timeout=20)
        start = time.monotonic()
        for _ in range(5):
            states.start_execution(stateMachineArn="arn:m")
        assert time.monotonic() - start < 2
        functions.gate.set()
        assert {future.result()["StatusCode"] for future in waiting} == {200}


def test_bodies_are_limited(local: Any) -> None:
    with pytest.raises(ClientError) as caught:
        client(local.url, "lambda").invoke(FunctionName="f", Payload=b"x" * 100_001)
    assert caught.value.response["Error"]["Code"] == "RequestEntityTooLargeException"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 413


def test_a_fault_is_an_answer_and_secrets_are_not_logged(
    local: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, "redress_local")
    with pytest.raises(ClientError) as caught:
        client(local.url, "stepfunctions", "AKIASECRET").start_execution(
            stateMachineArn="arn:m", input='{"a": "fault"}'
        )
    assert caught.value.response["Error"]["Code"] == "InternalFailure"
    assert "a bug" in caplog.text
    ours = " ".join(r.getMessage() for r in caplog.records if r.name.startswith("redress_local"))
    assert "AKIASECRET" not in ours
    assert "stateMachineArn" not in ours


def test_moto_that_is_gone_is_an_error_of_the_service() -> None:
    with serve(Gateway(Routes(), moto_url="http://127.0.0.1:9")) as server:
        for service, call in (("dynamodb", "list_tables"), ("s3", "list_buckets")):
            with pytest.raises(ClientError) as caught:
                getattr(client(server.url, service), call)()
            assert caught.value.response["Error"]["Code"] == "ServiceUnavailable"
            assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503


def test_one_connection_serves_many_requests(local: Any) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", local.port)
    for _ in range(5):
        connection.request("GET", "/cases")
        first = connection.sock
        answer = connection.getresponse()
        assert answer.read() == b"front /cases"
    assert connection.sock is first
    connection.close()


def test_a_taken_port_is_told() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(ServeError, match=f"port {port} is taken"):
            serve(Gateway(Routes()), port)


@pytest.mark.parametrize("port", [-1, 65_536])
def test_no_port(port: int) -> None:
    with pytest.raises(ServeError):
        serve(Gateway(Routes()), port)


def test_the_port_is_known_before_it_serves() -> None:
    listener = Listener()
    with serve(Gateway(Routes(http=app("x"))), listener=listener) as server:
        assert server.port == listener.port > 0
        assert get(f"http://127.0.0.1:{listener.port}/")[0] == 200


def test_it_stops_soon_although_connections_are_open(functions: Functions) -> None:
    server = serve(Gateway(Routes(rest={"lambda": functions}, http=app("front"))))
    idle = http.client.HTTPConnection("127.0.0.1", server.port)
    idle.request("GET", "/cases")
    idle.getresponse().read()
    start = time.monotonic()
    server.stop()
    assert time.monotonic() - start < 1
    idle.close()
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", server.port), 1)
    serve(Gateway(Routes()), server.port).stop()
