"""Token exchange in this process, by the rights of the broker's own function."""

from __future__ import annotations

from collections.abc import Callable

from redress.errors import AccessDeniedError
from redress.models.identity import ExchangeRequest, IssuedToken
from redress.ports import TokenBroker
from redress.runtime import Runtime

from redress_local.template import Function

BROKER_FUNCTION = "ExchangeTokenFunction"
TOKEN_PATH = "/oauth/token"  # noqa: S105 - a path, no secret


class LocalBroker:
    """A `TokenBroker` for one function: it may be the workloads that its role is, as in AWS.

    Args:
        function: Who asks.
        runtime_of: Gives what another function may use.
        url: The token endpoint, as the function knows it.
    """

    def __init__(self, function: Function, runtime_of: Callable[[str], Runtime], url: str) -> None:
        runtime = runtime_of(BROKER_FUNCTION)
        pairs = [pair.partition("=") for pair in runtime.config.workload_roles.split(",")]
        role = f":{function.logical_id}Role"
        self._workloads = frozenset(workload for workload, _, arn in pairs if arn.endswith(role))
        self._broker: TokenBroker = runtime.issuing(url.removesuffix(TOKEN_PATH))
        self._name = function.logical_id

    def exchange(self, request: ExchangeRequest) -> IssuedToken:
        """Issue a token of scope requested AND user AND workload AND audience.

        Raises:
            AccessDeniedError: nothing of it is allowed, or the function is another workload.
            TokenRefusedError: the subject token is not valid.
            DependencyUnavailableError: the store did not answer.
        """
        if request.workload not in self._workloads:
            raise AccessDeniedError(f"{self._name} is no workload {request.workload}")
        return self._broker.exchange(request)
