import subprocess
import sys

import pytest
from redress.agents.models.factory import model_factory
from redress.agents.models.prices import SONNET_CLASS, price_of
from redress.errors import InvalidInputError


@pytest.mark.parametrize(
    "spec",
    [
        "",
        "gpt-4",
        "playbook:7",
        "bedrock",
        "bedrock:",
        "openai:llama",
        "openai:@http://localhost",
        "openai:llama@localhost:11434",
        "openai:llama@file:///etc/passwd",
        "recorded:",
        "record:folder",
        "record::playbook",
        "record:folder:record:other:playbook",
        "record:folder:nothing",
    ],
)
def test_an_unknown_specification_is_named(spec: str) -> None:
    with pytest.raises(InvalidInputError, match="no model is called") as raised:
        model_factory(spec)
    assert "bedrock:<model id>" in str(raised.value)


def test_a_model_is_made_once() -> None:
    factory = model_factory("playbook")

    assert factory() is factory()


def test_the_factory_imports_no_framework() -> None:
    code = (
        "import sys; from redress.agents.models.factory import model_factory; "
        "model_factory('bedrock:x'); "
        "print([m for m in ('strands', 'boto3', 'openai') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


def test_prices() -> None:
    assert price_of("playbook") == SONNET_CLASS
    assert price_of("eu.anthropic.claude-sonnet-4-5-20250929-v1:0") == SONNET_CLASS
    assert price_of("amazon.nova-lite-v1:0").micros(1_000, 1_000) == 300
    assert price_of("who-knows") == SONNET_CLASS
    assert SONNET_CLASS.micros(1, 0) == 3
    assert SONNET_CLASS.micros(0, 1) == 15
