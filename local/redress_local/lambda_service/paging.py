"""Pages of lists: `Marker` and `MaxItems` in, `NextMarker` out."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from typing import Any, TypeVar

from redress_local.lambda_service.errors import InvalidParameterError

_T = TypeVar("_T")
_LARGEST = 50


def page(items: Sequence[_T], given: Mapping[str, Any]) -> tuple[Sequence[_T], dict[str, str]]:
    """One page of a list, and `NextMarker` where more follows.

    Raises:
        InvalidParameterError: The marker is none of ours.
    """
    start = 0
    if given.get("Marker"):
        try:
            start = int(base64.urlsafe_b64decode(given["Marker"]))
        except (ValueError, binascii.Error):
            start = -1
        if start < 0:
            raise InvalidParameterError("Invalid Marker")
    end = start + min(int(given.get("MaxItems") or _LARGEST), _LARGEST)
    marker = {}
    if end < len(items):
        marker["NextMarker"] = base64.urlsafe_b64encode(str(end).encode()).decode()
    return items[start:end], marker
