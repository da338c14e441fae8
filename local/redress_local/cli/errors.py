"""How the command tells of errors: one line and what to do next, or one JSON object.

With `--json` the object goes to stdout in place of the result:
`{"error": {"type": ..., "message": ..., "hint": ...}}`.
"""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
import traceback
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cyclopts import CycloptsError

EXIT_FAILED = 1
EXIT_USAGE = 2


class UsageError(Exception):
    """What stops a command before it does anything.

    Attributes:
        hint: What to do next.
    """

    def __init__(self, message: str, hint: str) -> None:
        self.hint = hint
        super().__init__(message)


def tell(kind: str, message: str, hint: str, *, as_json: bool) -> None:
    """Print an error."""
    message = one_line(message)
    if as_json:
        print(json.dumps({"error": {"type": kind, "message": message, "hint": hint}}))
    else:
        print(f"error: {message}: {hint}" if hint else f"error: {message}", file=sys.stderr)


def one_line(text: str) -> str:
    """Text as one line that a terminal only shows: control characters are replaced."""
    shown = "".join(c if c.isprintable() else " " for c in " ".join(text.split()))
    return shown if len(shown) <= 1000 else f"{shown[:1000]}..."


def usage(error: CycloptsError, *, as_json: bool) -> int:
    """Tell of a command line that makes no sense."""
    command = " ".join(["redress", *(error.command_chain or ())])
    # The library's text may end in a list that the help shows as well.
    message = re.sub(r"\s+", " ", str(error)).partition(" Available commands:")[0]
    message = message.strip().rstrip(".?")
    tell(type(error).__name__, message, f"see `{command} --help`", as_json=as_json)
    return EXIT_USAGE


def report(error: Exception, *, as_json: bool) -> int:
    """Tell of an error that is known; returns the exit code, 0 where it is not known."""
    known = _explain(error)
    if known is None:
        return 0
    hint, code = known
    tell(type(error).__name__, str(error), hint, as_json=as_json)
    return code


def _explain(error: Exception) -> tuple[str, int] | None:
    # Imported here, since only a command that fails needs all of them.
    import sqlite3

    from asl_engine import AslEngineError
    from asl_engine.journal.sqlite import JournalError
    from redress.errors import (
        DependencyUnavailableError,
        InvalidInputError,
        RedressError,
        UnknownCaseError,
    )
    from redress_local.embedded.resolution import NotTakenError
    from redress_local.embedded.store import ForeignShopError, StoreBusyError, StoreError
    from redress_local.events.errors import EventsError
    from redress_local.project import ProjectError
    from redress_local.template import TemplateError

    served = _explain_cloud(error)
    if served is not None:
        return served
    match error:
        case UsageError():
            return error.hint, EXIT_USAGE
        case StoreBusyError():
            return "wait for it, or use another --store", EXIT_FAILED
        case ForeignShopError():
            return "leave --shop out, or use another --store", EXIT_USAGE
        case StoreError():
            return "use another --store, or remove this one", EXIT_USAGE
        case ProjectError():
            return "or run it from a checkout of the project", EXIT_USAGE
        case TemplateError():
            return "correct it and try again", EXIT_USAGE
        case NotTakenError():
            return "look at the rules in template.yaml", EXIT_FAILED
        case EventsError():
            return "see `redress events --help`", EXIT_USAGE
        case UnknownCaseError():
            return "see `redress cases list`", EXIT_USAGE
        case InvalidInputError():
            return "correct it and try again", EXIT_USAGE
        case DependencyUnavailableError():
            return "try again; `redress doctor` checks the store", EXIT_FAILED
        case JournalError() | sqlite3.DatabaseError():
            return "`redress doctor` checks the store", EXIT_FAILED
        case RedressError():
            return "see `redress cases show CASE`", EXIT_FAILED
        case AslEngineError():
            return "see `redress asl validate FILE`", EXIT_FAILED
        case OSError():
            return "check the path and its permissions", EXIT_FAILED
    return None


def _explain_cloud(error: Exception) -> tuple[str, int] | None:
    """What is known of the emulated cloud's errors, if it was loaded at all."""
    if "redress_local.emulated.cloud" not in sys.modules:
        return None
    from redress_local.emulated.gateway.server import ServeError
    from redress_local.emulated.moto.process import MotoError
    from redress_local.emulated.resources.errors import UnsupportedResourceError
    from redress_local.front.models import FrontError
    from redress_local.lambda_service.opt import LayerError
    from redress_local.lambda_service.workers.supervisor import WorkerPoolError

    match error:
        case ServeError():
            return error.hint, EXIT_FAILED
        case MotoError():
            return "try again; after `make setup` if that does not help", EXIT_FAILED
        case UnsupportedResourceError():
            return "", EXIT_USAGE
        case FrontError():
            return "change the API in the template", EXIT_USAGE
        case LayerError():
            return "then try again", EXIT_FAILED
        case WorkerPoolError():
            return "try again; `redress doctor` checks this machine", EXIT_FAILED
    return None


def unwritable(error: Exception) -> int:
    """Tell that the output could not be written: on stderr, also with `--json`."""
    from redress_local.cli.output import silence

    # What is left in the buffer must not fail again at exit.
    silence(sys.stdout)
    tell(type(error).__name__, str(error), "the work itself is done: run it again", as_json=False)
    return EXIT_FAILED


def unexpected(error: Exception, *, as_json: bool) -> int:
    """Tell of an error that nobody foresaw; its stack trace goes to a file."""
    with tempfile.NamedTemporaryFile(
        "w", prefix=f"redress-{os.getpid()}-", suffix=".log", delete=False, encoding="utf-8"
    ) as file:
        traceback.print_exception(error, file=file)
    message = f"{type(error).__name__}: {error}"
    tell("UnexpectedError", message, f"please report it with {file.name}", as_json=as_json)
    return EXIT_FAILED
