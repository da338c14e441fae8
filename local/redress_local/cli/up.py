"""`redress up`: the local cloud, until it is stopped."""

from __future__ import annotations

import os
import signal
import threading
import time
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter
from redress_local.cli.errors import UsageError
from redress_local.cli.output import console, print_json
from redress_local.cli.stores import JsonOption, ShopOption, Whole, load
from redress_local.template_values import REGION

if TYPE_CHECKING:
    from redress_local.emulated.cloud import EmulatedCloud


def up(
    *,
    emulated: Annotated[bool, Parameter(negative="")] = False,
    port: Whole = 4566,
    shop: ShopOption = None,
    parameter: Annotated[list[str] | None, Parameter(negative="", consume_multiple=False)] = None,
    built: Annotated[bool, Parameter(negative="")] = False,
    as_json: JsonOption = False,
) -> int:
    """Serve the whole stack on this machine, with AWS's APIs, until Ctrl-C.

    Everything in template.yaml is created: tables, queues and keys in moto; functions in
    processes of their own; state machines, bus and API by Redress. What is in it goes away with
    it. For one case without any server there is `redress resolve`.

    Args:
        emulated: Run the stack behind AWS's APIs.
        port: The one port; 0 takes any that is free.
        shop: A shop file to fill the tables with; the example shop by default.
        parameter: A value for a parameter of the template, as NAME=VALUE; may be repeated.
        built: Run what `make build` built instead of the sources.
        as_json: Print one JSON object when ready, and nothing else.
    """
    if not emulated:
        raise UsageError(
            "`redress up` serves the emulated cloud only",
            "add --emulated; `redress resolve` needs no server",
        )
    parameters = _parameters(parameter or [])
    begin = time.monotonic()
    stopping = _stop_on_signals()
    from redress_local.emulated.cloud import EmulatedCloud

    screen = console()
    with screen.status("starting") as status:
        cloud = EmulatedCloud.start(
            port=port,
            parameters=parameters,
            shop=load(shop),
            built=built,
            progress=lambda part: status.update(part),
        )
    with cloud:
        seconds = time.monotonic() - begin
        if as_json:
            print_json(_shown(cloud, seconds))
        else:
            _tell(cloud, seconds)
        cloud.warm()
        stopping.wait()
        if not as_json:
            screen.print("stopping")
    return 0


def _parameters(given: list[str]) -> dict[str, str]:
    values: dict[str, str] = {}
    for text in given:
        name, equals, value = text.partition("=")
        if not equals or not name:
            raise UsageError(f"--parameter {text!r} is not NAME=VALUE", "see template.yaml")
        values[name] = value
    return values


def _stop_on_signals() -> threading.Event:
    """Turn Ctrl-C, SIGTERM and a closed terminal into one event, so that all of it stops."""
    stopping = threading.Event()

    def stop(*_: object) -> None:
        if stopping.is_set():
            # Asked twice: do not wait for what still runs.
            os._exit(130)
        stopping.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    return stopping


def _shown(cloud: EmulatedCloud, seconds: float) -> dict[str, Any]:
    return {
        "endpoint_url": cloud.url,
        "stack": cloud.stack.name,
        "parameters": cloud.stack.parameters,
        "outputs": cloud.stack.outputs,
        "functions": sorted(spec.name for spec in cloud.functions.functions()),
        "pid": os.getpid(),
        "seconds": round(seconds, 2),
    }


def _tell(cloud: EmulatedCloud, seconds: float) -> None:
    screen = console()
    screen.print(f"{cloud.stack.name} is up at {cloud.url} ({seconds:.1f} s)\n")
    width = max(map(len, cloud.stack.outputs), default=0)
    for name, value in sorted(cloud.stack.outputs.items()):
        screen.print(f"  {name:{width}}  {value}", soft_wrap=True)
    screen.print(
        "\nIn another terminal:\n"
        f"  export AWS_ENDPOINT_URL={cloud.url} AWS_DEFAULT_REGION={REGION}\n"
        "  export AWS_ACCESS_KEY_ID=test AWS_SECRET_ACCESS_KEY=test\n"
        f"  curl {cloud.url}/cases -H 'Content-Type: application/json' \\\n"
        '    -H "Authorization: Bearer $(redress token --sub cust_mina)" \\\n'
        '    -d \'{"order_id": "ord_1001", "statement": "I was charged twice, and the teapot is'
        " missing.\"}'\n"
        "  aws stepfunctions list-executions --state-machine-arn"
        f" {cloud.stack.outputs.get('ResolveCaseMachineArn', 'ARN')}\n"
        "  redress logs issue_refund --follow\n"
        "\nCtrl-C stops it.",
        soft_wrap=True,
    )
