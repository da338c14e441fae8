"""`redress up`: the local cloud, until it is stopped."""

from __future__ import annotations

import contextlib
import ipaddress
import json
import logging
import os
import shlex
import shutil
import signal
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self

from cyclopts import Parameter
from redress_local.cli.endpoint import DEFAULT_PORT
from redress_local.cli.errors import UsageError
from redress_local.cli.output import clean, console, print_json, silence
from redress_local.cli.pairs import pairs_of
from redress_local.cli.stores import FieldFormatter, JsonOption, ShopOption, Whole, load
from redress_local.template_values import REGION

if TYPE_CHECKING:
    from redress_local.emulated.cloud import EmulatedCloud

# A wrapper may pass on the Ctrl-C that the terminal has already sent to the whole group.
_SAME_KEYSTROKE_SECONDS = 0.5
_CHECK_SECONDS = 0.5


class _StoppedError(Exception):
    """Asked to stop while it was starting."""


def up(
    *,
    emulated: Annotated[bool, Parameter(negative="")] = False,
    port: Whole = DEFAULT_PORT,
    host: Annotated[list[str] | None, Parameter(negative="", consume_multiple=False)] = None,
    shop: ShopOption = None,
    parameter: Annotated[list[str] | None, Parameter(negative="", consume_multiple=False)] = None,
    built: Annotated[bool, Parameter(negative="")] = False,
    env_file: Path | None = None,
    also: Annotated[list[Path] | None, Parameter(negative="", consume_multiple=False)] = None,
    as_json: JsonOption = False,
) -> int:
    """Serve the whole stack on this machine, with AWS's APIs, until Ctrl-C.

    Everything in template.yaml is created: tables, queues and keys in moto; functions in
    processes of their own; state machines, bus and API by Redress. What is in it goes away with
    it. For one case without any server there is `redress resolve`.

    Args:
        emulated: Run the stack behind AWS's APIs.
        port: The one port; 0 takes any that is free.
        host: Another address of this machine to listen on besides 127.0.0.1; may be repeated.
            Containers on Linux come to 172.17.0.1. Whoever reaches it may do anything here.
        shop: A shop file to fill the tables with; the example shop by default.
        parameter: A value for a parameter of the template, as NAME=VALUE; may be repeated.
        built: Run what `make build` built instead of the sources.
        env_file: Write here what functions in containers need, for `sam local --env-vars`.
        also: A template to deploy beside the project's own, as a stack named after its folder; may
            be repeated. Its parameters take the outputs of the same names.
        as_json: Print one JSON object when ready, and nothing else.
    """
    if not emulated:
        raise UsageError(
            "`redress up` serves the emulated cloud only",
            "add --emulated; `redress resolve` needs no server",
        )
    parameters = pairs_of(parameter or [], "--parameter")
    hosts = _addresses(host or [])
    goods = load(shop)
    begin = time.monotonic()
    _log()
    with _Stop() as stop:
        from redress_local.emulated.cloud import EmulatedCloud

        try:
            with _progress(stop) as progress:
                cloud = EmulatedCloud.start(
                    port=port,
                    hosts=("127.0.0.1", *hosts),
                    parameters=parameters,
                    shop=goods,
                    built=built,
                    progress=progress,
                )
        except _StoppedError:
            return 0
        stop.folder = cloud.folder
        with cloud:
            for template in also or []:
                cloud.deploy(template)
            if env_file is not None:
                _write_variables(cloud, env_file)
            seconds = time.monotonic() - begin
            # It serves, whether or not somebody reads where.
            with _readable():
                if as_json:
                    print_json(_shown(cloud, seconds))
                else:
                    _tell(cloud, seconds, env_file)
            cloud.warm()
            while not stop.asked.wait(_CHECK_SECONDS):
                cloud.check()
            if not as_json:
                with _readable():
                    console().print("stopping")
    return 0


def _log() -> None:
    """Tell on stderr what goes wrong while it serves, a line each with what it is about."""
    handler = logging.StreamHandler()
    handler.setLevel(logging.WARNING)
    handler.setFormatter(FieldFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.getLogger().addHandler(handler)


def _addresses(given: list[str]) -> list[str]:
    for text in given:
        try:
            ipaddress.ip_address(text)
        except ValueError:
            raise UsageError(
                f"--host {text!r} is not an address",
                "give one of this machine's, such as 172.17.0.1",
            ) from None
    return [text for text in dict.fromkeys(given) if text != "127.0.0.1"]


def _write_variables(cloud: EmulatedCloud, path: Path) -> None:
    from redress_local.emulated.containers import container_variables

    text = json.dumps(container_variables(cloud), indent=2)
    try:
        path.write_text(f"{text}\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written: {error.strerror}", "name another file with --env-file"
        ) from None


class _Stop:
    """Turns Ctrl-C, SIGTERM and a closed terminal into one event, so that all of it stops.

    Attributes:
        asked: Set once somebody asked.
        folder: What is removed even when nobody waits for the end.
    """

    def __init__(self) -> None:
        self.asked = threading.Event()
        self.folder: Path | None = None
        self._at = 0.0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            before = signal.getsignal(number)
            # Under nohup it outlives its terminal.
            if number != signal.SIGHUP or before is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._on_signal)
        return self

    def __exit__(self, *_: object) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)

    def _on_signal(self, number: int, _: object) -> None:
        now = time.monotonic()
        if not self.asked.is_set():
            self._at = now
            self.asked.set()
        elif number == signal.SIGINT and now - self._at > _SAME_KEYSTROKE_SECONDS:
            # Asked twice: do not wait for what still runs; it ends with this process.
            if self.folder is not None:
                shutil.rmtree(self.folder, ignore_errors=True)
            os._exit(130)


@contextlib.contextmanager
def _progress(stop: _Stop) -> Iterator[Any]:
    """Shows each part of the start, on a terminal only; raises where a stop was asked for."""
    screen = console(stderr=True)
    with contextlib.ExitStack() as shown:
        status = shown.enter_context(screen.status("starting")) if screen.is_terminal else None

        def tell(part: str) -> None:
            if stop.asked.is_set():
                raise _StoppedError
            if status is not None:
                status.update(part)

        yield tell


@contextlib.contextmanager
def _readable() -> Iterator[None]:
    """Goes on where the reader of the output has left."""
    try:
        yield
    except BrokenPipeError:
        silence(sys.stdout)


def environment(cloud: EmulatedCloud) -> dict[str, str]:
    """What makes boto3 and the `aws` command work with a cloud."""
    return {
        "AWS_ENDPOINT_URL": cloud.url,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        # StartSyncExecution and TestState would call `sync-127.0.0.1` otherwise.
        "AWS_DISABLE_HOST_PREFIX_INJECTION": "true",
    }


def _shown(cloud: EmulatedCloud, seconds: float) -> dict[str, Any]:
    return {
        "endpoint_url": cloud.url,
        "environment": environment(cloud),
        "stack": cloud.stack.name,
        "parameters": cloud.stack.parameters,
        "outputs": cloud.stack.outputs,
        "further": {
            name: {"parameters": stack.parameters, "outputs": stack.outputs}
            for name, stack in cloud.further.items()
        },
        "functions": sorted(spec.name for spec in cloud.functions.functions()),
        "pid": os.getpid(),
        "seconds": round(seconds, 2),
    }


def _tell(cloud: EmulatedCloud, seconds: float, env_file: Path | None) -> None:
    screen = console()
    screen.print(f"{cloud.stack.name} is up at {cloud.url} ({seconds:.1f} s)\n")
    width = max(map(len, cloud.stack.outputs), default=0)
    for name, value in sorted(cloud.stack.outputs.items()):
        screen.print(f"  {name:{width}}  {value}", soft_wrap=True)
    for further, stack in cloud.further.items():
        screen.print(f"\nBeside it: {clean(further)}")
        for name, value in sorted(stack.outputs.items()):
            screen.print(f"  {clean(name):{width}}  {clean(value)}", soft_wrap=True)
    variables = [f"{name}={value}" for name, value in environment(cloud).items()]
    screen.print(
        "\nIn another terminal:\n\n"
        f"  export {' '.join(variables[:2])}\n"
        f"  export {' '.join(variables[2:4])}\n"
        f"  export {' '.join(variables[4:])}\n\n"
        f"{_examples(cloud, env_file)}"
        "Ctrl-C stops it.",
        soft_wrap=True,
    )


def _examples(cloud: EmulatedCloud, env_file: Path | None) -> str:
    """What to try, as far as the template has it."""
    from redress_local.emulated.containers import HOST

    lines = []
    outputs = cloud.stack.outputs
    if "HttpApiUrl" in outputs:
        lines.append(
            f"  curl {cloud.url}/cases \\\n"
            '    -H "Authorization: Bearer $(redress token --sub cust_mina)" \\\n'
            "    -H 'Content-Type: application/json' \\\n"
            '    -d \'{"order_id": "ord_1001", "statement": "I was charged twice."}\'\n'
        )
    if "ResolveCaseMachineArn" in outputs:
        lines.append(
            "  aws stepfunctions list-executions --state-machine-arn \\\n"
            f"    {outputs['ResolveCaseMachineArn']}\n"
        )
    if any("IssueRefund" in spec.name for spec in cloud.functions.functions()):
        lines.append("  redress logs issue_refund --follow\n")
    if env_file is not None:
        lines.append(
            "  sam local invoke ClaimCaseFunction -e events/claim_case.json \\\n"
            f"    --add-host {HOST}:host-gateway --env-vars {shlex.quote(str(env_file))}\n"
        )
    return "".join(lines) + "\n" if lines else ""
