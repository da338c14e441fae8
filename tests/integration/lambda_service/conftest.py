"""The Lambda API on a loopback port, and moto for the services around it."""

import sys
from pathlib import Path

import aws_clients
import pytest
from redress_local.emulated.gateway.app import Gateway, Routes
from redress_local.emulated.gateway.server import serve
from redress_local.lambda_service.api import LambdaApi
from redress_local.lambda_service.destinations import Boto3Sender
from redress_local.lambda_service.service import LambdaService

sys.path.insert(0, str(Path(__file__).parents[2] / "unit/redress_local/lambda_service"))

from lambda_world import InProcessInvoker


def client(service, url):
    return aws_clients.client(service, url, parameter_validation=False)


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
    api = LambdaApi(service, code_folder=tmp_path / "code")
    with serve(Gateway(Routes(rest={"lambda": api}))) as server:
        yield client("lambda", server.url)
