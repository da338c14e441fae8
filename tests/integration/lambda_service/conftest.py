"""The Lambda API on a loopback port, and moto for the services around it."""

import sys
import threading
from pathlib import Path

import boto3
import pytest
import uvicorn
from botocore.config import Config
from redress_local.lambda_service.api import LambdaApi
from redress_local.lambda_service.destinations import Boto3Sender
from redress_local.lambda_service.service import LambdaService
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from starlette.routing import Route

sys.path.insert(0, str(Path(__file__).parents[2] / "unit/redress_local/lambda_service"))

from lambda_world import InProcessInvoker


def client(service, url):
    return boto3.client(
        service,
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(retries={"total_max_attempts": 1}, parameter_validation=False),
    )


def serve(api):
    """Serve a Lambda API; returns its URL and what stops it."""

    async def handle(request):
        body = await request.body()
        status, headers, data = await run_in_threadpool(
            api.handle,
            request.method,
            request.url.path,
            request.url.query,
            dict(request.headers),
            body,
        )
        return Response(data, status, headers)

    methods = ["GET", "POST", "PUT", "DELETE"]
    app = Starlette(routes=[Route("/{path:path}", handle, methods=methods)])
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error", lifespan="off"))
    started = threading.Event()
    startup = server.startup

    async def notify(sockets=None):
        await startup(sockets)
        started.set()

    server.startup = notify
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    assert started.wait(10)
    port = server.servers[0].sockets[0].getsockname()[1]

    def stop():
        server.should_exit = True
        thread.join(5)

    return f"http://127.0.0.1:{port}", stop


@pytest.fixture(scope="session")
def moto_url():
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture(scope="session")
def sqs(moto_url):
    return client("sqs", moto_url)


@pytest.fixture(scope="session")
def events(moto_url):
    return client("events", moto_url)


@pytest.fixture(scope="session")
def logs(moto_url):
    return client("logs", moto_url)


@pytest.fixture
def pool():
    return InProcessInvoker()


@pytest.fixture
def service(pool, request):
    """A service; it reaches queues only in tests that use them."""
    around = {}
    if "sqs" in request.fixturenames:
        sqs = request.getfixturevalue("sqs")
        around = {
            "sqs_client": lambda: sqs,
            "sender": Boto3Sender(lambda: sqs, lambda: request.getfixturevalue("events")),
        }
    service = LambdaService(pool, time_factor=1e-5, **around)
    yield service
    service.close()


@pytest.fixture
def aws(service, tmp_path):
    url, stop = serve(LambdaApi(service, code_folder=tmp_path / "code"))
    yield client("lambda", url)
    stop()
