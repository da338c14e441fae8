"""Which service a request is for, who calls, and by which name of this machine."""

import pytest
from redress_local.emulated.gateway.hosts import AllowedHosts
from redress_local.emulated.gateway.routing import Call, aws_call


def scope(query: str = "", **headers: str) -> dict[str, object]:
    pairs = [(n.replace("_", "-").encode(), v.encode()) for n, v in headers.items()]
    return {"headers": pairs, "query_string": query.encode()}


def signed(service: str, key: str = "AKIA1") -> str:
    scoped = f"{key}/20260101/us-east-1/{service}/aws4_request"
    return f"AWS4-HMAC-SHA256 Credential={scoped}, SignedHeaders=host, Signature=0"


@pytest.mark.parametrize(
    ("asked", "service", "key"),
    [
        (scope(authorization=signed("dynamodb")), "dynamodb", "AKIA1"),
        (scope(authorization=signed("States")), "states", "AKIA1"),
        (scope(authorization=signed("eventbridge")), "events", "AKIA1"),
        (scope(authorization=signed("sqs"), x_amz_target="AWSEvents.PutEvents"), "sqs", "AKIA1"),
        (scope("a=1&X-Amz-Credential=K%2F20260101%2Fr%2Fs3%2Faws4_request"), "s3", "K"),
        (scope("X-Amz-Credential=K/20260101/r/execute-api/aws4_request"), "execute-api", "K"),
        (scope("AWSAccessKeyId=K&Signature=x&Expires=1"), "s3", "K"),
        (scope(x_amz_target="AWSStepFunctions.StartExecution"), "states", ""),
        (
            scope(authorization="AWS4-ECDSA-P256-SHA256 Credential=K/20260101/s3/aws4_request, x"),
            "s3",
            "K",
        ),
    ],
)
def test_aws_calls(asked: dict[str, object], service: str, key: str) -> None:
    call = aws_call(asked)
    assert call is not None
    assert (call.service, call.access_key_id) == (service, key)


@pytest.mark.parametrize(
    "asked",
    [
        scope(),
        scope(authorization="Bearer eyJ"),
        scope(authorization="Basic AWS4-HMAC-SHA256"),
        scope(authorization="AWS4-HMAC-SHA256 Credential=K"),
        scope(authorization="AWS4-HMAC-SHA256 Credential=K/a/b/c/d/e/f/aws4_request"),
        scope(authorization="AWS4-HMAC-SHA256 " + "x" * 50_000),
        scope(x_amz_target="Nobody.Knows"),
        scope("X-Amz-Credential=" + "x" * 50_000),
    ],
)
def test_no_aws_calls(asked: dict[str, object]) -> None:
    assert aws_call(asked) is None


def test_the_target_is_bounded() -> None:
    call = aws_call(scope(authorization=signed("states"), x_amz_target="x" * 9_000))
    assert call == Call("states", "AKIA1", "x" * 200)


@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "127.0.0.1:4566",
        "localhost:1",
        "LOCALHOST",
        "bucket.localhost:4566",
        "[::1]:1",
        "[::1]",
        "host.docker.internal:4566",
        "redress.example:4566",
        "sync-127.0.0.1:4566",
    ],
)
def test_names_of_this_machine(host: str) -> None:
    assert AllowedHosts(["Redress.example"]).allow(host.encode())


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "evil.example:4566",
        "127.0.0.1.evil.example",
        "localhost.evil.example",
        "notlocalhost",
        "127.0.0.1:4566@evil",
        "[::1",
        "[::2]",
        "127.0.0.1:x",
        "ÿ",
        "0.0.0.0",
    ],
)
def test_names_of_others(host: str) -> None:
    hosts = AllowedHosts()
    for _ in range(2):
        assert not hosts.allow(host.encode("latin-1"))
    assert not hosts.allow(None)


def test_what_is_remembered_is_bounded() -> None:
    hosts = AllowedHosts()
    for number in range(3_000):
        hosts.allow(b"%d.evil.example" % number)
    assert len(hosts._known) <= 1_000
