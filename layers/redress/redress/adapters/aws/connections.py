"""Messages to WebSocket clients through API Gateway."""

from typing import Any

from redress.adapters.aws.clients import AWS_ERRORS, error_code, management_client, translated
from redress.models.base import dump_json


class ApiGatewayConnections:
    """A `ClientConnections` on one stage of a WebSocket API."""

    def __init__(self, url: str, management: Any = None) -> None:
        """Use the stage at `url`; `management` is a low-level client, by default a new one."""
        self._management = management or management_client(url)

    def send(self, connection_id: str, message: dict[str, Any]) -> bool:
        """Send one JSON message; False if the connection is gone.

        Raises:
            DependencyUnavailableError: API Gateway did not take it.
        """
        try:
            self._management.post_to_connection(ConnectionId=connection_id, Data=dump_json(message))
        except AWS_ERRORS as error:
            if error_code(error) == "GoneException":
                return False
            raise translated(error, "the WebSocket API") from error
        return True
