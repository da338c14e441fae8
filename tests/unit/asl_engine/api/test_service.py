"""The API in process: what survives, what is drawn, and what an engine was given before."""

from __future__ import annotations

import json
import random
import sqlite3
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from asl_engine import (
    Engine,
    Journal,
    MemoryJournal,
    SqliteJournal,
    VirtualClock,
    compile_machine,
)
from asl_engine.api.service import StepFunctionsApi

ROLE = "arn:aws:iam::000000000000:role/r"
PREFIX = "arn:aws:states:us-east-1:000000000000"


def passing(output: Any) -> dict[str, Any]:
    state = {"Type": "Pass", "Output": output, "End": True}
    return {"QueryLanguage": "JSONata", "StartAt": "P", "States": {"P": state}}


class Client:
    def __init__(self, journal: Journal, **options: Any) -> None:
        options = {"clock": VirtualClock(), "max_workers": 0, **options}
        self.engine = Engine(journal=journal, **options)
        self.api = self.serve()

    def serve(self, seed: int = 7) -> StepFunctionsApi:
        self.api = StepFunctionsApi(
            self.engine, account="000000000000", region="us-east-1", random=random.Random(seed)
        )
        return self.api

    def __call__(self, operation: str, **request: Any) -> dict[str, Any]:
        answer = self.api.handle(f"AWSStepFunctions.{operation}", json.dumps(request).encode())
        body: dict[str, Any] = json.loads(answer.body)
        return body

    def create(self, output: Any, name: str = "m", **fields: Any) -> str:
        definition = json.dumps(passing(output))
        made = self("CreateStateMachine", name=name, definition=definition, roleArn=ROLE, **fields)
        arn: str = made["stateMachineArn"]
        return arn


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
def test_what_the_api_made_survives(kind: str, tmp_path: Path) -> None:
    journal: Journal = MemoryJournal() if kind == "memory" else SqliteJournal(tmp_path / "j")
    first = Client(journal)
    arn = first.create("one", publish=True, tags=[{"key": "k", "value": "v"}])
    first("UpdateStateMachine", stateMachineArn=arn, definition=json.dumps(passing("two")))
    alias = first(
        "CreateStateMachineAlias",
        name="LIVE",
        routingConfiguration=[{"stateMachineVersionArn": f"{arn}:1", "weight": 100}],
    )["stateMachineAliasArn"]
    before = first("StartExecution", stateMachineArn=alias, name="before")["executionArn"]
    first.engine.wait(before)
    gone = first.create("gone", name="gone")
    first("DeleteStateMachine", stateMachineArn=gone)
    described = first("DescribeStateMachine", stateMachineArn=arn)
    first.engine.close()
    if kind == "sqlite":
        journal.close()
        journal = SqliteJournal(tmp_path / "j")

    second = Client(journal)
    assert second("DescribeStateMachine", stateMachineArn=arn) == described
    assert second("ListTagsForResource", resourceArn=arn)["tags"] == [{"key": "k", "value": "v"}]
    assert [m["name"] for m in second("ListStateMachines")["stateMachines"]] == ["m"]
    for started, output in ((arn, '"two"'), (alias, '"one"'), (f"{arn}:1", '"one"')):
        execution = second("StartExecution", stateMachineArn=started)["executionArn"]
        second.engine.wait(execution)
        assert second("DescribeExecution", executionArn=execution)["output"] == output
    found = second("DescribeExecution", executionArn=before)
    assert (found["stateMachineAliasArn"], found["stateMachineVersionArn"]) == (alias, f"{arn}:1")
    published = second("PublishStateMachineVersion", stateMachineArn=arn)
    assert published["stateMachineVersionArn"] == f"{arn}:2"
    journal.close()


def test_an_alias_shares_out_by_weight() -> None:
    client = Client(MemoryJournal())
    arn = client.create("one", publish=True)
    client("UpdateStateMachine", stateMachineArn=arn, definition=json.dumps(passing("two")),
           publish=True)  # fmt: skip
    routes = [
        {"stateMachineVersionArn": f"{arn}:1", "weight": 90},
        {"stateMachineVersionArn": f"{arn}:2", "weight": 10},
    ]
    alias = client("CreateStateMachineAlias", name="SPLIT", routingConfiguration=routes)
    drawn: Counter[str] = Counter()
    for _ in range(300):
        started = client("StartExecution", stateMachineArn=alias["stateMachineAliasArn"])
        drawn[client.engine.record(started["executionArn"]).version] += 1
    assert set(drawn) == {f"{arn}:1", f"{arn}:2"}
    assert 250 < drawn[f"{arn}:1"] < 290


def test_what_the_engine_had_before() -> None:
    client = Client(MemoryJournal())
    known = client.engine.register(compile_machine(passing(1), name="known"))
    client.serve()
    found = client("DescribeStateMachine", stateMachineArn=known.arn)
    assert json.loads(found["definition"]) == passing(1)
    execution = client("StartExecution", stateMachineArn=known.arn)["executionArn"]
    assert client.engine.wait(execution).output == 1


def test_a_role_reaches_the_context_object() -> None:
    client = Client(MemoryJournal())
    arn = client.create("{% $states.context.Execution.RoleArn %}")
    execution = client("StartExecution", stateMachineArn=arn)["executionArn"]
    assert client.engine.wait(execution).output == ROLE


def test_redrive_tokens_and_periods() -> None:
    client = Client(MemoryJournal())
    fail = {"QueryLanguage": "JSONata", "StartAt": "F", "States": {"F": {"Type": "Fail"}}}
    arn = client("CreateStateMachine", name="f", definition=json.dumps(fail), roleArn=ROLE)
    execution = client("StartExecution", stateMachineArn=arn["stateMachineArn"])["executionArn"]
    client.engine.wait(execution)

    def redrive(token: str) -> dict[str, Any]:
        answer = client("RedriveExecution", executionArn=execution, clientToken=token)
        client.engine.wait(execution)
        return answer

    clock = client.engine.clock
    assert isinstance(clock, VirtualClock)
    clock.advance(1)
    first = redrive("a")
    clock.advance(60)
    assert redrive("a") == first
    assert client.engine.record(execution).redrive_count == 1
    assert redrive("b") != first
    clock.advance(15 * 60 + 1)
    # A token is forgotten after fifteen minutes.
    redrive("a")
    assert client.engine.record(execution).redrive_count == 3
    clock.advance(14 * 86_400 + 1)
    found = client("DescribeExecution", executionArn=execution)
    assert found["redriveStatusReason"] == "Execution redrivable period exceeded"
    assert redrive("c")["__type"] == "ExecutionNotRedrivable"


def test_an_express_execution_lasts_five_minutes() -> None:
    client = Client(MemoryJournal())
    wait = {"Type": "Wait", "Seconds": 600, "End": True}
    definition = {"QueryLanguage": "JSONata", "StartAt": "W", "States": {"W": wait}}
    arn = client("CreateStateMachine", name="e", definition=json.dumps(definition), roleArn=ROLE,
                 type="EXPRESS")["stateMachineArn"]  # fmt: skip
    found = client("StartSyncExecution", stateMachineArn=arn)
    assert (found["status"], found["error"]) == ("TIMED_OUT", "States.Timeout")
    assert found["billingDetails"]["billedDurationInMilliseconds"] == 300_000


def test_a_caller_that_waits_is_let_go() -> None:
    client = Client(MemoryJournal(), clock=None, max_workers=1)
    wait = {"Type": "Wait", "Seconds": 100, "End": True}
    definition = {"QueryLanguage": "JSONata", "StartAt": "W", "States": {"W": wait}}
    arn = client("CreateStateMachine", name="e", definition=json.dumps(definition), roleArn=ROLE,
                 type="EXPRESS")["stateMachineArn"]  # fmt: skip
    client.api.close()
    assert client("StartSyncExecution", stateMachineArn=arn)["__type"] == "ServiceUnavailable"
    client.engine.close()


def test_a_journal_of_the_first_version_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "old"
    db = sqlite3.connect(path)
    db.executescript(
        """
        create table definitions (key text primary key, definition blob not null) without rowid;
        create table executions (
            key integer primary key, arn text not null unique, name text not null,
            machine text not null, definition text not null, status text not null,
            input blob not null, started_at real not null, parent text not null, output blob,
            error text, cause text, stopped_at real, redrive_count integer not null
        );
        create table batches (
            execution integer not null, sequence integer not null, events blob not null,
            primary key (execution, sequence)
        ) without rowid;
        insert into executions values (
            1, 'arn:aws:states:us-east-1:000000000000:execution:m:old', 'old',
            'arn:aws:states:us-east-1:000000000000:stateMachine:m', 'k', 'SUCCEEDED', X'7b7d', 1.0,
            '', X'31', null, null, 2.0, 0
        );
        pragma user_version = 1;
        """
    )
    db.close()
    journal = SqliteJournal(path)
    client = Client(journal)
    found = client("DescribeExecution", executionArn=f"{PREFIX}:execution:m:old")
    assert (found["status"], found["redriveCount"]) == ("SUCCEEDED", 0)
    arn = client.create(1)
    client("StartExecution", stateMachineArn=arn, name="new")
    listed = client("ListExecutions", stateMachineArn=arn)["executions"]
    assert [execution["name"] for execution in listed] == ["new", "old"]
    journal.close()
