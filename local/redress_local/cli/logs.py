"""`redress logs`: what a function of the emulated cloud printed."""

from __future__ import annotations

import os
import re
import sys
import time
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter
from redress_local.cli.endpoint import START, endpoint, nothing_there
from redress_local.cli.errors import EXIT_FAILED, UsageError, tell
from redress_local.cli.output import clean, console, flush, write

if TYPE_CHECKING:
    from redress_local.lambda_service.log_lines import Line
    from rich.text import Text

_MOST_DAYS = 31
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_STYLES = {"ERROR": "bold red", "CRITICAL": "bold red", "FATAL": "bold red", "WARN": "yellow"}


def logs(
    function: str,
    /,
    *,
    follow: Annotated[bool, Parameter(name=["--follow", "-f"], negative="")] = False,
    since: str = "10m",
    filter_: Annotated[str, Parameter(name="--filter")] = "",
    endpoint_url: str | None = None,
    as_json: Annotated[bool, Parameter(name="--json", negative="")] = False,
) -> int:
    """Show what a function of the emulated cloud printed.

    Args:
        function: Its name, its logical id in the template, or its folder, such as issue_refund.
        follow: Go on with new records until Ctrl-C.
        since: How far back: 30s, 10m, 2h, 1d.
        filter_: Only records that hold this text.
        endpoint_url: The emulated cloud; $AWS_ENDPOINT_URL or http://127.0.0.1:4566 by default.
        as_json: Print each record as it was logged: JSON where functions log JSON.
    """
    start = int((time.time() - _seconds(since)) * 1000)
    url = endpoint(endpoint_url)
    from botocore.exceptions import BotoCoreError, ClientError
    from redress_local.lambda_service.log_reader import (
        FunctionChoiceError,
        LogSource,
        find_function,
    )

    try:
        found = find_function(_client("lambda", url), function)
        source = LogSource(_client("logs", url), found["group"], found["name"])
        for record in source.read(start, follow=follow, idle=flush):
            if not filter_ or filter_ in record["message"]:
                _show(record, as_json=as_json)
    except KeyboardInterrupt:
        if not follow:
            raise
        # That is how following ends.
    except FunctionChoiceError as error:
        raise UsageError(str(error), error.hint) from None
    except (BotoCoreError, ValueError) as error:
        return nothing_there(url, type(error).__name__.removesuffix("Error"), as_json=as_json)
    except ClientError as error:
        message = f"{url} answered {error.response.get('Error', {}).get('Code', 'an error')}"
        tell("EndpointError", message, START, as_json=as_json)
        return EXIT_FAILED
    return 0


def _seconds(text: str) -> float:
    match = re.fullmatch(r"(\d{1,9})([smhd])", text.strip())
    if match is None:
        raise UsageError(f"--since takes a number and a unit, not {text!r}", "such as 30s or 10m")
    seconds = int(match[1]) * _UNITS[match[2]]
    if seconds > _MOST_DAYS * 86_400:
        raise UsageError(f"--since goes back {_MOST_DAYS} days at most", "such as 2h or 1d")
    return seconds


def _client(service: str, url: str) -> Any:
    import boto3
    from botocore.config import Config

    return boto3.client(
        service,
        endpoint_url=url,
        region_name=os.environ.get("AWS_REGION") or "us-east-1",
        aws_access_key_id=os.environ.get("AWS_ACCESS_KEY_ID") or "test",
        aws_secret_access_key=os.environ.get("AWS_SECRET_ACCESS_KEY") or "test",
        config=Config(connect_timeout=3, read_timeout=30, retries={"total_max_attempts": 1}),
    )


def _show(record: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        write(record["message"].rstrip("\n").encode() + b"\n")
        if sys.stdout.isatty():
            flush()
        return
    from redress_local.lambda_service.log_lines import parse

    console().print(_pretty(parse(record)), soft_wrap=True)


def _pretty(line: Line) -> Text:
    from rich.text import Text

    level = "WARN" if line.level == "WARNING" else line.level
    style = _STYLES.get(level, "dim" if level in {"", "DEBUG", "TRACE"} else "")
    clock = line.time.replace("T", " ")[11:23].rstrip("Z").split("+")[0]
    message = " ".join(clean(line.message).split())
    return Text.assemble(
        (clean(clock).ljust(13), "dim"),
        (clean(level)[:8].ljust(6), style),
        (message, style if level in _STYLES else ""),
        (f"  {clean(line.request_id)}" if line.request_id else "", "dim"),
    )
