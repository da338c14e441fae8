"""Filling a knowledge base with the policy."""

import importlib.util
from pathlib import Path
from types import ModuleType
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

ROOT = Path(__file__).parents[3]
ARGUMENTS = ["--knowledge-base-id", "KB00000001", "--data-source-id", "DS00000001"]


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    path = ROOT / "tools" / "fill_knowledge_base.py"
    spec = importlib.util.spec_from_file_location("fill_knowledge_base", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def agent() -> Any:
    keys = {"aws_access_key_id": "none", "aws_secret_access_key": "none"}
    return boto3.client("bedrock-agent", region_name="eu-central-1", **keys)


def test_every_section_is_ingested(tool: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    taken: list[str] = []

    class Agent:
        def ingest_knowledge_base_documents(self, documents: list[Any], **ids: str) -> Any:
            assert ids == {"knowledgeBaseId": "KB00000001", "dataSourceId": "DS00000001"}
            custom = [document["content"]["custom"] for document in documents]
            taken.extend(each["customDocumentIdentifier"]["id"] for each in custom)
            return {"documentDetails": []}

    assert tool.main(ARGUMENTS, Agent()) == 0
    assert len(taken) == len(set(taken)) == 12
    assert "12 passages" in capsys.readouterr().out


def test_what_is_refused_is_told_in_a_line(
    tool: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    client = agent()
    with Stubber(client) as stub:
        stub.add_client_error("ingest_knowledge_base_documents", "ResourceNotFoundException")
        assert tool.main(ARGUMENTS, client) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: knowledge base KB00000001")


def test_a_wrong_call(tool: ModuleType) -> None:
    with pytest.raises(SystemExit) as stopped:
        tool.main([])
    assert stopped.value.code == 2
