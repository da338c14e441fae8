"""`redress logs` beside the assembled cloud: what a case's functions printed."""

import io
import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from customer import Api, captured, messages

LINE_SECONDS = 30


@contextmanager
def following(url: str, *words: str) -> Iterator[tuple[subprocess.Popen[str], "queue.Queue[str]"]]:
    """`redress logs ... --follow` in a process of its own, and its lines."""
    process = subprocess.Popen(
        [sys.executable, "-m", "redress_local.cli.main", "logs", *words, "--follow"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"AWS_ENDPOINT_URL": url},
    )
    lines: queue.Queue[str] = queue.Queue()

    def read() -> None:
        assert process.stdout is not None
        for line in process.stdout:
            lines.put(line)

    reader = threading.Thread(target=read, daemon=True)
    reader.start()
    try:
        yield process, lines
    finally:
        process.kill()
        process.wait()
        reader.join(10)
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        process.stderr.close()


@pytest.fixture(scope="module")
def told(cloud, refunds):
    """What somebody saw who followed a function: a case, then an invocation without one."""
    api = Api(cloud)
    case = next(refunds)
    token = api.token(case.customer_id)
    with following(cloud.url, "issue_refund", "--json") as (process, lines):
        with api.listen(api.ticket(token)) as socket:
            case_id = api.open_case(token, case).body["case_id"]
            messages(socket, "CaseResolved")
        seen: list[dict] = []

        def see(**wanted: str) -> None:
            while not seen or not wanted.items() <= seen[-1].items():
                seen.append(json.loads(lines.get(timeout=LINE_SECONDS)))

        see(message="function finished", case_id=case_id)
        # The case may have been over before the first look; this comes after it.
        name = next(f.name for f in cloud.functions.functions() if "IssueRefund" in f.name)
        failed = cloud.client("lambda").invoke(FunctionName=name, Payload=b'{"no": "claim"}')
        assert failed["FunctionError"] == "Unhandled"
        see(requestId=failed["ResponseMetadata"]["RequestId"])
        process.send_signal(signal.SIGINT)
        code = process.wait(10)
        assert process.stderr is not None
        complaint = process.stderr.read()
    return case_id, seen, code, complaint


def shown(cloud, monkeypatch, *words):
    monkeypatch.setenv("AWS_ENDPOINT_URL", cloud.url)
    errors = io.StringIO()
    code, out = captured(["logs", *words], errors)
    return code, out, errors.getvalue()


def test_whoever_follows_sees_the_lines_of_a_new_case(told):
    case_id, seen, _, _ = told
    own = [line for line in seen if line.get("case_id") == case_id]
    assert next(line["message"] for line in own) == "function started"
    assert {line["function"] for line in own} == {"issue_refund"}


def test_ctrl_c_is_how_following_ends(told):
    *_, code, complaint = told
    assert (code, complaint) == (0, "")


def test_the_lines_are_there_afterwards(told, cloud, monkeypatch):
    case_id, seen, *_ = told
    code, out, _ = shown(cloud, monkeypatch, "IssueRefundFunction", "--json")
    lines = [json.loads(line) for line in out.splitlines()]
    assert code == 0
    assert [line for line in seen if line.get("case_id") == case_id] == [
        line for line in lines if line.get("case_id") == case_id
    ]


def test_lines_for_people_and_a_filter(told, cloud, monkeypatch):
    case_id, *_ = told
    code, out, _ = shown(cloud, monkeypatch, "validate_case", "--filter", case_id)
    assert code == 0
    assert "function started" in out
    assert "function finished" in out
    code, out, _ = shown(cloud, monkeypatch, "validate_case", "--filter", "nowhere in any line")
    assert (code, out) == (0, "")


def test_functions_share_a_group_but_not_their_lines(told, cloud, monkeypatch):
    _, out, _ = shown(cloud, monkeypatch, "validate_case", "--json")
    named = {json.loads(line).get("function") for line in out.splitlines()}
    assert named - {None} == {"validate_case"}


def test_an_unknown_function_is_answered_with_the_known_ones(cloud, monkeypatch):
    code, out, error = shown(cloud, monkeypatch, "issue_refunds")
    assert (code, out) == (2, "")
    assert error.startswith("error: there is no function issue_refunds: name one of ")
    assert "IssueRefundFunction" in error
    code, out, _ = shown(cloud, monkeypatch, "issue_refunds", "--json")
    assert code == 2
    assert json.loads(out)["error"]["message"] == "there is no function issue_refunds"
