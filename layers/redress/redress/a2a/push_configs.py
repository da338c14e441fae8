"""Push notification configs between A2A's form and the store's."""

import uuid
from collections.abc import Callable

from a2a.types import AuthenticationInfo, TaskPushNotificationConfig
from a2a.utils.errors import InvalidParamsError

from redress.a2a.push import UnsafeUrlError
from redress.a2a.tasks import PushConfig
from redress.errors import InvalidInputError
from redress.models.base import parse

MAX_SECRET = 2_048
"""Characters of a token or of credentials."""


def from_wire(config: TaskPushNotificationConfig) -> PushConfig:
    """Return a config for the store, with an id of its own if it came without one.

    Raises:
        InvalidParamsError: the id could not be stored, or a secret not be sent in a header.
    """
    authentication = config.authentication
    secrets = (config.token, authentication.scheme, authentication.credentials)
    if any(len(text) > MAX_SECRET or not _printable(text) for text in secrets):
        raise InvalidParamsError("token and authentication must be short printable ASCII")
    fields = {
        "config_id": config.id or str(uuid.uuid4()),
        "url": config.url,
        "token": config.token,
        "scheme": authentication.scheme,
        "credentials": authentication.credentials,
    }
    try:
        return parse(PushConfig, fields)
    except InvalidInputError as error:
        raise InvalidParamsError(f"push notification config: {error}") from error


def check_config(config: PushConfig, check_url: Callable[[str], None]) -> PushConfig:
    """Return the config if its URL is one that may be told.

    Raises:
        InvalidParamsError: it is not.
    """
    try:
        check_url(config.url)
    except UnsafeUrlError as error:
        raise InvalidParamsError(f"push notification config: {error}") from error
    return config


def to_wire(task_id: str, config: PushConfig) -> TaskPushNotificationConfig:
    """Return a stored config as A2A has it."""
    found = TaskPushNotificationConfig(
        id=config.config_id, task_id=task_id, url=config.url, token=config.token
    )
    if config.scheme:
        info = AuthenticationInfo(scheme=config.scheme, credentials=config.credentials)
        found.authentication.CopyFrom(info)
    return found


def _printable(text: str) -> bool:
    return text.isascii() and (not text or text.isprintable())
