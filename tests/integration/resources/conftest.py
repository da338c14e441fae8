"""A gateway with every service behind it, moto in its own process, and no function that runs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest
from asl_engine import Engine
from asl_engine.api.service import StepFunctionsApi
from redress.adapters.sqlite.repository import SqliteStore
from redress_local.emulated.gateway.app import Gateway, Routes
from redress_local.emulated.gateway.server import Server, serve
from redress_local.emulated.moto.process import MotoProcess
from redress_local.emulated.resources.services import Services
from redress_local.events.api.service import EventsApi
from redress_local.events.bus import EventBus
from redress_local.events.store import EventStore
from redress_local.front.issuer import Issuer
from redress_local.lambda_service.api import LambdaApi
from redress_local.lambda_service.service import LambdaService
from redress_local.template_values import ACCOUNT, REGION


class NothingRuns:
    """A pool of workers that nobody may need here."""

    def invoke(self, *_: Any, **__: Any) -> NoReturn:
        raise AssertionError("no function is invoked while resources are created")

    def discard(self, name: str) -> None:
        """There is no worker to forget."""


class Cloud:
    """What the tests look at."""

    def __init__(self, folder: Path, moto: MotoProcess) -> None:
        self.folder = folder
        self.store = SqliteStore(folder / "events.sqlite")
        self.bus = EventBus(None, EventStore(self.store), self._send, now=time.time)
        self.functions = LambdaService(NothingRuns())
        self.engine = Engine(
            max_workers=1, lambda_invoker=self.functions.task_invoker(), events=self._send
        )
        self.issuer = Issuer()
        routes = Routes()
        routes.json["states"] = StepFunctionsApi(self.engine, account=ACCOUNT, region=REGION)
        routes.json["events"] = EventsApi(self.bus)
        routes.rest["lambda"] = LambdaApi(self.functions)
        self.server: Server = serve(Gateway(routes, moto_url=moto.url))
        self.services = Services(
            endpoint_url=f"http://127.0.0.1:{self.server.port}",
            functions=self.functions,
            issuer=self.issuer,
            folder=folder / "run",
        )

    def _send(self, *_: Any) -> None:
        raise AssertionError("nothing is put on a bus while resources are created")

    def client(self, service: str) -> Any:
        return self.services.client(service)

    def close(self) -> None:
        self.services.close()
        self.server.stop()
        self.bus.close()
        self.functions.close()
        self.engine.close()
        self.store.close()


@pytest.fixture(scope="module")
def moto() -> Iterator[MotoProcess]:
    process = MotoProcess().start()
    yield process
    process.stop()


@pytest.fixture(scope="module")
def cloud(tmp_path_factory: pytest.TempPathFactory, moto: MotoProcess) -> Iterator[Cloud]:
    cloud = Cloud(tmp_path_factory.mktemp("cloud"), moto)
    yield cloud
    cloud.close()
