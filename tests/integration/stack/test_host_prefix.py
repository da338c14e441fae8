"""Operations that AWS serves under `sync-` hosts reach the gateway, also from functions."""

import json
import os
import subprocess
import sys
import uuid

import boto3
import pytest

MACHINE = json.dumps(
    {
        "QueryLanguage": "JSONata",
        "StartAt": "Double",
        "States": {
            "Double": {
                "Type": "Pass",
                "Output": "{% {'twice': $states.input.number * 2} %}",
                "End": True,
            }
        },
    }
)
STATE = json.dumps({"QueryLanguage": "JSONata", "Type": "Pass", "Output": 7, "End": True})
CALLER = """
import boto3, json
def handler(event, context):
    answer = boto3.client("stepfunctions").start_sync_execution(
        stateMachineArn=event["machine"], input=json.dumps({"number": event["number"]})
    )
    return json.loads(answer["output"])
"""
ROLE = "arn:aws:iam::000000000000:role/any"


@pytest.fixture(scope="module")
def machine(cloud):
    states = cloud.client("stepfunctions")
    name = f"double-{uuid.uuid4().hex[:8]}"
    made = states.create_state_machine(name=name, definition=MACHINE, roleArn=ROLE, type="EXPRESS")
    yield made["stateMachineArn"]
    states.delete_state_machine(stateMachineArn=made["stateMachineArn"])


def test_a_client_that_is_set_up_as_the_command_says(cloud, machine, monkeypatch):
    monkeypatch.setenv("AWS_DISABLE_HOST_PREFIX_INJECTION", "true")
    monkeypatch.setenv("AWS_ENDPOINT_URL", cloud.url)
    states = boto3.Session("test", "test", region_name="us-east-1").client("stepfunctions")
    answer = states.start_sync_execution(stateMachineArn=machine, input='{"number": 4}')
    assert (answer["status"], json.loads(answer["output"])) == ("SUCCEEDED", {"twice": 8})
    tested = states.test_state(definition=STATE, roleArn=ROLE, input="{}")
    assert (tested["status"], tested["output"]) == ("SUCCEEDED", "7")


def test_the_clouds_own_clients(cloud, machine):
    states = cloud.client("stepfunctions")
    answer = states.start_sync_execution(stateMachineArn=machine, input='{"number": 5}')
    assert json.loads(answer["output"]) == {"twice": 10}


def test_a_function(cloud, machine, zipped):
    functions = cloud.client("lambda")
    name = f"caller-{uuid.uuid4().hex[:8]}"
    functions.create_function(
        FunctionName=name,
        Runtime="python3.13",
        Handler="app.handler",
        Role=ROLE,
        Timeout=20,
        Code={"ZipFile": zipped(CALLER)},
    )
    try:
        payload = json.dumps({"machine": machine, "number": 21})
        answer = functions.invoke(FunctionName=name, Payload=payload)
        assert json.loads(answer["Payload"].read()) == {"twice": 42}
        assert "FunctionError" not in answer
    finally:
        functions.delete_function(FunctionName=name)


def test_without_the_variable_no_other_host_is_asked_than_this_one(cloud, machine):
    """Why the variable is there: the host would be `sync-127.0.0.1`."""
    script = (
        "import boto3\n"
        "client = boto3.client('stepfunctions')\n"
        "hosts = []\n"
        "def note(request, **_):\n"
        "    hosts.append(request.url)\n"
        "    raise SystemExit(request.url)\n"
        "client.meta.events.register('before-send', note)\n"
        f"client.start_sync_execution(stateMachineArn={machine!r})\n"
    )
    variables = {
        "AWS_ENDPOINT_URL": cloud.url,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
    }
    asked = []
    for more in ({}, {"AWS_DISABLE_HOST_PREFIX_INJECTION": "true"}):
        done = subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, **variables, **more},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        asked.append(done.stderr.strip())
    assert asked[0].startswith("http://sync-127.0.0.1:")
    assert asked[1].startswith(f"{cloud.url}/")
