"""Lets a KMS key have a given id, so that a template's keys are called the same at every start.

The id is the value of the tag `_custom_id_`, which the key does not keep. It replaces one method
of moto's; moto's calls are serialized (see wsgi).
"""

from __future__ import annotations

import inspect
from typing import Any

from moto.kms import models
from moto.kms.exceptions import AlreadyExistsException
from moto.kms.utils import generate_key_id

from redress_local.emulated.moto.custom_id import CUSTOM_ID

_moto_create = models.KmsBackend.create_key
_signature = inspect.signature(_moto_create)


def install() -> None:
    """Replace the method, for this whole process."""
    models.KmsBackend.create_key = _create  # type: ignore[method-assign]


def _create(self: models.KmsBackend, *given: Any, **named: Any) -> models.Key:
    arguments = _signature.bind(self, *given, **named)
    tags: list[dict[str, str]] = arguments.arguments.get("tags") or []
    wanted = next((tag["TagValue"] for tag in tags if tag.get("TagKey") == CUSTOM_ID), "")
    if not wanted:
        return _moto_create(*arguments.args, **arguments.kwargs)
    if wanted in self.keys:
        raise AlreadyExistsException(f"there is a key {wanted}")
    arguments.arguments["tags"] = [tag for tag in tags if tag["TagKey"] != CUSTOM_ID]
    vars(models)["generate_key_id"] = lambda *_: wanted
    try:
        return _moto_create(*arguments.args, **arguments.kwargs)
    finally:
        vars(models)["generate_key_id"] = generate_key_id
