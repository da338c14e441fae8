"""Tags of state machines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from asl_engine.api.arns import invalid_arn, machine_arn
from asl_engine.api.catalogue import Catalogue
from asl_engine.api.protocol import ApiError

_MAX_TAGS = 50


class Tagging:
    """The operations on tags; made once per API."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def tag(self, request: dict[str, Any]) -> None:
        """TagResource."""
        with self._catalogue.change(self._tagged(request)) as entry:
            entry.tags.update(read_tags(request["tags"]))
            if len(entry.tags) > _MAX_TAGS:
                raise ApiError("TooManyTags", f"a state machine has at most {_MAX_TAGS} tags")

    def untag(self, request: dict[str, Any]) -> None:
        """UntagResource."""
        with self._catalogue.change(self._tagged(request)) as entry:
            for key in request["tagKeys"]:
                entry.tags.pop(key, None)

    def tags(self, request: dict[str, Any]) -> dict[str, Any]:
        """ListTagsForResource."""
        entry = self._catalogue.get(self._tagged(request))
        return {"tags": [{"key": key, "value": value} for key, value in entry.tags.items()]}

    def _tagged(self, request: Mapping[str, Any]) -> str:
        arn: str = request["resourceArn"]
        read = machine_arn(arn)
        if read.qualifier:
            raise invalid_arn(arn, "Resource type not valid in this context")
        if self._catalogue.find(read.machine) is None:
            raise ApiError("ResourceNotFound", f"Resource not found: '{arn}'", resourceName=arn)
        return read.machine


def read_tags(given: list[dict[str, str]]) -> dict[str, str]:
    """Tags by key.

    Raises:
        ApiError: One has no key, or there are too many.
    """
    tags = {}
    for tag in given:
        if "key" not in tag:
            raise ApiError("ValidationException", "every tag needs a key")
        tags[tag["key"]] = tag.get("value", "")
    if len(tags) > _MAX_TAGS:
        raise ApiError("TooManyTags", f"a state machine has at most {_MAX_TAGS} tags")
    return tags
