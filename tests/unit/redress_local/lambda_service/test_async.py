"""Asynchronous events: order, retries, ages, destinations and dead letters."""

import json
import threading
import time

import pytest
from lambda_world import ARN, QUEUE, HandlerError, InProcessInvoker, RecordingSender, spec
from redress_local.lambda_service.async_queue import (
    AsyncEvent,
    AsyncQueue,
    Step,
    retry_after_error,
    retry_after_refusal,
)
from redress_local.lambda_service.errors import InvalidParameterError, LambdaServiceError
from redress_local.lambda_service.event_config import EventInvokeConfig
from redress_local.lambda_service.service import LambdaService

FAST = 1e-5
BUS = "arn:aws:events:us-east-1:000000000000:event-bus/redress"


def fail(event):
    raise HandlerError("never")


@pytest.fixture
def sender():
    return RecordingSender()


@pytest.fixture
def pool():
    return InProcessInvoker(work=lambda event: {"done": event}, fail=fail, audit=lambda event: None)


@pytest.fixture
def service(pool, sender):
    service = LambdaService(pool, sender=sender, time_factor=FAST)
    for name in ("work", "fail", "audit"):
        service.create_function(spec(name))
    yield service
    service.close()


def finished(service):
    assert service.wait_for_events(5)


def test_an_event_is_accepted_at_once_and_worked_off(service, pool):
    request_id = service.invoke_async("work", b'{"n":1}')
    finished(service)
    assert [(event, seen) for _, event, seen, _ in pool.calls] == [({"n": 1}, request_id)]


@pytest.mark.parametrize(("retries", "attempts"), [(0, 1), (1, 2), (2, 3), (None, 3)])
def test_a_failing_event_is_tried_as_often_as_configured(service, pool, sender, retries, attempts):
    service.put_event_invoke_config(
        "fail", EventInvokeConfig(maximum_retry_attempts=retries, on_failure=QUEUE + "failed")
    )
    request_id = service.invoke_async("fail", b'{"n":1}')
    finished(service)
    assert [seen for _, _, seen, _ in pool.calls] == [request_id] * attempts
    [(queue, record, attributes)] = sender.messages
    assert (queue, attributes) == (QUEUE + "failed", {})
    assert record.pop("timestamp").endswith("Z")
    assert record.pop("responsePayload")["errorType"] == "HandlerError"
    assert record == {
        "version": "1.0",
        "requestContext": {
            "requestId": request_id,
            "functionArn": ARN + "fail:$LATEST",
            "condition": "RetriesExhausted",
            "approximateInvokeCount": attempts,
        },
        "requestPayload": {"n": 1},
        "responseContext": {
            "statusCode": 200,
            "executedVersion": "$LATEST",
            "functionError": "Unhandled",
        },
    }


def test_a_retry_that_succeeds_ends_it(service, pool, sender):
    left = [1]

    def once(event):
        if left:
            left.pop()
            raise HandlerError("not yet")
        return "ok"

    pool.handlers["work"] = once
    service.put_event_invoke_config(
        "work", EventInvokeConfig(on_success=BUS, on_failure=QUEUE + "failed")
    )
    service.invoke_async("work", b"{}")
    finished(service)
    assert not sender.messages
    [(bus, source, kind, record, resources)] = sender.events
    assert (bus, source) == (BUS, "lambda")
    assert kind == "Lambda Function Invocation Result - Success"
    assert resources == [BUS, ARN + "work:$LATEST"]
    assert record["requestContext"]["condition"] == "Success"
    assert record["requestContext"]["approximateInvokeCount"] == 2
    assert record["responsePayload"] == "ok"
    assert "functionError" not in record["responseContext"]


def test_a_function_can_be_the_destination(service, pool):
    service.put_event_invoke_config("work", EventInvokeConfig(on_success=ARN + "audit"))
    service.invoke_async("work", b"[7]")
    finished(service)
    [record] = [event for function, event, *_ in pool.calls if function.name == "audit"]
    assert record["requestPayload"] == [7]


def test_dead_letters_carry_the_event_and_its_attributes(service, sender):
    service.update_function("fail", dead_letter_arn=QUEUE + "dlq")
    request_id = service.invoke_async("fail", b'{"n":"\xc3\xb6"}')
    finished(service)
    assert sender.messages == [
        (
            QUEUE + "dlq",
            {"n": "ö"},
            {"RequestID": request_id, "ErrorCode": 200, "ErrorMessage": "never"},
        )
    ]


def test_throttled_by_intention_is_not_retried(service, pool, sender):
    service.put_function_concurrency("work", 0)
    service.update_function("work", dead_letter_arn=QUEUE + "dlq")
    service.put_event_invoke_config("work", EventInvokeConfig(on_failure=QUEUE + "failed"))
    service.invoke_async("work", b"{}")
    finished(service)
    assert not pool.calls
    (_, record, _), (_, _, attributes) = sender.messages
    assert record["requestContext"]["approximateInvokeCount"] == 0
    assert "responsePayload" not in record
    assert attributes["ErrorCode"] == 429


def test_throttled_events_wait_for_room(pool, sender):
    service = LambdaService(pool, sender=sender, time_factor=FAST)
    service.create_function(spec("work", reserved_concurrency=1))
    running, most, lock = [0], [0], threading.Lock()

    def slow(event):
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        time.sleep(0.002)
        with lock:
            running[0] -= 1

    pool.handlers["work"] = slow
    for number in range(30):
        service.invoke_async("work", json.dumps(number).encode())
    finished(service)
    assert most == [1]
    assert sorted(event for _, event, *_ in pool.calls) == list(range(30))
    service.close()


def test_what_stays_throttled_grows_too_old(pool, sender):
    service = LambdaService(pool, sender=sender, time_factor=FAST)
    service.create_function(spec("work", reserved_concurrency=1))
    service.put_event_invoke_config(
        "work", EventInvokeConfig(maximum_event_age=60, on_failure=QUEUE + "failed")
    )
    entered, leave = threading.Event(), threading.Event()

    def wait(event):
        entered.set()
        leave.wait(5)

    pool.handlers["work"] = wait
    holder = threading.Thread(target=service.invoke, args=("work", b"{}"))
    holder.start()
    assert entered.wait(5)
    service.invoke_async("work", b'"late"')
    finished(service)
    leave.set()
    holder.join(5)
    [(_, record, _)] = sender.messages
    assert record["requestContext"]["condition"] == "EventAgeExceeded"
    assert record["requestPayload"] == "late"
    service.close()


def test_a_destination_that_fails_costs_the_record_only(pool):
    service = LambdaService(pool, sender=RecordingSender(broken=True), time_factor=FAST)
    service.create_function(spec("work"))
    service.put_event_invoke_config("work", EventInvokeConfig(on_success=QUEUE + "gone"))
    service.invoke_async("work", b"1")
    service.invoke_async("work", b"2")
    finished(service)
    assert len(pool.calls) == 2
    service.close()


def test_a_deleted_function_takes_its_events_along(service, pool):
    def delete(event):
        service.delete_function("fail")
        raise HandlerError("again")

    pool.handlers["fail"] = delete
    service.invoke_async("fail", b"{}")
    finished(service)
    assert len(pool.calls) == 1


@pytest.mark.parametrize(
    "config",
    [
        EventInvokeConfig(maximum_retry_attempts=3),
        EventInvokeConfig(maximum_retry_attempts=-1),
        EventInvokeConfig(maximum_event_age=59),
        EventInvokeConfig(maximum_event_age=21_601),
        EventInvokeConfig(on_failure="arn:aws:sns:us-east-1:000000000000:topic"),
        EventInvokeConfig(on_success="nonsense"),
    ],
)
def test_configurations_that_aws_or_we_refuse(service, config):
    with pytest.raises(InvalidParameterError):
        service.put_event_invoke_config("work", config)
    assert service.event_invoke_config("work").retries == 2


def test_waits_are_those_of_aws():
    event = AsyncEvent(function="f", payload=b"", request_id="", accepted=0.0)
    waits = []
    for event.attempts in (1, 2):
        waits.append(retry_after_error(event).wait)
    assert waits == [60, 120]
    waits = []
    for event.refusals in (1, 2, 3, 9, 10, 1000):
        waits.append(retry_after_refusal(event).wait)
    assert waits == [1, 2, 4, 256, 300, 300]


def test_waits_are_scaled_and_age_as_if_they_were_not():
    begun, ages = [], []

    def attempt(event):
        begun.append(time.monotonic())
        ages.append(event.age(begun[-1]))
        return Step(100.0 if len(begun) == 1 else None)

    queue = AsyncQueue(attempt, time_factor=0.001)
    queue.put(AsyncEvent(function="f", payload=b"", request_id="", accepted=time.monotonic()))
    assert queue.join(5)
    assert 0.1 <= begun[1] - begun[0] < 2
    assert 100 <= ages[1] < 102
    queue.close()


def test_events_start_in_order_and_a_slow_function_holds_up_no_other():
    order, leave = [], threading.Event()

    def attempt(event):
        if event.function == "slow":
            leave.wait(5)
        else:
            order.append(event.request_id)
        return Step(None)

    queue = AsyncQueue(attempt, max_threads=3, max_per_function=1)
    names = ["slow"] * 4 + ["fast"] * 20
    for number, name in enumerate(names):
        queue.put(AsyncEvent(function=name, payload=b"", request_id=str(number), accepted=0.0))
    deadline = time.monotonic() + 5
    while len(order) < 20 and time.monotonic() < deadline:
        time.sleep(0.001)
    assert order == [str(number) for number in range(4, 24)]
    leave.set()
    assert queue.join(5)
    queue.close()
    with pytest.raises(LambdaServiceError, match="stopping"):
        queue.put(AsyncEvent(function="f", payload=b"", request_id="", accepted=0.0))
