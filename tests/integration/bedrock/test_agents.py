"""Strands' BedrockModel, unmodified, finds the stub by AWS_ENDPOINT_URL."""

import asyncio
import json
import urllib.request
from typing import Any

import msgspec
import pytest
from botocore.exceptions import ClientError
from redress.agents import run
from redress.agents.decider import conclude_investigation
from redress.agents.models.factory import model_factory
from redress.agents.monolith import investigate_monolith
from redress.errors import (
    BudgetExceededError,
    DependencyUnavailableError,
    InvalidProposalError,
    ModelRefusedError,
    ModelThrottledError,
)

MODEL = "eu.anthropic.claude-sonnet-4-5-v1:0"
SPEC = f"bedrock:{MODEL}"


@pytest.fixture(autouse=True)
def no_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "RETRY_DELAY_SECONDS", 0)


@pytest.fixture(params=[True, False], ids=["stream", "whole"])
def streaming(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    from strands.models.bedrock import BedrockModel

    made = BedrockModel.__init__

    def init(self: Any, **config: Any) -> None:
        made(self, **{**config, "streaming": request.param})

    monkeypatch.setattr(BedrockModel, "__init__", init)
    return bool(request.param)


def operations(bedrock: Any) -> dict[str, int]:
    entries = bedrock.gateway.calls.entries()
    assert {(e.service, e.resource) for e in entries} == {("bedrock", MODEL)}
    return {entry.operation: entry.count for entry in entries}


def test_the_decider_concludes_as_the_playbook(bedrock: Any, example: Any, streaming: bool) -> None:
    offline = conclude_investigation(example.request, model_factory("playbook"))
    investigation = conclude_investigation(example.request, model_factory(SPEC))

    assert investigation.proposal == offline.proposal
    assert investigation.model == MODEL
    assert investigation.usage.cost_usd_micros > 0
    assert investigation.usage.output_tokens == offline.usage.output_tokens
    assert operations(bedrock) == {"ConverseStream" if streaming else "Converse": 1}


def test_the_monolith_uses_its_tools_as_the_playbook(
    bedrock: Any, example: Any, streaming: bool
) -> None:
    offline = investigate_monolith(
        example.request, *example.repositories, model_factory("playbook")
    )
    investigation = investigate_monolith(
        example.request, *example.repositories, model_factory(SPEC)
    )

    assert investigation.proposal == offline.proposal
    calls = investigation.usage.model_calls
    assert calls > 4
    assert operations(bedrock) == {"ConverseStream" if streaming else "Converse": calls}


def order_by_page(bedrock: Any, page: str, **order: Any) -> Any:
    request = urllib.request.Request(
        f"{bedrock.url}/_redress/bedrock/{page}", json.dumps(order).encode(), method="POST"
    )
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def test_throttled_once_is_tried_again(bedrock: Any, example: Any, streaming: bool) -> None:
    assert order_by_page(bedrock, "throttle", calls=1) == {"faults_left": 1}
    investigation = conclude_investigation(example.request, model_factory(SPEC))

    assert investigation.usage.model_calls == 1
    assert sum(operations(bedrock).values()) == 2


def test_throttled_always_is_a_retryable_error(bedrock: Any, example: Any) -> None:
    order_by_page(bedrock, "throttle", calls=99)
    with pytest.raises(ModelThrottledError):
        conclude_investigation(example.request, model_factory(SPEC))


@pytest.mark.parametrize("error", ["ModelStreamErrorException", "ThrottlingException"])
def test_an_error_within_the_stream(bedrock: Any, example: Any, error: str) -> None:
    order_by_page(bedrock, "fail", calls=99, error=error, mid_stream=True)
    with pytest.raises((DependencyUnavailableError, ModelThrottledError)):
        conclude_investigation(example.request, model_factory(SPEC))


@pytest.mark.parametrize(
    "error", ["AccessDeniedException", "ResourceNotFoundException", "ValidationException"]
)
def test_a_refusal_is_final(bedrock: Any, example: Any, streaming: bool, error: str) -> None:
    order_by_page(bedrock, "fail", calls=99, error=error, message="not for you")
    with pytest.raises(ModelRefusedError, match=f"REDRESS_MODEL.*{error}.*not for you"):
        conclude_investigation(example.request, model_factory(SPEC))
    assert sum(operations(bedrock).values()) == 1


def test_a_refusal_within_the_stream_is_final(bedrock: Any, example: Any) -> None:
    order_by_page(bedrock, "fail", calls=99, error="ValidationException", mid_stream=True)
    with pytest.raises(ModelRefusedError):
        conclude_investigation(example.request, model_factory(SPEC))


@pytest.mark.parametrize("error", ["InternalServerException", "ServiceUnavailableException"])
def test_an_outage_may_pass(bedrock: Any, example: Any, streaming: bool, error: str) -> None:
    order_by_page(bedrock, "fail", calls=99, error=error)
    with pytest.raises(DependencyUnavailableError, match=error):
        conclude_investigation(example.request, model_factory(SPEC))


def test_an_answer_cut_short(
    bedrock: Any, example: Any, monkeypatch: pytest.MonkeyPatch, streaming: bool
) -> None:
    monkeypatch.setattr("redress.agents.models.bedrock.OUTPUT_TOKENS", 20)
    with pytest.raises((BudgetExceededError, InvalidProposalError)):
        conclude_investigation(example.request, model_factory(SPEC))


def converse(client: Any, **request: Any) -> Any:
    asked = {"messages": [{"role": "user", "content": [{"text": "hello"}]}]}
    return client.converse(modelId=MODEL, **{**asked, **request})


def test_a_plain_conversation(bedrock: Any) -> None:
    answer = converse(bedrock.client())
    (block,) = answer["output"]["message"]["content"]
    assert block["text"]
    assert answer["stopReason"] == "end_turn"
    usage = answer["usage"]
    assert usage["totalTokens"] == usage["inputTokens"] + usage["outputTokens"] > 0


def test_streamed_and_whole_say_the_same(bedrock: Any) -> None:
    client = bedrock.client()
    asked = {"messages": [{"role": "user", "content": [{"text": "hello"}]}]}
    events = list(client.converse_stream(modelId=MODEL, **asked)["stream"])
    text = "".join(e["contentBlockDelta"]["delta"]["text"] for e in events[1:-3])
    whole = converse(client)
    assert text == whole["output"]["message"]["content"][0]["text"]
    assert events[-1]["metadata"]["usage"] == whole["usage"]
    assert [next(iter(e)) for e in events[-3:]] == ["contentBlockStop", "messageStop", "metadata"]


def test_the_limits_of_an_answer(bedrock: Any) -> None:
    client = bedrock.client()
    whole = converse(client)["output"]["message"]["content"][0]["text"]
    short = converse(client, inferenceConfig={"maxTokens": 2})
    assert short["stopReason"] == "max_tokens"
    assert short["output"]["message"]["content"][0]["text"] == whole[:8]
    assert short["usage"]["outputTokens"] == 2
    stopped = converse(client, inferenceConfig={"stopSequences": [whole[5:9]]})
    assert stopped["stopReason"] == "stop_sequence"
    assert stopped["output"]["message"]["content"][0]["text"] == whole[:5]


@pytest.mark.parametrize(
    ("request_", "code"),
    [
        ({"messages": []}, "ValidationException"),
        ({"modelId": "no model!"}, "ValidationException"),
        ({"guardrailConfig": {"guardrailIdentifier": "g", "guardrailVersion": "1"}}, None),
    ],
)
def test_errors_have_codes(bedrock: Any, request_: dict[str, Any], code: str | None) -> None:
    asked = {"modelId": MODEL, "messages": [{"role": "user", "content": [{"text": "hello"}]}]}
    client = bedrock.client()
    with pytest.raises(ClientError) as caught:
        client.converse(**{**asked, **request_})
    assert caught.value.response["Error"]["Code"] == (code or "ValidationException")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400


def test_an_arn_as_model_id(bedrock: Any) -> None:
    arn = f"arn:aws:bedrock:us-east-1:000000000000:inference-profile/{MODEL}"
    asked = {"messages": [{"role": "user", "content": [{"text": "hello"}]}]}
    assert bedrock.client().converse(modelId=arn, **asked)["stopReason"] == "end_turn"
    assert [entry.resource for entry in bedrock.gateway.calls.entries()] == [arn]


@pytest.mark.parametrize(
    ("page", "order"),
    [
        ("throttle", {}),
        ("throttle", {"calls": -1}),
        ("throttle", {"calls": "3"}),
        ("fail", {"calls": 1, "error": "NoSuchException"}),
        ("fail", {"calls": 1, "error": "AccessDeniedException", "mid_stream": True}),
        ("fail", {"calls": 1, "other": 1}),
    ],
)
def test_orders_that_make_no_sense(bedrock: Any, page: str, order: dict[str, Any]) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        order_by_page(bedrock, page, **order)
    assert caught.value.code == 400
    assert json.load(caught.value)["message"]
    caught.value.close()


def test_it_answers_while_it_thinks(bedrock: Any) -> None:
    """The event loop is free: 20 conversations at once all come back."""

    async def all_at_once() -> list[Any]:
        client = bedrock.client()
        return await asyncio.gather(*(asyncio.to_thread(converse, client) for _ in range(20)))

    answers = asyncio.run(all_at_once())
    assert len({msgspec.json.encode(a["output"]) for a in answers}) == 1
