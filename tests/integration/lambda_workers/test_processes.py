"""Nothing is left behind, however it ends."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from redress_local.lambda_service.workers import PoolClosedError, WorkerPool

FUNCTIONS = Path(__file__).parent / "functions"
HOST = """
import sys, threading
from pathlib import Path
from redress_local.lambda_service.types import FunctionSpec
from redress_local.lambda_service.workers import WorkerPool
code, folder, file = map(Path, sys.argv[1:4])
pool = WorkerPool(endpoint_url="http://x", folder=folder, on_log=lambda *_: None)
spec = FunctionSpec(name="f", arn="arn:aws:lambda:r:1:function:f", code=code, handler="app.spawn",
                    timeout=60)
print(pool._around.supervisor.pid, flush=True)
pool.invoke(spec, b'{"seconds": 60, "file": "%s"}' % str(file).encode())
"""


@pytest.fixture
def own_pool(tmp_path):
    pool = WorkerPool(endpoint_url="http://x", folder=tmp_path / "pool", on_log=lambda *_: None)
    yield pool
    pool.close()


def pids_in(file: Path) -> list[int]:
    until = time.monotonic() + 10
    while time.monotonic() < until:
        if file.is_file() and len(parts := file.read_text().split()) == 3:
            return [int(part) for part in parts]
        time.sleep(0.01)
    raise AssertionError("the function has not begun")


def test_children_die_with_their_worker(own_pool, make, tmp_path, all_gone):
    event = {"seconds": 30, "file": str(tmp_path / "pids")}
    outcome = own_pool.invoke(make("spawn", timeout=1), json.dumps(event).encode())
    assert json.loads(outcome.payload)["errorType"] == "Sandbox.Timedout"
    assert all_gone(pids_in(tmp_path / "pids"))


def test_children_die_with_a_worker_that_is_retired(own_pool, make, tmp_path, all_gone):
    spec = make("spawn")
    event = {"seconds": 0, "file": str(tmp_path / "pids")}
    own_pool.invoke(spec, json.dumps(event).encode())
    own_pool.discard(spec.name)
    assert all_gone(pids_in(tmp_path / "pids"))


def test_close_ends_what_runs(own_pool, make, tmp_path, all_gone):
    raised = []
    event = {"seconds": 30, "file": str(tmp_path / "pids")}

    def invoke():
        try:
            own_pool.invoke(make("spawn", timeout=60), json.dumps(event).encode())
        except PoolClosedError as error:
            raised.append(error)

    thread = threading.Thread(target=invoke)
    thread.start()
    pids = pids_in(tmp_path / "pids")
    began = time.monotonic()
    own_pool.close()
    thread.join(5)
    assert time.monotonic() - began < 2
    assert len(raised) == 1
    assert all_gone([*pids, own_pool._around.supervisor.pid], 0.5)
    with pytest.raises(PoolClosedError):
        own_pool.invoke(make("echo"), b"{}")
    assert list((tmp_path / "pool").iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_no_orphan_when_the_host_is_killed(tmp_path, all_gone, number):
    file = tmp_path / "pids"
    host = subprocess.Popen(
        [sys.executable, "-c", HOST, str(FUNCTIONS), str(tmp_path / "pool"), str(file)],
        stdout=subprocess.PIPE,
    )
    try:
        assert host.stdout is not None
        zygote = int(host.stdout.readline())
        pids = [*pids_in(file), zygote]
        host.send_signal(number)
        host.wait(5)
        assert all_gone(pids)
    finally:
        host.kill()
        host.wait()
        host.stdout.close()


def test_a_killed_zygote_takes_its_workers_and_is_replaced(own_pool, make, all_gone):
    spec = make("echo")
    first = json.loads(own_pool.invoke(spec, b"{}").payload)["pid"]
    zygote = own_pool._around.supervisor.pid
    os.kill(zygote, signal.SIGKILL)
    assert all_gone([first])
    outcome = own_pool.invoke(spec, b"{}")
    assert outcome.function_error is None
    assert own_pool._around.supervisor.pid != zygote


def test_a_worker_that_died_while_idle_is_forgotten(own_pool, make):
    spec = make("echo")
    pid = json.loads(own_pool.invoke(spec, b"{}").payload)["pid"]
    os.kill(pid, signal.SIGKILL)
    until = time.monotonic() + 5
    while own_pool.counts() and time.monotonic() < until:
        time.sleep(0.02)
    assert own_pool.counts() == {}


def test_an_interrupt_at_the_terminal_does_not_reach_workers(own_pool, make):
    spec = make("echo")
    pid = json.loads(own_pool.invoke(spec, b"{}").payload)["pid"]
    groups = {os.getpgid(pid), os.getpgid(own_pool._around.supervisor.pid)}
    assert os.getpgrp() not in groups
    assert len(groups) == 2


def test_many_threads_share_the_pool(own_pool, make):
    specs = [make("echo", name=f"f{number}") for number in range(5)]
    wrong = []

    def work(number):
        for turn in range(20):
            event = {"n": number, "turn": turn}
            outcome = own_pool.invoke(specs[(number + turn) % 5], json.dumps(event).encode())
            if outcome.function_error or json.loads(outcome.payload)["event"] != event:
                wrong.append(outcome)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []
    assert sum(own_pool.counts().values()) <= 50
