"""`redress asl serve`: prints where it serves, keeps its journal, stops cleanly."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config

ARN = "arn:aws:states:us-east-1:000000000000:stateMachine"


def command(*words: str) -> list[str]:
    return [sys.executable, "-m", "redress_local.cli.main", "asl", "serve", *words]


def environment() -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if not key.startswith("AWS_")}


@contextmanager
def serving(*words: str, number: int = signal.SIGTERM) -> Iterator[tuple[Any, dict[str, Any]]]:
    process = subprocess.Popen(
        command("--port", "0", "--json", *words),
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment(),
    )  # fmt: skip
    assert process.stdout is not None
    try:
        told = json.loads(process.stdout.readline())
        sfn = boto3.Session(
            aws_access_key_id="test", aws_secret_access_key="test", region_name="us-east-1"
        ).client(
            "stepfunctions",
            endpoint_url=told["url"],
            config=Config(retries={"total_max_attempts": 1}, inject_host_prefix=False),
        )
        yield sfn, told
        process.send_signal(number)
        out, err = process.communicate(timeout=20)
        assert (process.returncode, out, err) == (0, "", "")
    finally:
        if process.poll() is None:
            process.kill()
        process.communicate()


def write(path: Path, states: dict[str, Any]) -> Path:
    start = next(iter(states))
    path.write_text(json.dumps({"QueryLanguage": "JSONata", "StartAt": start, "States": states}))
    return path


def until_over(sfn: Any, arn: str) -> dict[str, Any]:
    while True:
        found: dict[str, Any] = sfn.describe_execution(executionArn=arn)
        if found["status"] != "RUNNING":
            return found


def test_machines_and_executions_come_back(tmp_path: Path) -> None:
    wait = {"Type": "Wait", "Seconds": 1, "Output": "${Greeting}", "End": True}
    file = write(tmp_path / "greet.asl.json", {"W": wait})
    words = (str(file), "--journal", str(tmp_path / "journal"), "--set", "Greeting=hello")
    with serving(*words) as (sfn, told):
        assert told["machines"] == [f"{ARN}:greet"]
        assert told["url"].startswith("http://127.0.0.1:")
        arn = sfn.start_execution(stateMachineArn=f"{ARN}:greet")["executionArn"]
    with serving(*words, number=signal.SIGINT) as (sfn, told):
        assert told["resumed"] == [arn]
        assert until_over(sfn, arn)["output"] == '"hello"'
        assert [m["name"] for m in sfn.list_state_machines()["stateMachines"]] == ["greet"]


def test_a_task_without_an_endpoint_says_so(tmp_path: Path) -> None:
    invoke = {"Type": "Task", "Resource": "arn:aws:states:::lambda:invoke",
              "Arguments": {"FunctionName": "f"}, "End": True}  # fmt: skip
    get = {"Type": "Task", "Resource": "arn:aws:states:::dynamodb:getItem",
           "Arguments": {"TableName": "t", "Key": {}}, "End": True}  # fmt: skip
    files = [write(tmp_path / f"{n}.asl.json", {"T": s}) for n, s in (("a", invoke), ("b", get))]
    with serving(*map(str, files)) as (sfn, told):
        for arn in told["machines"]:
            ended = until_over(sfn, sfn.start_execution(stateMachineArn=arn)["executionArn"])
            assert (ended["status"], ended["error"]) == ("FAILED", "Endpoint.NotConfigured")
            assert "--endpoint-url" in ended["cause"]


def test_a_caller_that_waits_does_not_hold_the_stop(tmp_path: Path) -> None:
    file = write(tmp_path / "w.asl.json", {"W": {"Type": "Wait", "Seconds": 200, "End": True}})
    with (
        serving(str(file)) as (sfn, told),
        socket.create_connection(("127.0.0.1", int(told["url"].rpartition(":")[2]))) as connection,
    ):
        definition = file.read_text()
        arn = sfn.create_state_machine(
            name="express", definition=definition, type="EXPRESS",
            roleArn="arn:aws:iam::000000000000:role/r",
        )["stateMachineArn"]  # fmt: skip
        body = json.dumps({"stateMachineArn": arn})
        connection.sendall(
            b"POST / HTTP/1.1\r\nHost: localhost\r\n"
            b"X-Amz-Target: AWSStepFunctions.StartSyncExecution\r\n"
            + f"Content-Length: {len(body)}\r\n\r\n{body}".encode()
        )
        sfn.list_state_machines()


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["none.asl.json"], 2, "there is no file"),
        (["--port", "99999"], 2, "is no port"),
        (["--journal", "/nowhere/journal"], 2, "unable to open"),
        (["--set", "x"], 2, "is not NAME=VALUE"),
    ],
)
def test_bad_calls(words: list[str], code: int, said: str) -> None:
    done = subprocess.run(
        command(*words), capture_output=True, text=True, env=environment(), timeout=30, check=False
    )
    assert (done.returncode, done.stdout) == (code, "")
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_taken_port() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        done = subprocess.run(
            command("--port", port), capture_output=True, text=True, env=environment(),
            timeout=30, check=False,
        )  # fmt: skip
    assert done.returncode == 2
    assert f"cannot listen on 127.0.0.1:{port}" in done.stderr


def test_what_it_says_is_enough_for_boto3() -> None:
    process = subprocess.Popen(
        command("--port", "0"), stdout=subprocess.PIPE, text=True, env=environment()
    )
    assert process.stdout is not None
    try:
        lines = []
        while not lines or "Ctrl-C" not in lines[-1]:
            lines.append(process.stdout.readline())
            assert lines[-1], lines
        exported = [word for line in lines if line.startswith("export ") for word in line.split()]
        settings = dict(word.split("=", 1) for word in exported if "=" in word)
        script = "import boto3; print(boto3.client('stepfunctions').list_state_machines()"
        done = subprocess.run(
            [sys.executable, "-c", script + "['stateMachines'])"],
            env={**environment(), **settings},
            capture_output=True, text=True, timeout=30, check=False,
        )  # fmt: skip
        assert (done.stdout, done.stderr) == ("[]\n", "")
    finally:
        process.terminate()
        process.communicate(timeout=20)
    assert process.returncode == 0
