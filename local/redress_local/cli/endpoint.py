"""Where the local cloud is, for the commands that start it and those that call it."""

from __future__ import annotations

import os

from redress_local.cli.errors import EXIT_FAILED, tell

DEFAULT_PORT = 4566
DEFAULT_ENDPOINT = f"http://127.0.0.1:{DEFAULT_PORT}"
START = "start it with `redress up --emulated`, or name another with --endpoint-url"
"""What to do where it does not answer."""


def endpoint(given: str | None) -> str:
    """The address to call: the option's, else the environment's, else the default."""
    return given or os.environ.get("AWS_ENDPOINT_URL") or DEFAULT_ENDPOINT


def nothing_there(url: str, why: str = "", *, as_json: bool) -> int:
    """Tell that no local cloud answers; returns the exit code."""
    message = f"no local cloud answers at {url}" + (f" ({why})" if why else "")
    tell("NotRunningError", message, START, as_json=as_json)
    return EXIT_FAILED
