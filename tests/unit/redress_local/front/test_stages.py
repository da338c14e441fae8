"""Several APIs and stages at one address."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from redress_local.front.http_front import HttpFront
from redress_local.front.issuer import Issuer
from redress_local.front.models import HttpApi, HttpRoute, Stage


@dataclass
class Answered:
    payload: bytes
    function_error: str | None = None


def _echo(arn: str, payload: bytes) -> Answered:
    return Answered(json.dumps({"arn": arn, "event": json.loads(payload)}).encode())


def _api(name: str, routes: tuple[str, ...], *stages: Stage) -> HttpApi:
    return HttpApi(
        api_id=name,
        name=name,
        account="0",
        region="us-east-1",
        routes=tuple(HttpRoute(route_key=key, function_arn=f"{name} {key}") for key in routes),
        stages=stages or (Stage(),),
    )


@pytest.fixture(scope="module")
def front() -> Iterator[HttpFront]:
    apis = [
        _api("one", ("GET /a", "GET /both", "GET /more/{p+}")),
        _api("two", ("GET /b", "GET /both")),
        _api("staged", ("$default", "GET /x"), Stage(name="dev", variables={"v": "1"})),
    ]
    front = HttpFront(apis, _echo, Issuer())
    yield front
    front.close()


def _get(front: HttpFront, path: str, host: str = "127.0.0.1:4566") -> httpx.Response:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app=front)
        async with httpx.AsyncClient(transport=transport) as client:
            return await client.get(f"http://{host}{path}")

    return asyncio.run(ask())


@pytest.mark.parametrize(
    ("path", "host", "arn"),
    [
        ("/a", "127.0.0.1", "one GET /a"),
        ("/b", "127.0.0.1", "two GET /b"),
        ("/both", "127.0.0.1", "one GET /both"),
        ("/both", "two.execute-api.us-east-1.amazonaws.com", "two GET /both"),
        ("/dev/x", "127.0.0.1", "staged GET /x"),
        ("/dev", "127.0.0.1", "staged $default"),
        ("/dev/anything/else", "127.0.0.1", "staged $default"),
    ],
)
def test_which_api_answers(path: str, host: str, arn: str, front: HttpFront) -> None:
    answer = _get(front, path, host)
    assert answer.status_code == 200
    assert answer.json()["arn"] == arn


@pytest.mark.parametrize(
    ("path", "host"),
    [("/a", "two.localhost"), ("/developer", "127.0.0.1"), ("/x", "127.0.0.1")],
)
def test_which_api_does_not(path: str, host: str, front: HttpFront) -> None:
    assert _get(front, path, host).status_code == 404


def test_a_stage_is_part_of_the_path_and_has_variables(front: HttpFront) -> None:
    event: dict[str, Any] = _get(front, "/dev/x").json()["event"]
    assert event["rawPath"] == "/dev/x"
    assert event["requestContext"]["stage"] == "dev"
    assert event["stageVariables"] == {"v": "1"}


def test_after_its_end_nothing_is_called() -> None:
    front = HttpFront([_api("one", ("GET /a",))], _echo, Issuer())
    front.close()
    assert _get(front, "/a").status_code == 500


def test_without_apis_nothing_is_found() -> None:
    front = HttpFront([], _echo, Issuer())
    assert _get(front, "/").json() == {"message": "Not Found"}
    front.close()
