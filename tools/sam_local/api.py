"""Calls the HTTP routes that `sam local start-api` serves."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

from tools.sam_local.answers import differences
from tools.sam_local.cloud import ROOT

START_SECONDS = 120
CALL_SECONDS = 300
STOP_SECONDS = 60


class ApiError(Exception):
    """`sam local start-api` did not start."""


def call_api(
    command: Sequence[str], routes: Sequence[tuple[str, dict[str, Any]]]
) -> Iterator[tuple[str, str, float]]:
    """Serve the API and call each route.

    Args:
        command: `sam local start-api` with its options.
        routes: `METHOD PATH`, and what it must answer: status and body.

    Yields:
        The route, what it answers, and the seconds that it took.

    Raises:
        ApiError: The API is not served.
    """
    with closing(socket.create_server(("127.0.0.1", 0))) as probe:
        port = probe.getsockname()[1]
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            [*command, "--port", str(port)],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
        try:
            _await(port, process)
            for route, expected in routes:
                begin = time.monotonic()
                found = _call(f"http://127.0.0.1:{port}", route)
                unlike = differences(expected, found)
                told = unlike or f"answers {found['status']} {found['body'][:100]}"
                yield f"{route} (start-api)", told, time.monotonic() - begin
        except ApiError as error:
            log.seek(0)
            raise ApiError(f"{error}: {log.read()[-3000:].decode(errors='replace')}") from None
        finally:
            # As Ctrl-C does: it removes its containers.
            os.killpg(process.pid, signal.SIGINT)
            try:
                process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _await(port: int, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end and process.poll() is None:
        with closing(socket.socket()) as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.2)
    raise ApiError("`sam local start-api` does not serve")


def _call(url: str, route: str) -> dict[str, Any]:
    method, path = route.split(" ")
    data = json.dumps({"order_id": "ord_1001", "statement": "I was charged twice."}).encode()
    request = urllib.request.Request(  # noqa: S310 - our own server
        url + path,
        method=method,
        data=data if method == "POST" else None,
        headers={"content-type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=CALL_SECONDS) as answer:  # noqa: S310
            return {"status": answer.status, "body": answer.read().decode()}
    except urllib.error.HTTPError as error:
        return {"status": error.code, "body": error.read().decode(errors="replace")}
