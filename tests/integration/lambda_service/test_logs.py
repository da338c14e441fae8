"""Log lines on their way from functions to CloudWatch Logs, and back by `redress logs`."""

import json
import time
import uuid
from datetime import UTC, datetime, timedelta

import pytest
from lambda_world import spec
from redress_local.cli.main import run
from redress_local.lambda_service.log_reader import FunctionChoiceError, LogSource, find_function
from redress_local.lambda_service.log_shipper import LogShipper

REQUEST = "6f9f1b3a-0000-4000-8000-000000000001"


@pytest.fixture
def group():
    return f"/aws/lambda/{uuid.uuid4().hex}"


@pytest.fixture
def shipper(logs):
    shipper = LogShipper(lambda: logs, interval=0.02)
    yield shipper
    shipper.close()


def stream(name, day=None):
    return f"{day or datetime.now(UTC):%Y/%m/%d}/{name}[$LATEST]{uuid.uuid4().hex}"


def messages(logs, group, function):
    return [each["message"] for each in LogSource(logs, group, function).read(now(), follow=False)]


def now():
    return int((time.time() - 60) * 1000)


def test_lines_arrive_in_order_under_their_function(shipper, logs, group):
    first, second = spec("one", log_group=group), spec("two", log_group=group)
    stream_one, stream_two = stream("one"), stream("two")
    for number in range(50):
        shipper.ship(first, stream_one, f"a{number}\nö{number}")
        shipper.ship(second, stream_two, f"b{number}")
    assert shipper.flush()
    wanted = [f"{letter}{number}" for number in range(50) for letter in "aö"]
    assert messages(logs, group, "one") == wanted
    assert messages(logs, group, "two") == [f"b{number}" for number in range(50)]
    assert shipper.dropped == 0


def test_a_group_that_exists_and_one_of_its_own(shipper, logs):
    name = f"f{uuid.uuid4().hex}"
    logs.create_log_group(logGroupName=f"/aws/lambda/{name}")
    shipper.ship(spec(name), f"{datetime.now(UTC):%Y/%m/%d}/[$LATEST]abc", "hello")
    assert shipper.flush()
    assert messages(logs, f"/aws/lambda/{name}", name) == ["hello"]


def test_what_was_begun_yesterday_is_found(shipper, logs, group):
    yesterday = datetime.now(UTC) - timedelta(days=1)
    shipper.ship(spec("one", log_group=group), stream("one", yesterday), "still here")
    assert shipper.flush()
    assert messages(logs, group, "one") == ["still here"]


def test_more_than_fits_is_dropped_and_counted(logs, group):
    shipper = LogShipper(lambda: logs, interval=5, queue_lines=10)
    shipper.ship(spec("one", log_group=group), stream("one"), "\n".join("x" * 25))
    assert shipper.dropped == 15
    shipper.close()
    assert messages(logs, group, "one") == ["x"] * 10
    shipper.ship(spec("one", log_group=group), stream("one"), "late")
    assert shipper.dropped == 16


def test_a_service_that_is_not_there_blocks_nobody():
    def gone():
        raise ConnectionError("nobody")

    shipper = LogShipper(gone, interval=0.01)
    begin = time.monotonic()
    shipper.ship(spec("one"), "s", "lost\nlost")
    assert time.monotonic() - begin < 0.5
    shipper.close(timeout=0.1)
    assert time.monotonic() - begin < 3


def test_a_function_that_never_ran_has_no_records(logs, group):
    assert messages(logs, group, "one") == []


NAMES = ("redress-IssueRefundFunction", "redress-ReserveStockFunction-1A2B3C", "plain")


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("issue_refund", NAMES[0]),
        ("IssueRefundFunction", NAMES[0]),
        ("IssueRefund", NAMES[0]),
        (NAMES[0], NAMES[0]),
        ("reserve_stock", NAMES[1]),
        ("plain", "plain"),
    ],
)
def test_functions_are_found_by_what_people_call_them(aws, service, wanted, found):
    for name in NAMES:
        service.create_function(spec(name, log_group="/aws/lambda/redress"))
    assert find_function(aws, wanted) == {"name": found, "group": "/aws/lambda/redress"}
    with pytest.raises(FunctionChoiceError, match="any of several"):
        find_function(aws, "redress")
    with pytest.raises(FunctionChoiceError, match="no function refund"):
        find_function(aws, "refund")


class TestCommand:
    @pytest.fixture
    def source(self, monkeypatch, aws, logs, service, shipper, group):
        """The command finds functions at the one server, and logs at the other."""
        from redress_local.cli import logs as command

        service.create_function(spec("redress-IssueRefundFunction", log_group=group))
        clients = {"lambda": aws, "logs": logs}
        monkeypatch.setattr(command, "_client", lambda name, endpoint: clients[name])
        function = service.function("redress-IssueRefundFunction")
        where = stream(function.name)

        def write(*lines):
            shipper.ship(function, where, "\n".join(lines))
            assert shipper.flush()

        return write

    def test_one_line_per_record(self, source, capfd):
        at = "2026-11-22T12:34:56.789Z"
        source(
            json.dumps(
                {
                    "timestamp": at,
                    "level": "ERROR",
                    "message": "no\nway\x1b[31m",
                    "requestId": REQUEST,
                }
            ),
            json.dumps(
                {
                    "time": at,
                    "type": "platform.report",
                    "record": {
                        "requestId": REQUEST,
                        "status": "timeout",
                        "metrics": {"durationMs": 12.5},
                    },
                }
            ),
            f"START RequestId: {REQUEST} Version: $LATEST",
            f"[WARNING]\t{at}\t{REQUEST}\tstock is low",
        )
        assert run(["logs", "issue_refund"]) == 0
        lines = capfd.readouterr().out.splitlines()
        assert len(lines) == 4
        assert lines[0] == f"12:34:56.789 ERROR no way\N{REPLACEMENT CHARACTER}[31m  {REQUEST}"
        assert "platform.report timeout 12.5 ms" in lines[1]
        assert lines[2].endswith(f"START RequestId: {REQUEST} Version: $LATEST  {REQUEST}")
        assert "stock is low" in lines[3]

    def test_raw_and_filtered(self, source, capfd):
        source('{"message": "first"}', '{"message": "second"}')
        assert run(["logs", "issue_refund", "--json", "--filter", "second"]) == 0
        assert capfd.readouterr().out == '{"message": "second"}\n'

    def test_following_ends_with_ctrl_c(self, source, capfd, monkeypatch):
        from redress_local.lambda_service import log_reader

        source("early")
        naps = []

        def nap(seconds):
            naps.append(seconds)
            if len(naps) == 3:
                raise KeyboardInterrupt
            source(f"late {len(naps)}")

        monkeypatch.setattr(log_reader, "_nap", nap)
        assert run(["logs", "issue_refund", "--follow"]) == 0
        lines = capfd.readouterr().out.splitlines()
        assert [line.split(maxsplit=1)[1] for line in lines] == ["early", "late 1", "late 2"]

    def test_an_unknown_function(self, source, capfd):
        assert run(["logs", "nobody"]) == 2
        [line] = capfd.readouterr().err.splitlines()
        assert line.startswith("error: there is no function nobody: name one of redress-Issue")

    @pytest.mark.parametrize("since", ["10", "m", "-1m", "1y", "99999d", ""])
    def test_a_time_that_makes_no_sense(self, source, capfd, since):
        assert run(["logs", "issue_refund", f"--since={since}"]) == 2
        assert len(capfd.readouterr().err.splitlines()) == 1


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:1", "nonsense", "http://[bad"])
def test_nothing_running(capfd, endpoint):
    assert run(["logs", "issue_refund", "--endpoint-url", endpoint]) == 1
    [line] = capfd.readouterr().err.splitlines()
    assert f"no local cloud answers at {endpoint}" in line
    assert "redress up --emulated" in line
