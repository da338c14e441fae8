"""The `redress` command as a user runs it: a process, its output and its exit code."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from local_world import dear_shop
from redress_local.shop.files import write_json

# Without byte code every start reads all of its imports three times slower.
ENVIRONMENT = {
    key: value
    for key, value in os.environ.items()
    if key not in {"REDRESS_STORE", "PYTHONDONTWRITEBYTECODE"}
}
EVENTS = Path(__file__).parents[2] / "events"
COMMAND = [sys.executable, "-m", "redress_local.cli.main"]


def redress(folder: Path, *tokens: str, **options: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *tokens],
        cwd=folder,
        env=ENVIRONMENT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        **options,
    )


def test_the_example_twice_replayed_and_shown(tmp_path: Path) -> None:
    first = redress(tmp_path, "resolve")
    assert first.returncode == 0, first.stderr
    assert first.stderr == ""
    assert "\x1b" not in first.stdout
    for shown in ("ValidateCase", "PublishOutcome", "Outcome: resolved", "64.90 USD", "[cited]"):
        assert shown in first.stdout
    second = redress(tmp_path, "resolve", "--json")
    result = json.loads(second.stdout)
    assert (result["status"], result["already_settled"]) == ("resolved", True)
    assert result["ledger_delta"] == []
    expected = {
        "schema_version",
        "case_id",
        "status",
        "pattern",
        "actions",
        "evidence",
        "transitions",
        "model_calls",
        "tokens",
        "cost_usd",
        "ledger_delta",
        "duration_ms",
    }
    assert expected <= result.keys()
    dry = json.loads(redress(tmp_path, "events", "replay", "--dry-run", "--json").stdout)
    heard = [(e["detail_type"], e["already_settled"]) for e in dry["events"] if e["rules"]]
    # The second resolve was settled already, and told nobody.
    assert sorted(heard) == [("CaseOpened", True), ("CaseOpened", True), ("CaseResolved", True)]
    shown = json.loads(redress(tmp_path, "cases", "show", "case_1001", "--json").stdout)
    assert shown["status"] == "resolved"
    assert [state["name"] for state in shown["states"]].count("IssueRefund") == 1


def test_what_an_agent_reports_is_shown_to_operators(tmp_path: Path) -> None:
    assert redress(tmp_path, "resolve", "--json").returncode == 0
    event = json.loads((EVENTS / "finding_reported.json").read_text(encoding="utf-8"))
    event["detail"]["text"] = "look \x1b[31m at this <b>"
    write_json(tmp_path / "finding.json", event)
    for _ in range(2):
        assert redress(tmp_path, "events", "put", "finding.json").returncode == 0
    shown = json.loads(redress(tmp_path, "cases", "show", "case_1001", "--json").stdout)
    (finding,) = shown["reported"]
    assert finding == event["detail"]
    text = redress(tmp_path, "cases", "show", "case_1001").stdout
    assert "fraud-watch, many_cases: look" in text
    assert "\x1b" not in text


def test_approval_across_processes(tmp_path: Path) -> None:
    write_json(tmp_path / "shop.json", dear_shop())
    event = json.dumps(
        {
            "schema_version": "1",
            "case_id": "case_9",
            "customer_id": "cust_mina",
            "order_id": "ord_1001",
            "statement": "I was charged twice.",
        }
    )
    waits = redress(tmp_path, "resolve", "-", "--shop", "shop.json", "--json", input=event)
    assert waits.returncode == 0, waits.stdout
    question = json.loads(waits.stdout)
    assert question["status"] == "awaiting_approval"
    wrong = redress(tmp_path, "approve", "case_9", "--hash", "0" * 64)
    assert wrong.returncode == 1
    assert len(wrong.stderr.splitlines()) == 1
    # A script's unset variable is no hash and no approver.
    assert redress(tmp_path, "approve", "case_9", "--hash", "").returncode != 0
    assert redress(tmp_path, "approve", "case_9", "--approver", "").returncode != 0
    approved = redress(
        tmp_path,
        "approve",
        "case_9",
        "--approver",
        "ana",
        "--hash",
        question["approval"]["proposal_hash"],
        "--json",
    )
    result = json.loads(approved.stdout)
    assert (approved.returncode, result["status"]) == (0, "resolved")
    assert any(change["kind"] == "refund" for change in result["ledger_delta"])
    again = redress(tmp_path, "approve", "case_9", "--approver", "ana", "--json")
    repeated = json.loads(again.stdout)
    assert (again.returncode, repeated["status"]) == (0, "resolved")
    assert repeated["ledger_delta"] == []
    other = redress(tmp_path, "deny", "case_9")
    assert other.returncode == 2
    assert "approve, by ana" in other.stderr


def test_a_reader_that_leaves_does_not_stop_the_work(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*COMMAND, "resolve"],
        cwd=tmp_path,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    process.stdout.readline()
    process.stdout.close()
    assert process.wait(30) == 0
    assert process.stderr is not None
    assert process.stderr.read() == b""
    cases = json.loads(redress(tmp_path, "cases", "list", "--json").stdout)["cases"]
    assert [case["status"] for case in cases] == ["resolved"]


@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize("tokens", [["cases", "list"], ["cases", "list", "--json"], ["--help"]])
def test_output_that_cannot_be_written_is_one_line(
    tmp_path: Path, tokens: list[str], unbuffered: str
) -> None:
    assert redress(tmp_path, "resolve").returncode == 0
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [*COMMAND, *tokens],
            cwd=tmp_path,
            env={**ENVIRONMENT, "PYTHONUNBUFFERED": unbuffered},
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    assert "No space left" in done.stderr
    assert len(done.stderr.splitlines()) == 1
    closed = subprocess.run(
        [*COMMAND, *tokens],
        cwd=tmp_path,
        env=ENVIRONMENT,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
        preexec_fn=lambda: os.close(1),
    )
    assert (closed.returncode, closed.stderr) == (0, "")


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_case_goes_on(tmp_path: Path, sign: signal.Signals) -> None:
    process = subprocess.Popen(
        [*COMMAND, "resolve"],
        cwd=tmp_path,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    while b"ClaimCase" not in process.stdout.readline():
        assert process.poll() is None
    process.send_signal(sign)
    _, err = process.communicate(timeout=30)
    assert b"Traceback" not in err
    assert process.returncode in {130, -9, 0}
    time.sleep(0.05)
    after = json.loads(redress(tmp_path, "resolve", "--json").stdout)
    assert after["status"] == "resolved"
    refunds = [e for e in after["ledger"]["after"] if e["kind"] == "refund"]
    sent = [e for e in after["ledger"]["after"] if e.get("replacement")]
    assert (len(refunds), len(sent)) == (1, 1)
