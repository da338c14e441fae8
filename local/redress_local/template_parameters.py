"""The parameters of a template: what may be given, and what holds without it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from redress_local.template_values import TemplateError

_LISTS = re.compile(r"^(CommaDelimitedList|List<[A-Za-z0-9:]+>)$")
_SINGLE = re.compile(r"^(String|Number|AWS::(?!SSM::)[A-Za-z0-9]+::[A-Za-z0-9:]+)$")


def parameter_texts(declared: Mapping[str, Any], given: Mapping[str, str]) -> dict[str, str]:
    """The checked value of every parameter, as the text that CloudFormation would be given.

    Args:
        declared: The template's Parameters.
        given: Values from outside; the defaults apply otherwise.

    Raises:
        TemplateError: A value is missing, unknown, or not allowed; the message names it.
    """
    unknown = sorted(set(given) - set(declared))
    if unknown:
        known = ", ".join(declared) or "none"
        raise TemplateError(f"there is no parameter {unknown[0]}; the template has: {known}")
    texts = {}
    for name, body in declared.items():
        if not isinstance(body, dict) or "Type" not in body:
            raise TemplateError(f"parameter {name}: it has no Type")
        if name not in given and "Default" not in body:
            raise TemplateError(f"parameter {name} has no default; give it a value")
        texts[name] = _text(given.get(name, body.get("Default")))
        _check(name, body, texts[name])
    return texts


def parameter_values(declared: Mapping[str, Any], texts: Mapping[str, str]) -> dict[str, Any]:
    """What `Ref` gives for each parameter: text, or a list of text."""
    return {
        name: _items(text) if _LISTS.match(declared[name]["Type"]) else text
        for name, text in texts.items()
    }


def shown_parameters(declared: Mapping[str, Any], texts: Mapping[str, str]) -> dict[str, str]:
    """The values as they may be shown: those with NoEcho are hidden."""
    return {
        name: "****" if _text(declared[name].get("NoEcho", False)) == "true" else text
        for name, text in texts.items()
    }


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return ",".join(_text(item) for item in value)
    return str(value)


def _items(text: str) -> list[str]:
    # CloudFormation gives a list of one empty text for an empty list.
    return [item.strip() for item in text.split(",")]


def _check(name: str, body: dict[str, Any], text: str) -> None:
    kind = body["Type"]
    hidden = _text(body.get("NoEcho", False)) == "true"
    shown = "the value" if hidden else repr(text)
    is_list = bool(_LISTS.match(kind))
    if not is_list and not _SINGLE.match(kind):
        raise TemplateError(f"parameter {name}: the local cloud knows no type {kind}")
    rule = body.get("ConstraintDescription")
    because = f": {rule}" if rule else ""
    allowed = body.get("AllowedValues")
    items = _items(text) if is_list else [text]
    if allowed is not None:
        choices = [_text(choice) for choice in allowed]
        if any(item not in choices for item in items):
            raise TemplateError(
                f"parameter {name}: {shown} is not allowed{because}; take one of "
                + ", ".join(choices)
            )
    if kind in {"Number", "List<Number>"}:
        for item in items:
            _check_number(name, body, item, shown)
    pattern = body.get("AllowedPattern")
    if pattern is not None and not re.fullmatch(pattern, text):
        raise TemplateError(f"parameter {name}: {shown} does not match {pattern}{because}")
    for key, fails in (("MinLength", int.__lt__), ("MaxLength", int.__gt__)):
        if key in body and fails(len(text), int(body[key])):
            raise TemplateError(f"parameter {name}: {shown} breaks {key} {body[key]}{because}")


def _check_number(name: str, body: dict[str, Any], text: str, shown: str) -> None:
    try:
        number = float(text)
    except ValueError:
        raise TemplateError(f"parameter {name}: {shown} is not a number") from None
    if "MinValue" in body and number < float(body["MinValue"]):
        raise TemplateError(f"parameter {name}: {shown} is less than {body['MinValue']}")
    if "MaxValue" in body and number > float(body["MaxValue"]):
        raise TemplateError(f"parameter {name}: {shown} is more than {body['MaxValue']}")
