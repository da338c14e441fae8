"""A domain's MCP server as a target of an AgentCore Gateway: what is sent, and what is told."""

import json
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from tools.gateway_target import main, target

URL = "https://abc.execute-api.eu-central-1.amazonaws.com"
OPTIONS = ["--gateway-id", "redress-0123456789", "--url"]
TOOLS = {
    "orders": {"get_order", "get_shipments"},
    "payments": {"get_invoice", "get_payments"},
    "inventory": {"get_stock"},
}


def control() -> Any:
    keys = {"aws_access_key_id": "none", "aws_secret_access_key": "none"}
    return boto3.client("bedrock-agentcore-control", region_name="eu-central-1", **keys)


@pytest.mark.parametrize("domain", TOOLS)
def test_a_target_is_created_as_the_service_takes_it(
    domain: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    client = control()
    request = target(domain, OPTIONS[1], URL)
    told = ("name", "targetConfiguration", "credentialProviderConfigurations")
    answer = {
        "gatewayArn": "arn:aws:bedrock-agentcore:eu-central-1:111122223333:gateway/g-0123456789",
        "targetId": "TARGET0001",
        "createdAt": 0,
        "updatedAt": 0,
        "status": "CREATING",
        **{name: request[name] for name in told},
    }
    with Stubber(client) as stub:
        # The stub holds the request against the service's own model.
        stub.add_response("create_gateway_target", answer, request)
        assert main([domain, *OPTIONS, f"{URL}/"], client) == 0
        stub.assert_no_pending_responses()
    assert capsys.readouterr().out == "target TARGET0001 is CREATING\n"


@pytest.mark.parametrize("domain", TOOLS)
def test_the_tools_are_those_of_the_server(domain: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([domain, *OPTIONS, URL, "--print"]) == 0
    request = json.loads(capsys.readouterr().out)
    server = request["targetConfiguration"]["mcp"]["mcpServer"]
    assert server["endpoint"] == f"{URL}/mcp/{domain}"
    tools = json.loads(server["mcpToolSchema"]["inlinePayload"])["tools"]
    assert {tool["name"] for tool in tools} == TOOLS[domain]
    assert all(tool["inputSchema"]["type"] == "object" for tool in tools)
    # Whose token it is decides the domain, so the gateway hands it on and adds none of its own.
    assert request["credentialProviderConfigurations"] == [
        {"credentialProviderType": "JWT_PASSTHROUGH"}
    ]


def test_a_refusal_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    client = control()
    with Stubber(client) as stub:
        stub.add_client_error("create_gateway_target", "ResourceNotFoundException", "no gateway")
        assert main(["orders", *OPTIONS, URL], client) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: ")
    assert "no gateway" in said
    assert said.count("\n") == 1


@pytest.mark.parametrize("url", ["http://abc.example", "abc", "ftp://abc.example"])
def test_a_gateway_calls_https_only(url: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        main(["orders", *OPTIONS, url])
    assert caught.value.code == 2
    assert "https only" in capsys.readouterr().err
