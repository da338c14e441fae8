"""The children of this process that a sandbox may have started.

Tests before these may keep a cloud running, with processes of its own.
"""

import contextlib

import psutil

_others: set[int] = set()


def note_others() -> None:
    """Remember the children that are there before a test and are no sandbox's."""
    _others.clear()
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.NoSuchProcess):
            if child.name() != "monty":
                _others.add(child.pid)


def sandbox_children(*, recursive: bool = False) -> list[psutil.Process]:
    """The children that came since, and theirs."""
    own = [child for child in psutil.Process().children() if child.pid not in _others]
    found = list(own)
    if recursive:
        for child in own:
            with contextlib.suppress(psutil.NoSuchProcess):
                found += child.children(recursive=True)
    return found
