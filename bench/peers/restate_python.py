"""Restate server (loopback, telemetry off) with a Python service; both processes' CPU counts."""

import http.client
import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import _path  # noqa: F401
import harness
import work

HERE = Path(__file__).parent
INGRESS, ADMIN, SERVICE = 18080, 19070, 19080
SERVER = Path(os.environ["BENCH_NODE_MODULES"]) / "@restatedev"
folder = work.fresh_folder(harness.FOLDER, "restate")
ledger = work.Ledger(folder / "ledger.db")
connections = threading.local()


def request(port: int, path: str, body: Any, connection: Any = None) -> tuple[int, bytes]:
    connection = connection or http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("POST", path, json.dumps(body), {"content-type": "application/json"})
    response = connection.getresponse()
    return response.status, response.read()


def run(case: str) -> dict[str, Any]:
    if not hasattr(connections, "kept"):
        connections.kept = http.client.HTTPConnection("127.0.0.1", INGRESS, timeout=60)
    for _ in range(50):
        status, body = request(INGRESS, "/Case/resolve", case, connections.kept)
        if status == 200:
            return dict(json.loads(body))
        time.sleep(0.1)
    raise SystemExit(f"Restate answered {status}: {body!r}")


def main() -> None:
    binary = next(SERVER.glob("restate-server-*/bin/restate-server"))
    environment = dict(
        os.environ,
        RESTATE_DISABLE_TELEMETRY="true",
        RESTATE_BASE_DIR=str(folder / "data"),
        RESTATE_LISTEN_MODE="tcp",
        RESTATE_INGRESS__BIND_ADDRESS=f"127.0.0.1:{INGRESS}",
        RESTATE_ADMIN__BIND_ADDRESS=f"127.0.0.1:{ADMIN}",
        RESTATE_BIND_IP="127.0.0.1",
        RESTATE_BIND_PORT="15122",
        RESTATE_LOG_FILTER="error",
        RESTATE_DEFAULT_NUM_PARTITIONS="4",
        BENCH_LEDGER=str(folder / "ledger.db"),
    )
    with (folder / "server.log").open("w") as log:
        server = subprocess.Popen(
            [binary, "--no-logo"], env=environment, cwd=folder, stdout=log, stderr=log
        )
        service = subprocess.Popen(
            [sys.executable, HERE / "restate_service.py"], env=environment, stdout=log, stderr=log
        )
        os.environ["BENCH_PIDS"] = f"{server.pid} {service.pid}"
        try:
            for _ in range(400):
                try:
                    uri = f"http://127.0.0.1:{SERVICE}"
                    if request(ADMIN, "/deployments", {"uri": uri})[0] < 300:
                        break
                except OSError:
                    pass
                time.sleep(0.1)
            else:
                raise SystemExit("the Restate server did not start")
            harness.measure("Restate + Python", run, ledger.count, "every step")
        finally:
            service.kill()
            server.terminate()
            server.wait(20)


if __name__ == "__main__":
    main()
