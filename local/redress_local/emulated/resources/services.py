"""What resources are created through, and what the creators leave for the front."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any, Protocol

from redress_local.lambda_service.types import FunctionSpec
from redress_local.template_values import REGION


class Functions(Protocol):
    """What the creators need of the Lambda service."""

    def create_function(self, spec: FunctionSpec) -> Any:
        """Make a function known; nothing runs yet."""


class UserPools(Protocol):
    """What the creators need of the token issuer that stands in for Cognito."""

    def add_pool(self, pool_id: str, name: str) -> Any:
        """Make a user pool known."""

    def add_client(self, pool_id: str, client_id: str, scopes: list[str]) -> Any:
        """Make an app client known, with the scopes that it may ask for."""

    def add_scopes(self, pool_id: str, resource_server: str, scopes: list[str]) -> Any:
        """Make a resource server's scopes known, each as `server/scope`."""


class Services:
    """Where resources go.

    Args:
        endpoint_url: The gateway, such as `http://127.0.0.1:4566`.
        functions: The Lambda service, which takes functions in process.
        folder: Where layers and inline code are put; the run's own, temporary folder.
        user_pools: The token issuer; needed by a template with Cognito types.
        built: The template is `sam build`'s: layers are taken as they were built.
    """

    def __init__(
        self,
        *,
        endpoint_url: str,
        functions: Functions,
        folder: Path,
        user_pools: UserPools | None = None,
        built: bool = False,
    ) -> None:
        self.endpoint_url = endpoint_url
        self.functions = functions
        self.folder = folder
        self.user_pools = user_pools
        self.built = built
        self.layers: dict[str, Path] = {}
        self._clients: dict[str, Any] = {}
        self._lock = threading.Lock()
        self._session: Any = None

    def client(self, service: str) -> Any:
        """A boto3 client at the gateway, made once."""
        with self._lock:
            if service not in self._clients:
                self._clients[service] = self._make(service)
            return self._clients[service]

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
                aws_access_key_id="test", aws_secret_access_key="test", region_name=REGION
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
            ),
        )
