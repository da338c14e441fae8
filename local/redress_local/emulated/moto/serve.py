"""The moto process: `python -m redress_local.emulated.moto.serve ACCOUNT REGION SERVICE...`.

It writes one JSON line to stdout, {"port": N} or {"error": "..."}, and lives until stdin closes.
"""

from __future__ import annotations

import os
import socket
import sys
import threading
from collections.abc import Sequence
from typing import Any

_TARGETS = {
    "dynamodb": "DynamoDB_20120810",
    "kms": "TrentService",
    "logs": "Logs_20140328",
    "secretsmanager": "secretsmanager",
    "sqs": "AmazonSQS",
    "ssm": "AmazonSSM",
}
"""Services whose every call is a POST to `/`, and the prefix of their target header."""

_SLOW = frozenset({"logs", "ssm"})
"""Services whose import takes most of the start: they are imported while the others serve."""


def main(arguments: Sequence[str]) -> int:
    """Serve until the parent is gone or says stop."""
    account, region, *services = arguments
    threading.Thread(target=_end_with_parent, daemon=True).start()
    # What moto reads when it is imported.
    os.environ.update(
        MOTO_ACCOUNT_ID=account,
        MOTO_DISABLE_GLOBAL_CORS="true",
        AWS_DEFAULT_REGION=region,
        AWS_ACCESS_KEY_ID="moto",
        AWS_SECRET_ACCESS_KEY="moto",  # noqa: S106 - no secret: moto's own clients want one
    )
    with socket.socket() as listener:
        try:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", 0))
            listener.listen(512)
        except OSError as error:
            _say({"error": f"cannot listen on 127.0.0.1: {error}"})
            return 1
        try:
            server = _server(account, region, services)
        except Exception as error:  # noqa: BLE001 - the last resort: the parent tells the user why
            _say({"error": f"{type(error).__name__}: {error}"})
            return 1
        # Connections wait in the listener's queue until the loop runs: it is ready now.
        _say({"port": listener.getsockname()[1]})
        server.run(sockets=[listener])
    return 0


def _server(account: str, region: str, services: Sequence[Any]) -> Any:
    import logging

    import uvicorn
    from moto.backends import get_backend
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

    from redress_local.emulated.moto import keys, queries, transactions
    from redress_local.emulated.moto.wsgi import SerialWsgi

    keys.install()
    queries.install()
    transactions.install()
    application = DomainDispatcherApplication(create_backend_app)
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    targets: dict[str, Any] = {}

    def load(chosen: Sequence[Any]) -> None:
        for service in chosen:
            application.app_instances[service] = create_backend_app(service)
            if service in _TARGETS:
                paths = get_backend(service)[account][region].flask_paths
                targets[_TARGETS[service]] = paths["/"]

    load([service for service in services if service not in _SLOW])
    slow = [service for service in services if service in _SLOW]
    # A call that comes before its service is there waits for the import, and no other call does.
    threading.Thread(target=load, args=(slow,), daemon=True).start()
    config = uvicorn.Config(
        SerialWsgi(application, targets),
        http="httptools",
        loop="uvloop",
        ws="none",
        lifespan="off",
        access_log=False,
        log_level="error",
        server_header=False,
        date_header=False,
        timeout_keep_alive=300,
        timeout_graceful_shutdown=0,
    )
    return uvicorn.Server(config)


def _say(line: dict[str, Any]) -> None:
    import json

    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def _end_with_parent() -> None:
    """Leave when the parent closes the pipe, which its death does too, kill -9 included."""
    while os.read(0, 4096):
        pass
    os._exit(0)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
