"""`redress asl serve`: the Step Functions API alone, on the loopback interface."""

from __future__ import annotations

import json
import os
import signal
import socket
import sqlite3
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from asl_engine import AslEngineError
from cyclopts import Parameter
from redress_local.cli.asl import (
    BAD_CALL,
    FAILED,
    OK,
    Json,
    Settings,
    check_file,
    fill_in,
    machine_name,
    refuse,
)
from redress_local.cli.asl_output import SCHEMA_VERSION, show_diagnostics
from redress_local.cli.errors import UsageError
from redress_local.cli.pairs import pairs_of

if TYPE_CHECKING:
    import uvicorn
    from asl_engine import Engine
    from asl_engine.api.service import StepFunctionsApi

HOST = "127.0.0.1"
_ROLE = "arn:aws:iam::{account}:role/asl-serve"
_HINT = "start `redress asl serve` with --endpoint-url or AWS_ENDPOINT_URL"
_STOP_SECONDS = 5
# What boto3 and the aws command want to have, whatever it is; only what is not set is shown.
_STAND_INS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
}

Endpoint = Annotated[str | None, Parameter(name="--endpoint-url")]


def serve(
    *files: Path,
    port: int = 8083,
    journal: Path | None = None,
    endpoint_url: Endpoint = None,
    set_: Settings = (),
    json_: Json = False,
) -> int:
    """Serve the AWS Step Functions API at http://127.0.0.1:PORT until it is stopped.

    Every FILE becomes a state machine of its name. A ${Name} that --set does not fill in becomes
    its own name. With --journal, machines and executions are there again after a restart, and
    what ran goes on. Tasks call the endpoint; without one they fail with Endpoint.NotConfigured.

    Args:
        files: Definitions: .asl.yaml, .asl.json or .json.
        port: The port; 0 takes a free one.
        journal: A SQLite file to keep machines and executions in; in memory by default.
        endpoint_url: Where tasks call AWS services; $AWS_ENDPOINT_URL by default.
        set_: NAME=VALUE for a ${Name} of the definitions; may be given again.
        json_: Print one JSON object on one line.

    Returns:
        The exit status: 0 stopped, 1 a definition is not valid, 2 the call was wrong.
    """
    try:
        definitions = _read(files, pairs_of(set_, "--set"), as_json=json_)
        if definitions is None:
            return FAILED
        listener = _listen(port)
    except UsageError as error:
        return refuse(error, as_json=json_)
    with listener:
        try:
            engine = _engine(journal, endpoint_url or os.environ.get("AWS_ENDPOINT_URL"))
        except (AslEngineError, OSError, sqlite3.Error) as error:
            hint = "use another --journal, or remove this one"
            return refuse(UsageError(str(error), hint), as_json=json_)
        with engine:
            return _serve(engine, definitions, listener, journal, as_json=json_)


def _serve(
    engine: Engine,
    definitions: dict[str, dict[str, Any]],
    listener: socket.socket,
    journal: Path | None,
    *,
    as_json: bool,
) -> int:
    from asl_engine.api.service import StepFunctionsApi
    from redress_local.template_values import ACCOUNT, REGION

    api = StepFunctionsApi(engine, account=ACCOUNT, region=REGION)
    try:
        arns = [_put(api, name, definition) for name, definition in definitions.items()]
    except UsageError as error:
        refuse(error, as_json=as_json)
        return BAD_CALL
    resumed = engine.resume()
    url = f"http://{HOST}:{listener.getsockname()[1]}"
    server = _server(api)
    _show(url, arns, resumed, journal, as_json=as_json)
    server.run(sockets=[listener])
    return OK


def _read(
    files: tuple[Path, ...], settings: dict[str, str], *, as_json: bool
) -> dict[str, dict[str, Any]] | None:
    """The definitions by name; None, and said why, where one is not valid."""
    definitions: dict[str, dict[str, Any]] = {}
    for file in files:
        definition, diagnostics = check_file(file, allow_substitutions=True)
        if definition is None or any(found.severity == "ERROR" for found in diagnostics):
            show_diagnostics(file, diagnostics, is_valid=False, as_json=as_json)
            return None
        name = machine_name(file)
        if name in definitions:
            raise UsageError(f"two files make a machine {name}", "rename one of them")
        definitions[name] = fill_in(definition, settings)
    return definitions


def _listen(port: int) -> socket.socket:
    if not 0 <= port <= 65_535:
        raise UsageError(f"--port {port} is no port", "give one from 0 to 65535")
    listener = socket.socket()
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        reason = error.strerror or str(error)
        raise UsageError(
            f"cannot listen on {HOST}:{port}: {reason}", "give another --port; 0 takes a free one"
        ) from None
    return listener


def _engine(journal: Path | None, endpoint_url: str | None) -> Engine:
    from asl_engine import Engine, MemoryJournal, SqliteJournal
    from asl_engine.integrations.endpoint import Endpoint
    from redress_local.template_values import REGION

    endpoint = Endpoint(endpoint_url, region=REGION, hint=_HINT)
    return Engine(
        journal=MemoryJournal() if journal is None else SqliteJournal(journal),
        lambda_invoker=endpoint.invoke,
        lambda_caller=endpoint.invoke_as,
        events=endpoint.put_events,
        clients=endpoint.client,
    )


def _put(api: StepFunctionsApi, name: str, definition: dict[str, Any]) -> str:
    """Create a machine, or update the one that the journal has."""
    from redress_local.template_values import ACCOUNT, REGION

    role = _ROLE.format(account=ACCOUNT)
    text = json.dumps(definition, ensure_ascii=False)
    arn = f"arn:aws:states:{REGION}:{ACCOUNT}:stateMachine:{name}"
    known = api.handle(
        "AWSStepFunctions.DescribeStateMachine", json.dumps({"stateMachineArn": arn}).encode()
    )
    if known.status == 200:
        operation, request = "UpdateStateMachine", {"stateMachineArn": arn, "definition": text}
    else:
        operation = "CreateStateMachine"
        request = {"name": name, "definition": text, "roleArn": role}
    answer = api.handle(f"AWSStepFunctions.{operation}", json.dumps(request).encode())
    if answer.status != 200:
        message = json.loads(answer.body).get("message", "")
        raise UsageError(f"{name}: {message}", "see `redress asl validate FILE`")
    return arn


def _show(
    url: str, arns: list[str], resumed: list[str], journal: Path | None, *, as_json: bool
) -> None:
    if as_json:
        shown = {
            "schema_version": SCHEMA_VERSION,
            "url": url,
            "machines": arns,
            "resumed": resumed,
            "journal": None if journal is None else str(journal),
        }
        print(json.dumps(shown), flush=True)
        return
    print(f"Step Functions API: {url}")
    for arn in arns:
        print(f"  {arn}")
    if resumed:
        print(f"{len(resumed)} executions of the journal go on.")
    print(f"export AWS_ENDPOINT_URL_SFN={url} AWS_DISABLE_HOST_PREFIX_INJECTION=true")
    unset = [f"{name}={value}" for name, value in _STAND_INS.items() if not os.environ.get(name)]
    if unset:
        print(f"export {' '.join(unset)}")
    arn = arns[0] if arns else "ARN"
    print(f"Next: aws stepfunctions start-execution --state-machine-arn {arn} --input '{{}}'")
    print("Ctrl-C stops it.")
    sys.stdout.flush()


def _server(api: StepFunctionsApi) -> uvicorn.Server:
    """The server, which SIGINT and SIGTERM stop from now on."""
    import uvicorn
    from asl_engine.api.http import asgi_app

    class Server(uvicorn.Server):
        """Lets go of the callers that wait for an execution before it waits for its requests."""

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            api.close()
            await super().shutdown(sockets)

    config = uvicorn.Config(
        asgi_app(api),
        log_level="warning",
        access_log=False,
        lifespan="off",
        timeout_graceful_shutdown=_STOP_SECONDS,
    )
    server = Server(config)

    def stop(_number: int, _frame: object) -> None:
        server.should_exit = True

    # The server has handlers of its own while it runs. These take a signal that comes before,
    # and the one that it raises again when it is done.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    return server
