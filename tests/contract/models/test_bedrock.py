"""BedrockModel, unmodified, against a server that sends Bedrock's own frames."""

from typing import Any

import pytest
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

SPEC = "bedrock:eu.anthropic.claude-sonnet-4-5-v1:0"
THROTTLED = (429, "ThrottlingException", "Too many requests")


@pytest.fixture(autouse=True)
def no_delay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run, "RETRY_DELAY_SECONDS", 0)


def actions(investigation: Any) -> set[tuple[str, str]]:
    return {(a.action, a.reason_code) for a in investigation.proposal.actions}


EXPECTED = {("refund_payment", "duplicate_charge"), ("reship_line", "missing_item")}


def test_the_decider_concludes_in_one_call(bedrock: Any, example: Any) -> None:
    investigation = conclude_investigation(example.request, model_factory(SPEC))

    assert actions(investigation) == EXPECTED
    assert investigation.model == "eu.anthropic.claude-sonnet-4-5-v1:0"
    assert len(bedrock.requests) == 1
    assert investigation.usage.model_calls == 1
    assert investigation.usage.cost_usd_micros > 0


def test_the_monolith_calls_tools_over_several_turns(bedrock: Any, example: Any) -> None:
    offline = investigate_monolith(
        example.request, *example.repositories, model_factory("playbook")
    )
    investigation = investigate_monolith(
        example.request, *example.repositories, model_factory(SPEC)
    )

    assert investigation.proposal == offline.proposal
    assert investigation.usage.model_calls == len(bedrock.requests) > 4


def test_throttled_once_is_tried_again(bedrock: Any, example: Any) -> None:
    bedrock.refuse = lambda number: THROTTLED if number == 0 else None

    investigation = conclude_investigation(example.request, model_factory(SPEC))

    assert actions(investigation) == EXPECTED
    assert len(bedrock.requests) == 2
    assert investigation.usage.model_calls == 1, "a refused call is not paid"


def test_throttled_always_is_a_retryable_error(bedrock: Any, example: Any) -> None:
    bedrock.refuse = lambda number: THROTTLED

    with pytest.raises(ModelThrottledError):
        conclude_investigation(example.request, model_factory(SPEC))
    assert len(bedrock.requests) == 2


def test_throttled_in_a_later_turn_is_a_retryable_error(bedrock: Any, example: Any) -> None:
    bedrock.refuse = lambda number: THROTTLED if number > 2 else None

    with pytest.raises(ModelThrottledError):
        investigate_monolith(example.request, *example.repositories, model_factory(SPEC))


def test_throttled_within_the_stream(bedrock: Any, example: Any) -> None:
    events = [
        {"messageStart": {"role": "assistant"}},
        {"throttlingException": {"type": "exception", "message": "Too many tokens"}},
    ]
    bedrock.answers = [events, events]

    with pytest.raises((ModelThrottledError, DependencyUnavailableError)):
        conclude_investigation(example.request, model_factory(SPEC))


@pytest.mark.parametrize(
    "garble",
    [
        lambda body: body[:40] + bytes([body[40] ^ 0xFF]) + body[41:],
        lambda body: b"\x00\x00\x00\x10not a frame at all",
        lambda body: b"<html>gateway</html>" * 20,
    ],
    ids=["flipped bit", "bad prelude", "html"],
)
def test_malformed_frames_are_a_typed_error(bedrock: Any, example: Any, garble: Any) -> None:
    bedrock.garble = garble

    with pytest.raises(DependencyUnavailableError):
        conclude_investigation(example.request, model_factory(SPEC))


@pytest.mark.parametrize("cut", [0, 30, 200], ids=["empty", "within a frame", "half"])
def test_a_stream_that_ends_early_is_no_conclusion(bedrock: Any, example: Any, cut: int) -> None:
    bedrock.garble = lambda body: body[:cut]

    with pytest.raises((DependencyUnavailableError, InvalidProposalError)):
        conclude_investigation(example.request, model_factory(SPEC))


@pytest.mark.parametrize(
    "refusal",
    [
        (403, "AccessDeniedException", "no model access"),
        (403, "UnrecognizedClientException", "no such key"),
        (404, "ResourceNotFoundException", "no such model"),
        (400, "ValidationException", "the model id is not valid"),
    ],
    ids=lambda refusal: refusal[1],
)
def test_a_refusal_is_final(bedrock: Any, example: Any, refusal: tuple[int, str, str]) -> None:
    bedrock.refuse = lambda number: refusal

    with pytest.raises(ModelRefusedError, match=f"REDRESS_MODEL.*{refusal[1]}.*{refusal[2]}"):
        conclude_investigation(example.request, model_factory(SPEC))
    assert len(bedrock.requests) == 1


def test_nobody_listens(bedrock: Any, example: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "http://127.0.0.1:1")

    with pytest.raises(DependencyUnavailableError):
        conclude_investigation(example.request, model_factory(SPEC))


def text_answer(text: str, reason: str = "end_turn") -> list[dict[str, Any]]:
    return [
        {"messageStart": {"role": "assistant"}},
        {"contentBlockDelta": {"delta": {"text": text}}},
        {"contentBlockStop": {}},
        {"messageStop": {"stopReason": reason}},
        {
            "metadata": {
                "usage": {"inputTokens": 9, "outputTokens": 2, "totalTokens": 11},
                "metrics": {"latencyMs": 1},
            }
        },
    ]


def test_an_answer_in_prose_is_no_proposal(bedrock: Any, example: Any) -> None:
    bedrock.answers = [text_answer("I would refund everything.")]

    with pytest.raises(InvalidProposalError, match="without calling"):
        conclude_investigation(example.request, model_factory(SPEC))


def test_an_answer_cut_short_exceeds_the_budget(bedrock: Any, example: Any) -> None:
    bedrock.answers = [text_answer("Let me think", "max_tokens")]

    with pytest.raises(BudgetExceededError, match="cut"):
        conclude_investigation(example.request, model_factory(SPEC))
