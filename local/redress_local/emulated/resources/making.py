"""What a creator works with: one resource, its values, and the services."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from redress_local.emulated.resources.coercion import coerce
from redress_local.emulated.resources.errors import ResourceError
from redress_local.emulated.resources.names import physical_name, suffix
from redress_local.emulated.resources.services import Services
from redress_local.emulated.resources.stack import Created, Resource, Stack
from redress_local.template_values import ACCOUNT, REGION


class Making:
    """One resource as it is made.

    Attributes:
        resource: What the template says.
        properties: Its properties with every reference resolved.
        stack: The stack that it belongs to.
        services: Where it goes.
    """

    def __init__(
        self, resource: Resource, properties: dict[str, Any], stack: Stack, services: Services
    ) -> None:
        self.resource = resource
        self.properties = properties
        self.stack = stack
        self.services = services

    @property
    def logical_id(self) -> str:
        """Its name in the template."""
        return self.resource.logical_id

    def get(self, key: str, default: Any = None) -> Any:
        """A property, or the default."""
        return self.properties.get(key, default)

    def required(self, key: str) -> Any:
        """A property that must be there.

        Raises:
            ResourceError: It is not.
        """
        if key not in self.properties:
            raise ResourceError(f"{self.resource}: {key} is missing")
        return self.properties[key]

    def take(self, *keys: str) -> dict[str, Any]:
        """Those of the properties that are given."""
        return {key: self.properties[key] for key in keys if key in self.properties}

    def name(self, key: str, *, limit: int = 255, tail: str = "") -> str:
        """The name that the template gives, or one as CloudFormation makes it up."""
        given = self.properties.get(key)
        return str(given) if given else self.made_up_name(limit=limit, tail=tail)

    def made_up_name(self, *, limit: int = 255, tail: str = "") -> str:
        """A name as CloudFormation makes it up."""
        return physical_name(self.stack.name, self.logical_id, limit=limit, tail=tail)

    def suffix(self, salt: str, *, length: int) -> str:
        """Capital letters and digits of its own, the same at every start."""
        return suffix(self.stack.name, self.logical_id, salt, length=length)

    def arn(self, service: str, resource: str) -> str:
        """An ARN of the local account and region."""
        return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}"

    def call(self, service: str, operation: str, /, **parameters: Any) -> dict[str, Any]:
        """Call an API, with the values fitted to its types.

        Args:
            service: boto3's name of the service.
            operation: boto3's name of the method.
            **parameters: As the API names them; None is left out.

        Raises:
            ResourceError: The service refuses; the message names the resource and says why.
        """
        # boto3 is slow to load, and reading a template does not need it.
        from botocore.exceptions import BotoCoreError, ClientError

        client = self.services.client(service)
        model = client.meta.service_model.operation_model(
            client.meta.method_to_api_mapping[operation]
        )
        given = {key: value for key, value in parameters.items() if value is not None}
        try:
            answer: dict[str, Any] = getattr(client, operation)(**coerce(model.input_shape, given))
        except ClientError as error:
            details = error.response["Error"]
            message = f"{details.get('Code')}: {details.get('Message')}"
            raise ResourceError(f"{self.resource}: {model.name}: {message}") from None
        except BotoCoreError as error:
            reason = " ".join(str(error).split())
            raise ResourceError(f"{self.resource}: {model.name}: {reason}") from None
        return answer


class Kind(msgspec.Struct, frozen=True, kw_only=True):
    """How the local cloud makes one type of resource.

    Attributes:
        create: Makes one.
        takes: Properties that it heeds.
        ignores: Properties that change nothing here, each for the reason beside the set.
    """

    create: Callable[[Making], Created]
    takes: frozenset[str]
    ignores: frozenset[str] = frozenset()


def kind(create: Callable[[Making], Created], takes: str, ignores: str = "") -> Kind:
    """A `Kind` whose properties are written as words."""
    return Kind(create=create, takes=frozenset(takes.split()), ignores=frozenset(ignores.split()))


Table = Mapping[str, Kind]
