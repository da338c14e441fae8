"""moto through the gateway, as boto3 sees it."""

import os
import signal
import subprocess
import sys
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psutil
import pytest
from botocore.exceptions import ClientError
from redress_local.emulated.moto.process import MotoError, MotoProcess
from redress_local.template_values import ACCOUNT, REGION


@pytest.fixture
def table(served: Any) -> Any:
    name = f"table-{uuid.uuid4().hex[:8]}"
    served.client("dynamodb").create_table(
        TableName=name,
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": "pk", "AttributeType": "S"}],
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}],
    )
    return name


@pytest.fixture
def queue(served: Any) -> Any:
    answer = served.client("sqs").create_queue(QueueName=f"queue-{uuid.uuid4().hex[:8]}")
    return answer["QueueUrl"]


def test_300_concurrent_additions_make_300(served: Any, table: str) -> None:
    dynamodb = served.client("dynamodb")

    def add(_: int) -> None:
        dynamodb.update_item(
            TableName=table,
            Key={"pk": {"S": "counter"}},
            UpdateExpression="ADD n :one",
            ExpressionAttributeValues={":one": {"N": "1"}},
        )

    with ThreadPoolExecutor(16) as pool:
        list(pool.map(add, range(300)))
    found = dynamodb.get_item(TableName=table, Key={"pk": {"S": "counter"}}, ConsistentRead=True)
    assert found["Item"]["n"] == {"N": "300"}


def test_each_of_200_keys_has_one_winner(served: Any, table: str) -> None:
    dynamodb = served.client("dynamodb")

    def put(number: int) -> bool:
        try:
            dynamodb.put_item(
                TableName=table,
                Item={"pk": {"S": f"key-{number % 200}"}},
                ConditionExpression="attribute_not_exists(pk)",
            )
        except dynamodb.exceptions.ConditionalCheckFailedException:
            return False
        return True

    with ThreadPoolExecutor(16) as pool:
        won = list(pool.map(put, range(600)))
    assert sum(won) == 200


def test_no_message_is_lost_or_handed_out_twice(served: Any, queue: str) -> None:
    sqs = served.client("sqs")
    got: list[str] = []
    done = threading.Event()

    def consume() -> None:
        while not done.is_set():
            answer = sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=5, WaitTimeSeconds=1)
            for message in answer.get("Messages", []):
                got.append(message["Body"])
                sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])

    consumers = [threading.Thread(target=consume) for _ in range(4)]
    for thread in consumers:
        thread.start()
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: sqs.send_message(QueueUrl=queue, MessageBody=str(n)), range(80)))
    end = time.monotonic() + 10
    while len(got) < 80 and time.monotonic() < end:
        time.sleep(0.02)
    done.set()
    for thread in consumers:
        thread.join()
    assert sorted(got, key=int) == [str(n) for n in range(80)]


def test_a_long_poll_blocks_nobody_and_wakes_at_once(served: Any, queue: str, table: str) -> None:
    sqs, dynamodb = served.client("sqs"), served.client("dynamodb")
    with ThreadPoolExecutor(1) as pool:
        polling = pool.submit(sqs.receive_message, QueueUrl=queue, WaitTimeSeconds=15)
        start = time.monotonic()
        for _ in range(5):
            dynamodb.get_item(TableName=table, Key={"pk": {"S": "x"}})
        assert time.monotonic() - start < 2
        assert not polling.done()
        sqs.send_message(QueueUrl=queue, MessageBody="now")
        assert polling.result(2)["Messages"][0]["Body"] == "now"


def test_an_empty_queue_answers_after_the_wait(served: Any, queue: str) -> None:
    sqs = served.client("sqs")
    start = time.monotonic()
    assert "Messages" not in sqs.receive_message(QueueUrl=queue, WaitTimeSeconds=1)
    assert 0.9 < time.monotonic() - start < 3
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"ReceiveMessageWaitTimeSeconds": "1"})
    start = time.monotonic()
    assert "Messages" not in sqs.receive_message(QueueUrl=queue)
    assert 0.9 < time.monotonic() - start < 3


def test_a_wait_that_sqs_does_not_know(served: Any, queue: str) -> None:
    with pytest.raises(ClientError, match="InvalidParameterValue"):
        served.client("sqs").receive_message(QueueUrl=queue, WaitTimeSeconds=21)


def test_queue_urls_name_the_gateway(served: Any, queue: str) -> None:
    assert queue.startswith(f"{served.url}/{ACCOUNT}/")
    sqs = served.client("sqs")
    assert sqs.get_queue_url(QueueName=queue.rpartition("/")[2])["QueueUrl"] == queue
    attributes = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])
    assert attributes["Attributes"]["QueueArn"].startswith(f"arn:aws:sqs:{REGION}:{ACCOUNT}:")


def test_s3_keeps_bytes_metadata_heads_and_ranges(served: Any) -> None:
    s3 = served.client("s3")
    body = bytes(range(256)) * 2_000
    bucket, key = f"bucket-{uuid.uuid4().hex[:8]}", "a folder/ü%2F+ &=?.bin"
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key=key, Body=body, Metadata={"a_b": "1", "c-d": "2"})
    head = s3.head_object(Bucket=bucket, Key=key)
    assert head["ContentLength"] == len(body)
    assert head["Metadata"] == {"a_b": "1", "c-d": "2"}
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == body
    part = s3.get_object(Bucket=bucket, Key=key, Range="bytes=10-19")
    assert part["Body"].read() == body[10:20]
    assert [o["Key"] for o in s3.list_objects_v2(Bucket=bucket)["Contents"]] == [key]
    with pytest.raises(ClientError) as caught:
        s3.head_object(Bucket=bucket, Key="absent")
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404


def test_a_presigned_url(served: Any) -> None:
    import urllib.request

    s3 = served.client("s3")
    s3.create_bucket(Bucket="presigned")
    s3.put_object(Bucket="presigned", Key="k", Body=b"content")
    url = s3.generate_presigned_url("get_object", Params={"Bucket": "presigned", "Key": "k"})
    assert url.startswith(served.url)
    with urllib.request.urlopen(url) as answer:
        assert answer.read() == b"content"


def test_the_other_services_answer(served: Any) -> None:
    ssm = served.client("ssm")
    ssm.put_parameter(Name="/a/b", Value="1", Type="String")
    assert ssm.get_parameter(Name="/a/b")["Parameter"]["Value"] == "1"
    secrets = served.client("secretsmanager")
    secrets.create_secret(Name="s", SecretString="x")
    assert secrets.get_secret_value(SecretId="s")["SecretString"] == "x"
    kms = served.client("kms")
    key = kms.create_key()["KeyMetadata"]
    assert key["Arn"].startswith(f"arn:aws:kms:{REGION}:{ACCOUNT}:")
    secret = kms.encrypt(KeyId=key["KeyId"], Plaintext=b"p")["CiphertextBlob"]
    assert kms.decrypt(CiphertextBlob=secret)["Plaintext"] == b"p"
    logs = served.client("logs")
    logs.create_log_group(logGroupName="/g")
    assert logs.describe_log_groups()["logGroups"][0]["logGroupName"] == "/g"
    assert served.client("iam").list_roles()["Roles"] == []
    assert served.client("sts").get_caller_identity()["Account"] == ACCOUNT


def test_errors_have_aws_codes(served: Any) -> None:
    with pytest.raises(ClientError) as caught:
        served.client("dynamodb").get_item(TableName="absent", Key={"pk": {"S": "x"}})
    assert caught.value.response["Error"]["Code"] == "ResourceNotFoundException"
    with pytest.raises(ClientError) as caught:
        served.client("kms").describe_key(KeyId="absent")
    assert caught.value.response["Error"]["Code"] == "NotFoundException"


@pytest.mark.parametrize(
    ("service", "operation"), [("apigatewayv2", "get_apis"), ("cloudformation", "list_stacks")]
)
def test_a_service_that_is_not_served_is_named(served: Any, service: str, operation: str) -> None:
    """Moto would need packages for them that are not installed."""
    with pytest.raises(ClientError) as refused:
        getattr(served.client(service), operation)()
    assert refused.value.response["Error"]["Code"] == "UnknownService"
    assert refused.value.response["Error"]["Message"] == (
        f"the local cloud does not serve {'apigateway' if service[0] == 'a' else service}"
    )
    assert refused.value.response["ResponseMetadata"]["RetryAttempts"] == 0


def test_it_dies_with_a_parent_that_is_killed() -> None:
    program = (
        "import sys, time\n"
        "from redress_local.emulated.moto.process import MotoProcess\n"
        "print(MotoProcess(services=()).start().pid, flush=True)\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE)
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    child.wait(3)
    assert not child.is_running()


def test_it_stops_soon_and_twice_is_harmless() -> None:
    moto = MotoProcess(services=()).start()
    pid = moto.pid
    assert pid is not None
    assert moto.alive
    start = time.monotonic()
    moto.stop()
    moto.stop()
    assert time.monotonic() - start < 1
    assert not psutil.pid_exists(pid)
    assert not moto.alive


def test_a_start_that_fails_says_why() -> None:
    with pytest.raises(MotoError, match="nosuchservice"):
        MotoProcess(services=["no-such-service"]).start()


def test_a_crash_at_the_start_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    moto = MotoProcess().launch()
    assert moto.pid is not None
    os.kill(moto.pid, signal.SIGKILL)
    with pytest.raises(MotoError, match="ended with code -9"):
        moto.wait_ready()


def test_a_start_that_takes_too_long() -> None:
    moto = MotoProcess().launch()
    with pytest.raises(MotoError, match="not ready after"):
        moto.wait_ready(timeout=0.01)
    assert moto.pid is None
