"""Cassettes: recorded against any model, replayed without one, and never stale in silence."""

import json
import os
from pathlib import Path
from typing import Any

import msgspec
import pytest
from redress.agents import run
from redress.agents.decider import conclude_investigation
from redress.agents.models.factory import model_factory
from redress.agents.monolith import OrderAgent, investigate_monolith
from redress.errors import InvalidInputError, RecordingMissingError
from redress.models.base import parse_json
from redress.models.investigation import InvestigationRequest

HERE = Path(__file__).parent


@pytest.fixture
def recorded(tmp_path: Path, example: Any) -> Path:
    factory = model_factory(f"record:{tmp_path}:playbook")
    conclude_investigation(example.request, factory)
    investigate_monolith(example.request, *example.repositories, factory)
    return tmp_path


def test_a_replay_gives_what_was_recorded(recorded: Path, example: Any) -> None:
    factory = model_factory(f"recorded:{recorded}")
    original = model_factory("playbook")

    assert conclude_investigation(example.request, factory) == conclude_investigation(
        example.request, original
    )
    replayed = investigate_monolith(example.request, *example.repositories, factory)
    assert replayed == investigate_monolith(example.request, *example.repositories, original)


def test_any_model_can_be_recorded(bedrock: Any, example: Any, tmp_path: Path) -> None:
    spec = "bedrock:eu.anthropic.claude-sonnet-4-5-v1:0"
    first = conclude_investigation(example.request, model_factory(f"record:{tmp_path}:{spec}"))
    again = conclude_investigation(example.request, model_factory(f"recorded:{tmp_path}"))

    assert again == first
    assert len(bedrock.requests) == 1


def test_the_committed_recording_fits_the_prompt() -> None:
    """A change of the decider's prompt or tool needs a new recording: that is its point.

    Record again with REDRESS_TEST_MODEL='record:tests/contract/models/recordings:playbook'.
    """
    spec = os.environ.get("REDRESS_TEST_MODEL", f"recorded:{HERE / 'recordings'}")
    request = parse_json(InvestigationRequest, (HERE / "request.json").read_bytes())

    investigation = conclude_investigation(request, model_factory(spec))

    assert {(a.action, a.reason_code) for a in investigation.proposal.actions} == {
        ("refund_payment", "duplicate_charge"),
        ("reship_line", "missing_item"),
    }


def test_a_changed_prompt_says_so(
    recorded: Path, example: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompt = run.prompt
    monkeypatch.setattr(
        "redress.agents.decider.prompt", lambda *names: prompt(*names) + "\nBe brief."
    )

    with pytest.raises(RecordingMissingError) as raised:
        conclude_investigation(example.request, model_factory(f"recorded:{recorded}"))

    message = str(raised.value)
    assert "the system prompt changed" in message
    assert f"record:{recorded}:playbook" in message


def test_a_changed_tool_says_so(
    recorded: Path, example: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = {**OrderAgent.get_stock.tool_spec, "description": "Get the stock."}
    monkeypatch.setattr(OrderAgent.get_stock, "_tool_spec", spec)

    with pytest.raises(RecordingMissingError, match="the tools changed"):
        investigate_monolith(
            example.request, *example.repositories, model_factory(f"recorded:{recorded}")
        )


def test_other_messages_say_so(recorded: Path, example: Any) -> None:
    case = msgspec.structs.replace(example.case, statement="Where is my teapot?")
    request = msgspec.structs.replace(example.request, case=case)

    with pytest.raises(RecordingMissingError, match="the messages changed"):
        conclude_investigation(request, model_factory(f"recorded:{recorded}"))


def test_a_damaged_recording_is_named(recorded: Path, example: Any) -> None:
    for path in recorded.glob("*.json"):
        path.write_text("{}")

    with pytest.raises(RecordingMissingError, match="is no recording"):
        conclude_investigation(example.request, model_factory(f"recorded:{recorded}"))


def test_an_empty_folder_is_named(example: Any, tmp_path: Path) -> None:
    with pytest.raises(RecordingMissingError, match="holds no recordings"):
        conclude_investigation(example.request, model_factory(f"recorded:{tmp_path}"))


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidInputError, match="no folder of recordings"):
        model_factory(f"recorded:{tmp_path / 'none'}")()


def test_recordings_hold_no_more_than_the_answer(recorded: Path) -> None:
    for path in recorded.glob("*.json"):
        assert json.loads(path.read_text()).keys() == {
            "schema_version",
            "spec",
            "model_id",
            "system",
            "tools",
            "messages",
            "content",
            "stop_reason",
            "usage",
        }
