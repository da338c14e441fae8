"""Stacks beside the project's own: what they may hold, and what they are given."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from redress_local.emulated.resources.errors import UnsupportedResourceError
from redress_local.emulated.resources.stack import Stack
from redress_local.template_document import load_document
from redress_local.template_values import TemplateError

_NAME = re.compile(r"^[A-Za-z][A-Za-z0-9-]{0,127}$")
_ODD = re.compile(r"[^A-Za-z0-9]+")


def stack_name_for(template: Path) -> str:
    """A stack's name from where its template lies: its folder, or its file if that says more."""
    resolved = template.resolve()
    text = resolved.parent.name if resolved.stem == "template" else resolved.stem
    return _ODD.sub("-", text).strip("-") or "stack"


def check_name(name: str, taken: list[str]) -> None:
    """Refuse a name that CloudFormation would refuse.

    Raises:
        TemplateError: It is no name of a stack, or another stack has it.
    """
    if not _NAME.match(name):
        raise TemplateError(
            f"{name!r:.140} is no name of a stack: a letter, then letters, digits and hyphens"
        )
    if name in taken:
        raise TemplateError(f"there is a stack {name} already; its resources would have its names")


def filled(template: Path, given: Mapping[str, str], outputs: Mapping[str, Any]) -> dict[str, str]:
    """The parameters of a further stack: what is given, and what the first stack puts out.

    An output serves where a parameter of its name has no default and is not given, as
    `--parameter-overrides` does by hand in AWS.

    Raises:
        TemplateError: The template cannot be read.
    """
    declared = load_document(template).get("Parameters") or {}
    found = {
        name: str(outputs[name])
        for name, body in declared.items()
        if name in outputs and isinstance(body, dict) and "Default" not in body
    }
    return {**found, **given}


def check_content(stack: Stack) -> None:
    """Refuse what one gateway cannot serve beside the first stack.

    Raises:
        UnsupportedResourceError: The stack has an API, whose address would be the first stack's.
    """
    for resource in stack.resources.values():
        if resource.type.startswith(("AWS::ApiGateway::", "AWS::ApiGatewayV2::")):
            raise UnsupportedResourceError(
                f"{resource}: only the first stack's APIs are served; give it a Condition that a "
                "parameter switches off"
            )
