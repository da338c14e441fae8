"""What resources are created through, and what the creators leave for the front."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from redress_local.emulated.resources.names import suffix
from redress_local.lambda_service.opt import layer_from_source
from redress_local.lambda_service.types import FunctionSpec
from redress_local.template_values import REGION

if TYPE_CHECKING:
    from redress_local.front.issuer import UserPool


_HOST = re.compile(r"\b(https?|wss?)://([A-Za-z0-9.-]+)(?=[/:\s\"?#]|$)")
_USUAL = ("iam", "lambda", "dynamodb", "sqs", "logs", "events", "stepfunctions")


class Functions(Protocol):
    """What the creators need of the Lambda service."""

    def create_function(self, spec: FunctionSpec) -> Any:
        """Make a function known; nothing runs yet."""


class Issuer(Protocol):
    """What stands in for Cognito."""

    def register(self, pool: UserPool) -> None:
        """Make a user pool known."""


class Services:
    """Where resources go.

    Attributes:
        layers: Folders by layer version ARN.
        hosts: Names that the stack's APIs and sign-in pages would have in AWS.

    Args:
        endpoint_url: The gateway, such as `http://127.0.0.1:4566`.
        functions: The Lambda service, which takes functions in process.
        folder: Where layers and inline code are put; the run's own, temporary folder.
        issuer: Learns of the template's user pools.
        built: The template is `sam build`'s: layers are taken as they were built.
    """

    def __init__(
        self,
        *,
        endpoint_url: str,
        functions: Functions,
        folder: Path,
        issuer: Issuer | None = None,
        built: bool = False,
    ) -> None:
        self.endpoint_url = endpoint_url
        self.functions = functions
        self.folder = folder
        self.issuer = issuer
        self.built = built
        self.layers: dict[str, Path] = {}
        self.hosts: set[str] = set()
        self._clients: dict[str, Any] = {}
        self._lock = threading.Lock()
        self._session: Any = None

    def layer(self, name: str, source: Path) -> Path:
        """The folder with a layer's content: as it was built, or put together from its source.

        Args:
            name: The layer's logical id as the template's author wrote it.
            source: The folder that its `ContentUri` names.

        Raises:
            LayerError: It cannot be put together from what is installed here.
        """
        if self.built:
            return source
        # Stacks beside one another may have layers of one name.
        folder = f"{name}-{suffix(str(source), length=8)}"
        return layer_from_source(name, source, self.folder / "layers" / folder)

    def local_url(self, text: str) -> str:
        """A text in which the stack's own hosts in AWS are replaced by the gateway.

        What the template composes from an API's id leads out of this machine otherwise.
        """

        def gateway(match: re.Match[str]) -> str:
            if match.group(2) not in self.hosts:
                return match.group()
            socket = match.group(1).startswith("ws")
            return self.endpoint_url.replace("http", "ws", 1) if socket else self.endpoint_url

        return _HOST.sub(gateway, text)

    def client(self, service: str) -> Any:
        """A boto3 client at the gateway, made once."""
        with self._lock:
            if service not in self._clients:
                self._clients[service] = self._make(service)
            return self._clients[service]

    def warm(self, services: Iterable[str] = _USUAL) -> None:
        """Make clients ahead of their first use, while other processes start.

        Args:
            services: boto3's names; what most templates need by default.
        """
        for service in services:
            self.client(service)

    def close(self) -> None:
        """Close the connections."""
        with self._lock:
            for client in self._clients.values():
                client.close()
            self._clients.clear()

    def _make(self, service: str) -> Any:
        import boto3
        from botocore.config import Config

        if self._session is None:
            # Its own keys: what the host has configured must not reach the local cloud.
            self._session = boto3.Session(
                aws_access_key_id="test",
                aws_secret_access_key="test",  # noqa: S106 - the local cloud checks no secret
                region_name=REGION,
            )
        return self._session.client(
            service,
            endpoint_url=self.endpoint_url,
            config=Config(
                retries={"total_max_attempts": 2},
                read_timeout=20,
                connect_timeout=5,
                s3={"addressing_style": "path"},
                proxies={},
                # `sync-127.0.0.1`, which StartSyncExecution would call, is nobody's name.
                inject_host_prefix=False,
            ),
        )
