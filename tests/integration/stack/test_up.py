"""`redress up --emulated` as a process: what it prints, and that nothing is left when it ends."""

import io
import json
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import psutil
import pytest
from customer import captured, until
from redress_local.template_values import REGION
from served import CODE, SMALL, START_SECONDS, STOP_SECONDS, Served, running


@pytest.fixture
def up(tmp_path: Path) -> Iterator[Callable[..., Served]]:
    """Starts clouds; whatever a test leaves is ended."""
    started: list[Served] = []

    def start(*words: str, **options: object) -> Served:
        folder = tmp_path / f"run{len(started)}"
        folder.mkdir()
        started.append(Served(folder, *words, **options))
        return started[-1]

    yield start
    for served in started:
        served.close()


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A small project's folder."""
    folder = tmp_path / "project"
    (folder / "greet").mkdir(parents=True)
    (folder / "greet" / "app.py").write_text(CODE)
    (folder / "template.yaml").write_text(SMALL)
    return folder


def client(url: str, service: str):
    return boto3.Session("test", "test", region_name=REGION).client(service, endpoint_url=url)


def greet(url: str) -> str:
    """Invoke the small project's function, so that a worker runs."""
    functions = client(url, "lambda")
    (name,) = [each["FunctionName"] for each in functions.list_functions()["Functions"]]
    return json.loads(functions.invoke(FunctionName=name)["Payload"].read())


def gone(served: Served) -> None:
    """Nothing is left of it: no process, no file."""
    until(lambda: not served.left(), "the end of every process", STOP_SECONDS)
    assert served.files() == []


def is_free(port: int) -> bool:
    with closing(socket.socket()) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def test_our_template_is_served_until_sigterm(up, called):
    served = up("--json")
    said = served.ready()
    url = said["endpoint_url"]
    port = urlsplit(url).port
    assert said["pid"] == served.process.pid
    assert said["stack"] == "redress"
    assert said["environment"]["AWS_ENDPOINT_URL"] == url
    assert said["environment"]["AWS_DISABLE_HOST_PREFIX_INJECTION"] == "true"
    assert len(said["functions"]) > 20
    assert said["outputs"]["HttpApiUrl"] == url
    host = client(url, "stepfunctions")
    assert said["outputs"]["ResolveCaseMachineArn"] in [
        each["stateMachineArn"] for each in host.list_state_machines()["stateMachines"]
    ]
    # Only this machine is served, and only by its name.
    listening = [
        each.laddr.ip
        for process in [served.process.pid, *_children(served)]
        for each in psutil.Process(process).net_connections("tcp")
        if each.status == psutil.CONN_LISTEN
    ]
    assert listening
    assert set(listening) == {"127.0.0.1"}
    with closing(HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        connection.request("GET", "/_redress/health", headers={"Host": "rebound.example"})
        assert connection.getresponse().status == 403

    assert called("--port", str(port)) == (
        1,
        "",
        f"error: port {port} is taken: stop what listens there, or choose another with --port\n",
    )
    code, out, _ = called("--port", str(port), "--json")
    assert code == 1
    assert json.loads(out)["error"]["type"] == "ServeError"

    assert served.end(signal.SIGTERM) == 0
    assert served.errors() == ""
    gone(served)
    assert is_free(port)


def _children(served: Served) -> list[int]:
    return [each.pid for each in psutil.Process(served.process.pid).children(recursive=True)]


def test_on_a_terminal_it_says_what_to_do_and_ctrl_c_stops_it(up):
    served = up(terminal=True)
    screen = served.see("Ctrl-C stops it.")
    assert "starting" in screen or "reading the template" in screen
    told = screen[screen.rindex("redress is up at ") :].replace("\r\n", "\n")
    url = re.match(r"redress is up at (http://127\.0\.0\.1:\d+) \(\d+\.\d s\)\n", told)[1]
    assert f"  export AWS_ENDPOINT_URL={url} AWS_DEFAULT_REGION={REGION}\n" in told
    assert "  export AWS_DISABLE_HOST_PREFIX_INJECTION=true\n" in told
    assert f"  curl {url}/cases " in told
    # What is longer cannot be shorter: it is to be copied.
    long = [line for line in told.split("\n") if len(line) > 80]
    assert all("arn:aws:" in line or "/000000000000/" in line for line in long)
    served.press(b"\x03")
    served.see("stopping", STOP_SECONDS)
    assert served.process.wait(STOP_SECONDS) == 0
    gone(served)


def test_another_project_without_any_output_and_a_terminal_that_closes(up, project):
    served = up("--parameter", "Greeting=bonjour", project=project, preexec_fn=_close_stdout)
    url = url_of(served)
    assert greet(url) == "bonjour"
    assert len(served.left()) >= 4  # itself, moto, the zygote and a worker
    assert served.end(signal.SIGHUP) == 0
    assert served.errors() == ""
    gone(served)


def test_killed_it_takes_every_process_with_it(up, project):
    """Nobody reads what it prints: it serves all the same."""
    reader, writer = os.pipe()
    os.close(reader)
    served = up("--json", project=project, stdout=writer)
    os.close(writer)
    url = url_of(served)
    assert greet(url) == "hello"
    assert served.end(signal.SIGKILL) == -signal.SIGKILL
    until(lambda: not served.left(), "the end of every process", STOP_SECONDS)
    assert is_free(urlsplit(url).port)


@pytest.mark.parametrize("words", [[], ["--json"]], ids=["plain", "json"])
def test_it_ends_when_moto_does(up, project, words):
    served = up(*words, project=project)
    assert greet(url_of(served)) == "hello"
    (moto,) = [
        process
        for process in psutil.Process(served.process.pid).children()
        if "redress_local.emulated.moto.serve" in process.cmdline()
    ]
    moto.kill()
    assert served.process.wait(STOP_SECONDS) == 1
    message = "the moto server is gone: it ended with code -9: it wrote nothing"
    if words:
        last = served.process.stdout.read().splitlines()[-1]
        assert json.loads(last)["error"] | {"hint": ""} == {
            "type": "MotoError",
            "message": message,
            "hint": "",
        }
        assert served.errors() == ""
    else:
        assert re.fullmatch(f"error: {message}: try again; .*\n", served.errors())
    gone(served)


def _close_stdout() -> None:
    os.close(1)


def url_of(served: Served) -> str:
    """Where it serves, by the ports that it listens on."""

    def ready() -> str | None:
        ports = [
            each.laddr.port
            for each in psutil.Process(served.process.pid).net_connections("tcp")
            if each.status == psutil.CONN_LISTEN
        ]
        return next((f"http://127.0.0.1:{port}" for port in ports if is_healthy(port)), None)

    return str(until(ready, "readiness", START_SECONDS))


def is_healthy(port: int) -> bool:
    with closing(HTTPConnection("127.0.0.1", port, timeout=10)) as connection:
        try:
            connection.request("GET", "/_redress/health")
            return connection.getresponse().status == 200
        except OSError:
            return False


def test_stopped_while_it_starts(up, project):
    served = up("--json", project=project)
    until(served.files, "the first sign of a start")
    assert served.end(signal.SIGTERM) == 0
    assert served.errors() == ""
    gone(served)


IMPATIENT = """
import sys, time
from pathlib import Path
from redress_local.cli.up import _Stop
with _Stop() as stop:
    stop.folder = Path(sys.argv[1])
    print("ready", flush=True)
    stop.asked.wait()
    time.sleep(0.6)
    print("stopping", flush=True)
    time.sleep(60)
"""


def test_a_second_ctrl_c_does_not_wait_and_leaves_no_files(tmp_path):
    folder = tmp_path / "state"
    folder.mkdir()
    (folder / "file").touch()
    process = subprocess.Popen(
        [sys.executable, "-c", IMPATIENT, str(folder)], stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        # A wrapper that passes it on, and a supervisor: they mean the same stop.
        for number in (signal.SIGINT, signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            process.send_signal(number)
        assert process.stdout.readline() == "stopping\n"
        process.send_signal(signal.SIGTERM)
        assert folder.is_dir()
        process.send_signal(signal.SIGINT)
        assert process.wait(STOP_SECONDS) == 130
    assert not folder.exists()


BROKEN = {
    "an unknown type": (
        "Resources:\n  Thing: {Type: AWS::Foo::Bar}\n",
        "AWS::Foo::Bar (Thing): the local cloud cannot create it",
    ),
    "an unknown property": (
        "Resources:\n  Q: {Type: AWS::SQS::Queue, Properties: {Wrong: 1}}\n",
        "AWS::SQS::Queue (Q): the local cloud does not know its property Wrong",
    ),
    "no YAML": ("Resources: [", "not YAML"),
    "no resources": ("", "a template has Resources"),
    "an odd shape": ("Resources: [1]", "a template has Resources"),
}


def test_a_template_that_cannot_be_served_leaves_nothing(up, tmp_path):
    text, complaint = BROKEN["an unknown type"]
    (tmp_path / "template.yaml").write_text(text)
    served = up(project=tmp_path)
    assert served.process.wait(60) == 2
    assert complaint in served.errors()
    gone(served)


@pytest.fixture
def called(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    """Runs the command in this process, where it ends by itself; nothing may be left of it."""
    temporary = tmp_path / "called-files"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))

    def call(*words: str) -> tuple[int, str, str]:
        errors = io.StringIO()
        code, out = captured(["up", "--emulated", *words], errors)
        return code, out, errors.getvalue()

    yield call
    assert list(temporary.iterdir()) == []
    until(lambda: not running(str(temporary)), "the end of every process", STOP_SECONDS)


@pytest.mark.parametrize("name", BROKEN)
def test_what_is_wrong_with_a_template_is_told_in_one_line(called, tmp_path, monkeypatch, name):
    text, complaint = BROKEN[name]
    (tmp_path / "template.yaml").write_text(text)
    monkeypatch.setenv("REDRESS_PROJECT", str(tmp_path))
    code, out, error = called("--port", "0")
    assert (code, out) == (2, "")
    assert error.startswith(f"error: {tmp_path / 'template.yaml'}: {complaint}")
    assert error.count("\n") == 1


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        (
            ["--port", "0", "--parameter", "Nope=1"],
            "there is no parameter Nope; the template has: DefaultPat",
        ),
        (["--port", "0", "--parameter", "WebUrl=x"], "parameter WebUrl: 'x' does not match"),
        (["--parameter", "Nope"], "--parameter 'Nope' is not NAME=VALUE"),
        (["--parameter", "A=1", "--parameter", "A=2"], "--parameter A is given twice"),
        (["--shop", "/nowhere.json"], "/nowhere.json: cannot be read"),
        (["--shop", "{broken}"], "broken.json"),
        (["--port", "eighty"], "--port 'eighty' is no whole number"),
    ],
)
def test_a_call_that_makes_no_sense_is_told_in_one_line(called, tmp_path, words, complaint):
    broken = tmp_path / "broken.json"
    broken.write_text('{"schema_version": ')
    code, out, error = called(*(str(broken) if word == "{broken}" else word for word in words))
    assert (code, out) == (2, "")
    assert error.startswith("error: ")
    assert complaint in error
    assert error.count("\n") == 1


def test_a_port_that_there_is_not(called):
    complaint = "there is no port 65536: choose one from 1 to 65535, or 0 for any"
    assert called("--port", "65536") == (1, "", f"error: {complaint}\n")


def test_without_emulated_it_says_what_to_add():
    errors = io.StringIO()
    assert captured(["up"], errors)[0] == 2
    assert "add --emulated; `redress resolve` needs no server" in errors.getvalue()
