"""Every case through boto3 on the Step Functions API; the oracles are asked where they can be."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest
from asl_cases import CASES
from asl_moto import run_on_moto
from asl_oracles import run_on_engine, run_on_sfnx, stubs_by_state
from botocore.exceptions import ClientError
from conformance_api import World, check_history
from conformance_cases import CONFORMANCE, REFUSED, Conformance
from conformance_table import BEGIN, DOCUMENT, FEATURES, UNASKED, reason, updated

# Their answers are stubs of children, which the API would run.
_STUBBED = {"child"}


@pytest.fixture(autouse=True)
def quiet() -> None:
    logging.getLogger("moto.stepfunctions").setLevel(logging.CRITICAL)


def _fits(expected: Any, value: Any) -> bool:
    return bool(expected(value)) if callable(expected) else bool(expected == value)


@pytest.mark.parametrize("name", sorted(CASES.keys() - _STUBBED))
def test_through_the_api_as_on_the_engine(name: str) -> None:
    definition, value, answers = CASES[name]
    ran = run_on_engine(definition, value, stubs_by_state(answers))
    world = World(stubs_by_state(answers), definition)
    described = world.run(value)
    assert described["status"] == ran.status
    assert described.get("error") == ran.error
    assert described.get("cause") == ran.cause
    if ran.status == "SUCCEEDED":
        assert _json(described["output"]) == ran.output
    check_history(world, described)


def _json(text: str) -> Any:
    return json.loads(text)


@pytest.mark.parametrize("name", CONFORMANCE)
def test_as_documented(name: str) -> None:
    case = CONFORMANCE[name]
    world = World(stubs_by_state(case.stubs), case.definition, answer_tokens=not case.silent)
    for child, definition in case.children.items():
        world.create(definition, child)
    described = world.run(case.input)
    assert (described["status"], described.get("error")) == (case.status, case.error)
    if case.status == "SUCCEEDED":
        assert _fits(case.output, _json(described["output"]))
    types = check_history(world, described)
    if case.events:
        assert types == case.events.split()
    if case.waits is not None:
        assert [round(slept, 6) for slept in world.clock.slept if slept > 0] == list(case.waits)


def _agrees(case: Conformance, oracle: Any) -> bool:
    got = oracle(case.definition, case.input, stubs_by_state(case.stubs))
    if (got.status, got.error or None) != (case.status, case.error):
        return False
    return case.status != "SUCCEEDED" or _fits(case.output, got.output)


@pytest.mark.parametrize("name", [name for name, case in CONFORMANCE.items() if not case.sfnx])
def test_sfnx_agrees(name: str) -> None:
    assert _agrees(CONFORMANCE[name], run_on_sfnx)


@pytest.mark.parametrize("name", [name for name, case in CONFORMANCE.items() if not case.moto])
def test_moto_agrees(name: str) -> None:
    assert _agrees(CONFORMANCE[name], run_on_moto)


@pytest.mark.parametrize("name", REFUSED)
def test_refused_by_name(name: str) -> None:
    definition, word = REFUSED[name]
    world = World(stubs_by_state({}), {"States": {}})
    with pytest.raises(ClientError) as caught:
        world.create(definition)
    assert caught.value.response["Error"]["Code"] == "InvalidDefinition"
    assert word in caught.value.response["Error"]["Message"]


@pytest.mark.parametrize(
    ("oracle", "name"),
    [
        (oracle, name)
        for oracle in ("sfnx", "moto")
        for name in CONFORMANCE
        if reason(oracle, name) and reason(oracle, name) not in UNASKED
    ],
)
def test_an_oracle_that_is_said_to_differ_does(oracle: str, name: str) -> None:
    run = run_on_sfnx if oracle == "sfnx" else run_on_moto
    try:
        agrees = _agrees(CONFORMANCE[name], run)
    except Exception:  # noqa: BLE001 - an oracle that refuses the machine differs too
        agrees = False
    assert not agrees


def test_the_published_table_is_up_to_date() -> None:
    document = DOCUMENT.read_text(encoding="utf-8")
    assert BEGIN in document
    assert document == updated(document), "run: python tools/conformance.py"


def test_every_case_is_in_the_table_once() -> None:
    listed = [name for names in FEATURES.values() for name in names.split()]
    assert sorted(listed) == sorted([*CASES, *CONFORMANCE])


def test_one_state_is_tested_through_the_api() -> None:
    client = World(stubs_by_state({}), {"States": {}}).client
    state = {
        "QueryLanguage": "JSONata",
        "Type": "Task",
        "Resource": "arn:aws:states:::lambda:invoke",
        "Arguments": {"FunctionName": "f"},
        "Retry": [{"ErrorEquals": ["E"], "IntervalSeconds": 3}],
        "End": True,
    }
    answer = client.test_state(
        definition=json.dumps(state),
        inspectionLevel="DEBUG",
        mock={"errorOutput": {"error": "E", "cause": "c"}},
        stateConfiguration={"retrierRetryCount": 1},
    )
    del answer["ResponseMetadata"]
    assert answer == {
        "status": "RETRIABLE",
        "error": "E",
        "cause": "c",
        "inspectionData": {
            "input": "{}",
            "afterArguments": '{"FunctionName":"f"}',
            "errorDetails": {"retryIndex": 0, "retryBackoffIntervalSeconds": 6},
        },
    }
    with pytest.raises(client.exceptions.ValidationException, match="RoleArn must be specified"):
        client.test_state(definition=json.dumps(state))
    with pytest.raises(client.exceptions.InvalidDefinition, match="JSONPath"):
        client.test_state(definition='{"Type": "Pass", "End": true}')
