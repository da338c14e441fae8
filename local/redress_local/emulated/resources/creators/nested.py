"""Nested stacks, from templates beside the one that names them."""

from __future__ import annotations

import re

from redress_local.emulated.resources.coercion import text
from redress_local.emulated.resources.errors import ResourceError
from redress_local.emulated.resources.making import Making, Table, kind
from redress_local.emulated.resources.stack import Created

_REMOTE = re.compile(r"^[a-z0-9]+://", re.IGNORECASE)


def _nested(it: Making) -> Created:
    # Both lead back to this table of creators.
    from redress_local.emulated.resources.create import create_stack
    from redress_local.emulated.resources.translate import translate

    location = it.required("TemplateURL")
    if not isinstance(location, str) or _REMOTE.match(location):
        raise ResourceError(f"{it.resource}: {location!r:.100} is not a local file")
    parameters = {
        key: ",".join(map(text, value)) if isinstance(value, list) else text(value)
        for key, value in it.get("Parameters", {}).items()
    }
    child = translate(
        it.stack.template.parent / location,
        parameters,
        stack_name=f"{it.stack.name}-{it.logical_id}-{it.suffix('stack', length=12)}",
    )
    create_stack(child, it.services)
    it.stack.nested[it.logical_id] = child
    return Created(
        ref=child.stack_id,
        attributes={f"Outputs.{key}": value for key, value in child.outputs.items()},
    )


KINDS: Table = {
    "AWS::CloudFormation::Stack": kind(
        _nested, "TemplateURL Parameters", "NotificationARNs Tags TimeoutInMinutes"
    ),
}
