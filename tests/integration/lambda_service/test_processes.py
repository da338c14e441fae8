"""The service over real worker processes: handlers, their failures, their logs."""

import base64
import json
import time
import uuid

import pytest
from asl_engine import TaskError
from redress_local.lambda_service.log_reader import LogSource
from redress_local.lambda_service.log_shipper import LogShipper
from redress_local.lambda_service.workers.pool import WorkerPool

HANDLER = """
import os
import time


class OutOfStockError(Exception):
    pass


def handler(event, context):
    print("working on", event)
    if event == "raise":
        raise OutOfStockError("no more")
    if event == "exit":
        os._exit(3)
    if event == "sleep":
        time.sleep(30)
    return {"event": event, "request": context.aws_request_id, "mode": os.environ["MODE"]}
"""


@pytest.fixture
def shipper(logs):
    shipper = LogShipper(lambda: logs, interval=0.02)
    yield shipper
    shipper.close()


@pytest.fixture
def pool(moto_url, tmp_path, shipper):
    pool = WorkerPool(endpoint_url=moto_url, folder=tmp_path / "pool", on_log=shipper.ship)
    yield pool
    pool.close()


@pytest.fixture
def made(aws, tmp_path):
    """A function made by the API, of a folder."""
    folder = tmp_path / "function"
    folder.mkdir()
    (folder / "handler.py").write_text(HANDLER)
    name = f"f{uuid.uuid4().hex}"
    aws.create_function(
        FunctionName=name,
        Runtime="python3.13",
        Role="arn:aws:iam::000000000000:role/r",
        Handler="handler.handler",
        Code={"S3Bucket": "hot-reload", "S3Key": str(folder)},
        Environment={"Variables": {"MODE": "first"}},
        Timeout=10,
        MemorySize=512,
    )
    return name


def test_a_function_from_creation_to_deletion(aws, service, made, shipper, logs):
    answer = aws.invoke(FunctionName=made, Payload=b'"hello"', LogType="Tail")
    body = json.loads(answer["Payload"].read())
    assert body["event"] == "hello"
    assert body["request"] == answer["ResponseMetadata"]["RequestId"]
    assert b"working on hello" in base64.b64decode(answer["LogResult"])

    aws.update_function_configuration(
        FunctionName=made, Environment={"Variables": {"MODE": "second"}}, Timeout=1
    )
    assert json.loads(aws.invoke(FunctionName=made)["Payload"].read())["mode"] == "second"

    call = service.task_invoker()
    for event, error in (
        (b'"raise"', "OutOfStockError"),
        (b'"exit"', "Runtime.ExitError"),
        (b'"sleep"', "Sandbox.Timedout"),
    ):
        with pytest.raises(TaskError) as caught:
            call(made, event)
        assert caught.value.error == error
        assert json.loads(caught.value.cause)["errorType"] == error

    request_id = aws.invoke(FunctionName=made, InvocationType="Event", Payload=b'"raise"')[
        "ResponseMetadata"
    ]["RequestId"]
    assert service.wait_for_events(10)
    assert shipper.flush()
    source = LogSource(logs, f"/aws/lambda/{made}", made)
    since = int((time.time() - 60) * 1000)
    lines = [each["message"] for each in source.read(since, follow=False)]
    assert sum(f"START RequestId: {request_id}" in line for line in lines) == 3
    aws.delete_function(FunctionName=made)
