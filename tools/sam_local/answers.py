"""Compares what a function answered with what it should."""

from __future__ import annotations

import json
from typing import Any


class MismatchError(Exception):
    """An answer is not what it should be; says where."""


def judge(output: str, expected: dict[str, Any]) -> str:
    """Say in a few words what a function answered.

    Args:
        output: What `sam local invoke` wrote to stdout.
        expected: See `differences`.

    Raises:
        MismatchError: It is no JSON object, or not what is expected.
    """
    try:
        answer = json.loads(output)
    except ValueError:
        raise MismatchError(f"its output is not one JSON value: {output[-500:]!r}") from None
    if not isinstance(answer, dict):
        raise MismatchError(f"it answered {output[:500]}, not an object")
    if unlike := differences(expected, answer):
        raise MismatchError(f"{unlike}; it answered {output[:1500]}")
    if "errorType" in answer:
        return f"refuses as it should: {answer['errorType']}"
    shown = {key: value for key, value in answer.items() if key != "headers"}
    return ", ".join(f"{key}={_short(value)}" for key, value in list(shown.items())[:3])


def differences(expected: Any, found: Any, at: str = "answer") -> str:
    """Where an answer lacks what is expected, "" when it has all; other keys may be there.

    A type in `expected` stands for any value of that type that is not empty. Text is read as JSON
    where an object is expected: the body of an HTTP answer.
    """
    if isinstance(expected, type):
        fits = type(found) is expected and (found or expected in (int, bool))
        return "" if fits else f"{at} is {found!r:.100}, not a {expected.__name__}"
    if isinstance(expected, dict):
        if isinstance(found, str):
            try:
                found = json.loads(found)
            except ValueError:
                return f"{at} is {found!r:.100}, not JSON"
        if not isinstance(found, dict):
            return f"{at} is {found!r:.100}, not an object"
        missing = [key for key in expected if key not in found]
        if missing:
            return f"{at} has no {missing[0]!r}"
        inner = (differences(value, found[key], f"{at}.{key}") for key, value in expected.items())
        return next(filter(None, inner), "")
    if isinstance(expected, list):
        if not isinstance(found, list) or len(found) != len(expected):
            return f"{at} is {found!r:.100}, not {len(expected)} items"
        pairs = enumerate(zip(expected, found, strict=True))
        inner = (differences(one, other, f"{at}[{n}]") for n, (one, other) in pairs)
        return next(filter(None, inner), "")
    same = type(found) is type(expected) and found == expected
    return "" if same else f"{at} is {found!r:.100}, not {expected!r}"


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    text = " ".join(text.split())
    return text if len(text) <= 48 else text[:45] + "..."
