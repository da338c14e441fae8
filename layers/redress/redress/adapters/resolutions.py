"""Past resolutions as passages: words of ours for codes of ours."""

from redress.models.investigation import PRECEDENT, Passage
from redress.models.resolution import PastResolution

MAX_CHARACTERS = 240
"""Of a passage: it goes to a model beside the policy, and must not outweigh it."""

_TITLE = "An earlier case"
_INTRODUCTION = "How an earlier case ended; no rule."


def as_passage(resolution: PastResolution) -> Passage:
    """Say in words how a case was resolved; the text follows from the codes alone."""
    parts = [
        *(f"{a.action} for {a.reason_code}: {a.state}" for a in resolution.actions),
        *(f"found: {finding}" for finding in resolution.findings),
    ]
    text = _INTRODUCTION
    for part in dict.fromkeys(parts):
        if len(text) + len(part) + 2 <= MAX_CHARACTERS:
            text += f" {part}."
    return Passage(passage_id=f"{PRECEDENT}{resolution.resolution_id}", title=_TITLE, text=text)


def says(resolution: PastResolution) -> str:
    """Return what two resolutions have in common that tell the same."""
    return as_passage(resolution).text


def search_words(resolution: PastResolution) -> str:
    """Return the words by which a resolution is found: what was wrong, or why nothing was."""
    codes = dict.fromkeys(
        [*(action.reason_code for action in resolution.actions), *resolution.findings]
    )
    return " ".join(codes)
