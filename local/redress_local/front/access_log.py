"""Fills the `$context` variables of a stage's access log format."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from redress_local.front.models import Stage

WriteLog = Callable[[str, str], None]
"""Takes the destination's ARN and one line; it must not block."""

_VARIABLE = re.compile(r"\$context\.([A-Za-z0-9_:.\-]*[A-Za-z0-9_])")


def log_line(template: str, context: Mapping[str, object]) -> str:
    """One line: a variable that is not known here is a hyphen.

    Values are quoted as inside a JSON string, since formats put them there.
    """

    def fill(found: re.Match[str]) -> str:
        value = context.get(found.group(1))
        return "-" if value is None else _escaped(str(value))

    return _VARIABLE.sub(fill, template.strip().replace("\n", " "))


def write_access(write: WriteLog | None, stage: Stage, context: Mapping[str, object]) -> None:
    """Log a request where the stage asks for it."""
    if write is not None and stage.access_log is not None:
        write(stage.access_log.destination_arn, log_line(stage.access_log.format, context))


def _escaped(text: str) -> str:
    text = text.replace("\\", "\\\\").replace('"', '\\"')
    return "".join(c if c.isprintable() else f"\\u{min(ord(c), 0xFFFF):04x}" for c in text)
