"""The OpenAI-compatible model against a server that streams chat completions."""

from typing import Any

import pytest
from redress.agents import run
from redress.agents.decider import conclude_investigation
from redress.agents.models.factory import model_factory
from redress.agents.monolith import investigate_monolith
from redress.errors import (
    DependencyUnavailableError,
    InvalidProposalError,
    ModelRefusedError,
    ModelThrottledError,
)


@pytest.fixture(autouse=True)
def no_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "RETRY_DELAY_SECONDS", 0)


def spec(server: Any) -> str:
    return f"openai:stub-model@{server.url}/v1"


def test_the_decider_concludes(openai_server: Any, example: Any) -> None:
    offline = conclude_investigation(example.request, model_factory("playbook"))
    investigation = conclude_investigation(example.request, model_factory(spec(openai_server)))

    assert investigation.proposal == offline.proposal
    assert investigation.program == offline.program
    assert investigation.model == "stub-model"
    (request,) = openai_server.requests
    assert request["stream"] is True
    assert request["authorization"] == "Bearer none"


def test_the_monolith_calls_tools_over_several_turns(openai_server: Any, example: Any) -> None:
    offline = investigate_monolith(
        example.request, *example.repositories, model_factory("playbook")
    )
    investigation = investigate_monolith(
        example.request, *example.repositories, model_factory(spec(openai_server))
    )

    assert investigation.proposal == offline.proposal
    assert len(openai_server.requests) == investigation.usage.model_calls > 4


def test_the_key_comes_from_the_environment(
    openai_server: Any, example: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REDRESS_OPENAI_API_KEY", "sk-test")

    conclude_investigation(example.request, model_factory(spec(openai_server)))

    assert openai_server.requests[0]["authorization"] == "Bearer sk-test"


def test_throttled_once_is_tried_again(openai_server: Any, example: Any) -> None:
    openai_server.refuse = lambda n: (429, "rate_limit_exceeded", "slow down") if n == 0 else None

    conclude_investigation(example.request, model_factory(spec(openai_server)))

    assert len(openai_server.requests) == 2


def test_throttled_always_is_a_retryable_error(openai_server: Any, example: Any) -> None:
    openai_server.refuse = lambda n: (429, "rate_limit_exceeded", "slow down")

    with pytest.raises(ModelThrottledError):
        conclude_investigation(example.request, model_factory(spec(openai_server)))


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (500, "boom", DependencyUnavailableError),
        (503, "overloaded", DependencyUnavailableError),
        (400, "bad_request", ModelRefusedError),
        (401, "bad_key", ModelRefusedError),
        (403, "not_yours", ModelRefusedError),
        (404, "model_not_found", ModelRefusedError),
    ],
)
def test_a_server_that_fails_is_a_typed_error(
    openai_server: Any, example: Any, status: int, code: str, error: type[Exception]
) -> None:
    openai_server.refuse = lambda n: (status, code, "no")

    with pytest.raises(error):
        conclude_investigation(example.request, model_factory(spec(openai_server)))


def test_nobody_listens(example: Any) -> None:
    with pytest.raises(DependencyUnavailableError):
        conclude_investigation(
            example.request, model_factory("openai:stub-model@http://127.0.0.1:1/v1")
        )


@pytest.mark.parametrize(
    "garble",
    [
        lambda body: b"data: {not json\n\n",
        lambda body: b"",
        lambda body: b"<html></html>",
        lambda body: body[: len(body) // 2],
        lambda body: body.replace(b'\\"conclusive\\"', b'\\"conclus'),
    ],
    ids=["no json", "empty", "html", "half", "broken arguments"],
)
def test_malformed_answers_are_typed_errors(openai_server: Any, example: Any, garble: Any) -> None:
    openai_server.garble = garble

    with pytest.raises((DependencyUnavailableError, InvalidProposalError)):
        conclude_investigation(example.request, model_factory(spec(openai_server)))
