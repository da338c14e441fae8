"""ANY /a2a/{domain}: HTTP events of API Gateway in, its answers out."""

import base64
import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest
from a2a_world import AGENTS, A2AWorld, message
from redress.config import Config
from redress.runtime import Runtime, using

ROOT = Path(__file__).parents[4]


class Deployed:
    """The functions' own handlers over a world in memory."""

    def __init__(self) -> None:
        self.world = A2AWorld()
        self.runtime = Runtime(
            Config(token_issuer="https://issuer.example"),
            tasks=self.world.records,
            cases=self.world.grants,
            task_starter=self.world.starter,
            card_signer=self.world.card_key,
            signer=self.world.key,
            clock=self.world.clock,
        )

    def call(self, domain: str, event: Any) -> Any:
        path = ROOT / "functions" / f"serve_{domain}_agent" / "handler.py"
        spec = importlib.util.spec_from_file_location(f"serve_{domain}_agent", path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        with using(self.runtime):
            return json.loads(json.dumps(module.handler(event, None)))


@pytest.fixture(scope="module")
def deployed() -> Deployed:
    return Deployed()


def event(domain: str, path: str = "", verb: str = "POST", body: Any = None, **headers: str) -> Any:
    found: Any = json.loads((ROOT / "events" / f"serve_{domain}_agent.json").read_text())
    full = f"/a2a/{domain}{path}"
    found["rawPath"] = found["requestContext"]["http"]["path"] = full
    found["requestContext"]["http"]["method"] = verb
    found["headers"] |= {name.replace("_", "-"): value for name, value in headers.items()}
    if body is not None:
        found["body"] = body if isinstance(body, str) else json.dumps(body)
    return found


@pytest.mark.parametrize("domain", sorted(AGENTS))
def test_the_sample_asks_for_the_card(deployed: Deployed, domain: str) -> None:
    sample = json.loads((ROOT / "events" / f"serve_{domain}_agent.json").read_text())
    answer = deployed.call(domain, sample)
    assert answer["statusCode"] == 200
    url = f"https://{sample['requestContext']['domainName']}/a2a/{domain}"
    assert json.loads(answer["body"])["url"] == url


@pytest.mark.parametrize("domain", sorted(AGENTS))
@pytest.mark.parametrize("slash", ["", "/"])
@pytest.mark.parametrize("encoded", [False, True])
def test_a_message(deployed: Deployed, domain: Any, slash: str, encoded: bool) -> None:
    case = deployed.world.case()
    token = deployed.world.token(case, domain)
    body = {"jsonrpc": "2.0", "id": 1, "method": "SendMessage"}
    asked = event(
        domain,
        slash,
        body={**body, "params": {"message": message(case)}},
        authorization=f"Bearer {token}",
        a2a_version="1.0",
    )
    if encoded:
        asked["body"] = base64.b64encode(asked["body"].encode()).decode()
        asked["isBase64Encoded"] = True
    answer = deployed.call(domain, asked)
    assert (answer["statusCode"], answer["isBase64Encoded"]) == (200, False)
    task = json.loads(answer["body"])["result"]["task"]
    assert task["status"]["state"] == "TASK_STATE_COMPLETED"


def test_rest_answers_are_text(deployed: Deployed) -> None:
    case = deployed.world.case()
    token = f"Bearer {deployed.world.token(case)}"
    asked = event("orders", "/tasks", "GET", authorization=token, a2a_version="1.0")
    answer = deployed.call("orders", asked)
    assert (answer["statusCode"], answer["isBase64Encoded"]) == (200, False)
    assert json.loads(answer["body"])["tasks"] == []


def test_a_token_of_another_domain(deployed: Deployed) -> None:
    token = deployed.world.token(deployed.world.case(), "payments")
    asked = event("orders", "/tasks", "GET", authorization=f"Bearer {token}", a2a_version="1.0")
    assert deployed.call("orders", asked)["statusCode"] == 401


@pytest.mark.parametrize(
    "odd",
    [
        {},
        {"version": "2.0"},
        {"version": "1.0", "httpMethod": "GET", "path": "/"},
        {"version": "2.0", "requestContext": {"http": "GET"}},
        {"Records": []},
    ],
)
def test_what_is_no_http_request(deployed: Deployed, odd: Any) -> None:
    assert deployed.call("orders", odd)["statusCode"] == 400
