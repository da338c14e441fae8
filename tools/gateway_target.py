"""Adds a domain's MCP server to an AgentCore Gateway as a target, or prints what would be added.

The gateway hands on the caller's own token, which is the domain's to check; its tools are told
with the target, since nobody's token is there when a gateway looks for them.
"""

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from typing import Any, get_args
from urllib.parse import urlsplit

from redress.models.investigation import DomainName
from redress.serving.tools import tool_server

# The gateway keeps the list that it was given.
_KEPT = "DEFAULT"


def main(arguments: Sequence[str] | None = None, control: Any = None) -> int:
    """Create the target.

    Args:
        arguments: The command line.
        control: A client of bedrock-agentcore-control, by default one of this machine.
    """
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("domain", choices=get_args(DomainName))
    parser.add_argument("--gateway-id", required=True, metavar="ID")
    parser.add_argument("--url", required=True, help="of the stack's HTTP API (HttpApiUrl)")
    parser.add_argument("--print", action="store_true", help="print the request, change nothing")
    given = parser.parse_args(arguments)
    if urlsplit(given.url).scheme != "https":
        parser.error(f"--url {given.url!r}: a gateway calls https only")
    request = target(given.domain, given.gateway_id, given.url)
    if given.print:
        print(json.dumps(request, indent=2))
        return 0
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        client = control or boto3.client("bedrock-agentcore-control")
        made = client.create_gateway_target(**request)
    except (BotoCoreError, ClientError) as error:
        print(f"error: {error}: correct it and run this again", file=sys.stderr)
        return 1
    print(f"target {made['targetId']} is {made['status']}")
    return 0


def target(domain: DomainName, gateway_id: str, url: str) -> dict[str, Any]:
    """What CreateGatewayTarget takes for a domain's MCP server behind an HTTP API."""
    schema = json.dumps({"tools": asyncio.run(_tools(domain))})
    server = {
        "endpoint": f"{url.rstrip('/')}/mcp/{domain}",
        "mcpToolSchema": {"inlinePayload": schema},
        "listingMode": _KEPT,
    }
    return {
        "gatewayIdentifier": gateway_id,
        "name": domain,
        "description": f"The {domain} domain's tools, on the caller's own case.",
        "targetConfiguration": {"mcp": {"mcpServer": server}},
        "credentialProviderConfigurations": [{"credentialProviderType": "JWT_PASSTHROUGH"}],
    }


async def _tools(domain: DomainName) -> list[dict[str, Any]]:
    from fastmcp import Client

    async with Client(tool_server(domain)) as client:
        found = await client.list_tools()
    return [tool.model_dump(mode="json", by_alias=True, exclude_none=True) for tool in found]


if __name__ == "__main__":
    sys.exit(main())
