"""After a run no token is anywhere: not in state, logs, events, records or prompts."""

import json
import logging
import sys
import time
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from redress.identity import broker as brokers
from redress.models.base import dump
from redress.models.case import PATTERNS
from redress_local.embedded.cloud import EmbeddedCloud
from redress_local.emulated.bedrock.stub import BedrockStub
from redress_local.emulated.cloud import EmulatedCloud
from redress_local.shop.generator import generate_cases
from redress_local.shop.labels import to_case_opened

sys.path.insert(0, str(Path(__file__).parents[1] / "support"))

from token_leaks import leaks_in_cloud, leaks_in_files, tokens_in

BY_TOKENS = ("pipeline", "orchestrator", "swarm")


def test_the_search_finds_a_token(tmp_path: Path) -> None:
    token = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJ4In0.c2ln"
    assert tokens_in(f"user said {token}")
    assert tokens_in({"state": [{"token": token}]})
    assert tokens_in("Authorization: Bearer 0123456789abcdefghij")
    assert not tokens_in({"grant_id": "grant.case_1", "text": "Hey Jude"})
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "journal.db").write_bytes(b"\x00\xff" + token.encode())
    assert list(leaks_in_files(tmp_path)) == ["deep/journal.db"]


@pytest.mark.parametrize("pattern", PATTERNS)
def test_an_embedded_case(
    pattern: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    issued: list[str] = []
    sign = brokers.sign

    def signing(*args: Any) -> str:
        issued.append(sign(*args))
        return issued[-1]

    monkeypatch.setattr(brokers, "sign", signing)
    prompts = record_prompts(monkeypatch)
    caplog.set_level(logging.DEBUG)
    shop, labels = generate_cases(40, 5)
    label = next(each for each in labels.cases if each.kind == "duplicate_charge")
    with EmbeddedCloud.open(tmp_path / "store", shop=shop, workers=0) as cloud:
        entry = {
            "EventBusName": cloud.case_bus,
            "Source": "test",
            "DetailType": "CaseOpened",
            "Detail": {**dump(to_case_opened(label, labels.as_of)), "pattern": pattern},
            "Time": labels.as_of.isoformat(),
        }
        (arn,) = cloud.executions_of(cloud.put([entry])[0])
        assert cloud.settle(arn).status == "SUCCEEDED"
        cloud.drain()
    assert bool(issued) == (pattern in BY_TOKENS)
    assert leaks_in_files(tmp_path / "store") == {}
    assert [record.getMessage() for record in caplog.records if tokens_in(vars(record))] == []
    assert prompts
    assert [prompt for prompt in prompts if tokens_in(prompt)] == []


def record_prompts(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Keep whatever the offline model is given."""
    from redress.agents.models.playbook.model import PlaybookModel

    prompts: list[Any] = []
    stream = PlaybookModel.stream

    def streaming(self: Any, *args: Any, **named: Any) -> Any:
        prompts.append([args, {k: v for k, v in named.items() if k != "invocation_state"}])
        return stream(self, *args, **named)

    monkeypatch.setattr(PlaybookModel, "stream", streaming)
    return prompts


@pytest.mark.timeout(300)
def test_emulated_cases_from_sign_in_to_outcome(monkeypatch: pytest.MonkeyPatch) -> None:
    """By a customer's own token, by each pattern: only ids of grants go anywhere."""
    prompts: list[bytes] = []
    answer = BedrockStub._answer

    def answering(self: Any, model_id: str, body: bytes) -> Any:
        prompts.append(body)
        return answer(self, model_id, body)

    monkeypatch.setattr(BedrockStub, "_answer", answering)
    shop, labels = generate_cases(40, 5)
    chosen = [each for each in labels.cases if each.expected_actions][: len(PATTERNS)]
    with EmulatedCloud.start(port=0, shop=shop, parameters={"LogLevel": "DEBUG"}) as cloud:
        token = cloud.issuer.mint(sub=chosen[0].customer_id)
        body = {"order_id": chosen[0].order_id, "statement": chosen[0].statement}
        assert post(cloud, "/cases", token, body) == 202
        assert post(cloud, "/cases", "not.a.token", body) == 401
        bus = cloud.stack.outputs["BusName"]
        events = cloud.client("events")
        for pattern, label in zip(BY_TOKENS, chosen[1:], strict=False):
            detail = {**dump(to_case_opened(label, labels.as_of)), "pattern": pattern}
            entry = {
                "EventBusName": bus,
                "Source": "test",
                "DetailType": "CaseOpened",
                "Detail": json.dumps(detail, default=str),
                "Time": labels.as_of,
            }
            assert events.put_events(Entries=[entry])["FailedEntryCount"] == 0
        wait_for_all(cloud, 1 + len(BY_TOKENS))
        asked = {
            call.principal
            for call in cloud.gateway.calls.entries()
            if (call.service, call.operation) == ("execute-api", "Invoke")
        }
        assert "RunPaymentsAgentFunction" in asked, (
            "nobody asked for a token, so this shows nothing"
        )
        assert leaks_in_cloud(cloud) == {}
    assert prompts
    assert [prompt for prompt in prompts if tokens_in(prompt)] == []


def post(cloud: EmulatedCloud, path: str, token: str, body: Any) -> int:
    connection = HTTPConnection(urlsplit(cloud.url).netloc, timeout=60)
    try:
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        connection.request("POST", path, json.dumps(body), headers)
        return connection.getresponse().status
    finally:
        connection.close()


def wait_for_all(cloud: EmulatedCloud, cases: int) -> None:
    """Wait until the cases have started, and nothing runs but what waits for a human."""
    states = cloud.client("stepfunctions")
    machine = cloud.stack.outputs["ResolveCaseMachineArn"]
    deadline = time.monotonic() + 200
    while time.monotonic() < deadline:
        found = states.list_executions(stateMachineArn=machine)["executions"]
        if len(found) == cases and all(each["status"] != "RUNNING" for each in found):
            assert {each["status"] for each in found} == {"SUCCEEDED"}
            return
        time.sleep(0.2)
    raise AssertionError([(each["name"], each["status"]) for each in found])
