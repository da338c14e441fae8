"""Cutting the policy's prose into passages."""

import re
from pathlib import Path

from redress.errors import InvalidInputError
from redress.models.investigation import Passage

_HEADING = re.compile(r"^#{1,6} +(.+?) *#* *$")


def read_passages(folder: str | Path) -> tuple[Passage, ...]:
    """Read the sections of all `*.md` files of a folder, in file and text order.

    A passage's id is `<file stem>#<heading, in lower case, words joined by hyphens>`. Text above
    a file's first section heading is left out: it introduces the file, it is no rule.

    Raises:
        InvalidInputError: there are no passages, a file is unreadable, or two have one id.
    """
    found: dict[str, Passage] = {}
    try:
        files = [(file.stem, file.read_text("utf-8")) for file in sorted(Path(folder).glob("*.md"))]
    except (OSError, UnicodeError) as error:
        raise InvalidInputError(f"no policy can be read in {folder}: {error}") from error
    for stem, text in files:
        for title, body in _sections(text):
            passage_id = f"{stem}#{_slug(title)}"
            if passage_id in found:
                raise InvalidInputError(f"{folder}: two sections have the id {passage_id}")
            found[passage_id] = Passage(passage_id=passage_id, title=title, text=body)
    if not found:
        raise InvalidInputError(f"no policy in {folder}: it holds no *.md file with sections")
    return tuple(found.values())


def words(text: str) -> list[str]:
    """Return the words of a text in lower case."""
    return re.findall(r"\w+", text.lower())


def _sections(text: str) -> list[tuple[str, str]]:
    sections: list[tuple[str, list[str]]] = []
    for line in text.splitlines():
        heading = _HEADING.match(line)
        if heading and line.startswith("##"):
            sections.append((heading[1], []))
        elif sections:
            sections[-1][1].append(line)
    return [(title, "\n".join(lines).strip()) for title, lines in sections]


def _slug(title: str) -> str:
    return "-".join(words(title))
