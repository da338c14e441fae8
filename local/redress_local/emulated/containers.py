"""What functions in containers (`sam local`) must be told to meet an emulated cloud."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from redress_local.emulated.cloud import EmulatedCloud

HOST = "host.docker.internal"
"""The name of this machine inside a container."""

_NAMES = frozenset({"REDRESS_TOKEN_ISSUER"})
"""Variables that hold a URL which nobody calls: tokens carry it as the cloud itself is called."""


def container_variables(cloud: EmulatedCloud) -> dict[str, dict[str, str]]:
    """Environment variables as `sam local --env-vars` takes them.

    Only what names a resource of the stack: `sam local` finds out the rest by itself, and sets
    nothing that the template does not declare.

    Args:
        cloud: A running cloud.

    Returns:
        Under `Parameters` what holds for every function; under a function's logical id what it
        has otherwise.
    """
    stack = cloud.stack
    url = f"http://{HOST}:{urlsplit(cloud.url).port}"
    shared = {"AWS_ENDPOINT_URL": url}
    own: dict[str, dict[str, str]] = {}
    for logical_id, properties, _ in stack.of("AWS::Lambda::Function"):
        variables = properties.get("Environment", {}).get("Variables", {})
        declared = stack.resources[logical_id].properties.get("Environment", {})
        for name, value in variables.items():
            if stack.resources.keys() & set(stack.references(declared["Variables"][name])):
                told = cloud.services.local_url(str(value))
                if name not in _NAMES:
                    told = told.replace(cloud.url, url)
                if shared.setdefault(name, told) != told:
                    own.setdefault(logical_id, {})[name] = told
    return {"Parameters": dict(sorted(shared.items())), **own}
