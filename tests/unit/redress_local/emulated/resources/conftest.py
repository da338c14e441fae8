"""Templates from text, and services that record calls in place of a gateway."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from botocore.awsrequest import AWSResponse
from redress_local.emulated.resources.services import Services
from redress_local.emulated.resources.stack import Stack
from redress_local.emulated.resources.translate import translate
from redress_local.lambda_service.types import FunctionSpec


class Recorder:
    """Takes functions and user pools, and remembers them."""

    def __init__(self) -> None:
        self.specs: dict[str, FunctionSpec] = {}
        self.pools: list[Any] = []

    def create_function(self, spec: FunctionSpec) -> None:
        self.specs[spec.logical_id] = spec

    def register(self, pool: Any) -> None:
        self.pools.append(pool)


class Body:
    def __init__(self, data: bytes) -> None:
        self._data = data

    def stream(self, **_: Any) -> list[bytes]:
        return [self._data]


class OfflineServices(Services):
    """Real boto3 clients whose requests are answered before they are sent."""

    def __init__(self, folder: Path, answers: dict[str, Any] | None = None) -> None:
        self.recorder = Recorder()
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.answers = answers or {}
        super().__init__(
            endpoint_url="http://127.0.0.1:4566",
            functions=self.recorder,
            issuer=self.recorder,
            folder=folder,
            built=True,
        )

    def _make(self, service: str) -> Any:
        client = super()._make(service)
        operation: list[str] = []

        def note(params: dict[str, Any], model: Any, **_: Any) -> None:
            operation.append(model.name)
            self.calls.append((model.name, dict(params)))

        def answer(request: Any, **_: Any) -> AWSResponse:
            body = json.dumps(self.answers.get(operation[-1], {})).encode()
            return AWSResponse(request.url, 200, {}, Body(body))

        client.meta.events.register("provide-client-params.*.*", note)
        client.meta.events.register("before-send.*.*", answer)
        return client

    def named(self, operation: str) -> list[dict[str, Any]]:
        return [params for name, params in self.calls if name == operation]


@pytest.fixture
def stack_of(tmp_path: Path) -> Callable[..., Stack]:
    """Translates a template from text."""

    def make(text: str, **parameters: str) -> Stack:
        file = tmp_path / "template.yaml"
        file.write_text(dedent(text))
        return translate(file, parameters, stack_name="small")

    return make


@pytest.fixture
def services(tmp_path: Path) -> OfflineServices:
    return OfflineServices(tmp_path / "run")
