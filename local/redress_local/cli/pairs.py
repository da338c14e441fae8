"""NAME=VALUE options, of which there may be several."""

from __future__ import annotations

from collections.abc import Iterable

from redress_local.cli.errors import UsageError


def pairs_of(texts: Iterable[str], option: str, form: str = "NAME=VALUE") -> dict[str, str]:
    """Read what was given for an option, as a dict.

    Args:
        texts: As given; a value may hold `=` and may be empty.
        option: With its dashes, for the error.
        form: How the help writes it, for the error.

    Raises:
        UsageError: One has another form, or a name is given twice.
    """
    pairs: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not name or not equals:
            raise UsageError(
                f"{option} {text!r:.100} is not {form}", f"write it as {option} {form}"
            )
        if name in pairs:
            raise UsageError(f"{option} {name:.100} is given twice", "give it once")
        pairs[name] = value
    return pairs
