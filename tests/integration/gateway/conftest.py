"""One moto process and one gateway for all tests of this folder."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from aws_clients import client
from redress_local.emulated.gateway.app import Gateway, Routes
from redress_local.emulated.gateway.server import Server, serve
from redress_local.emulated.moto.process import MotoProcess

Client = Callable[..., Any]


class Served:
    def __init__(self, gateway: Gateway, server: Server, moto: MotoProcess) -> None:
        self.gateway, self.server, self.moto = gateway, server, moto
        self.url, self.port = server.url, server.port

    def client(self, service: str, key: str = "test", **config: Any) -> Any:
        return client(service, self.url, key=key, max_pool_connections=64, **config)


@pytest.fixture(scope="session")
def served() -> Iterator[Served]:
    with MotoProcess() as moto:
        gateway = Gateway(Routes(), moto_url=moto.url)
        with serve(gateway) as server:
            yield Served(gateway, server, moto)
