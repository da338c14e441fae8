"""Functions, their limits, and how their failures reach the ASL engine."""

import json
import re
import threading

import pytest
from asl_engine import TaskError
from lambda_world import ARN, QUEUE, HandlerError, InProcessInvoker, spec
from redress_local.lambda_service.errors import (
    ConflictError,
    FunctionNotFoundError,
    InvalidParameterError,
    InvalidPayloadError,
    PayloadTooLargeError,
    ThrottledError,
)
from redress_local.lambda_service.service import ASYNC_LIMIT, SYNC_LIMIT, LambdaService
from redress_local.lambda_service.workers.slots import PoolExhaustedError
from redress_local.lambda_service.workers.supervisor import WorkerPoolError


def refuse(event):
    raise HandlerError("no stock of “ö”")


@pytest.fixture
def pool():
    return InProcessInvoker(echo=lambda event: {"got": event}, refuse=refuse)


@pytest.fixture
def service(pool):
    service = LambdaService(pool)
    service.create_function(spec("echo"))
    service.create_function(spec("refuse"))
    yield service
    service.close()


@pytest.mark.parametrize(
    "reference",
    ["echo", ARN + "echo", ARN + "echo:$LATEST", "echo:$LATEST", "000000000000:function:echo"],
)
def test_every_form_of_a_name_finds_the_function(service, reference):
    assert json.loads(service.invoke(reference, b'{"a":1}').payload) == {"got": {"a": 1}}


@pytest.mark.parametrize("reference", ["nobody", "echo:1", "echo:live", ARN + "nobody"])
def test_unknown_functions_and_versions_are_not_found(service, reference):
    with pytest.raises(FunctionNotFoundError, match="Function not found: arn:aws:lambda"):
        service.invoke(reference, b"{}")


@pytest.mark.parametrize("reference", ["", "no/slash", "ö", "x" * 141, "arn:aws:s3:::bucket"])
def test_names_of_no_form_are_refused(service, reference):
    with pytest.raises(InvalidParameterError):
        service.invoke(reference, b"{}")


@pytest.mark.parametrize("payload", [b"{", b"nope", b'{"a":1} x', b'"\xff"', b"\x00"])
def test_payloads_that_are_not_json_are_refused(service, pool, payload):
    for invoke in (service.invoke, service.invoke_async):
        with pytest.raises(InvalidPayloadError):
            invoke("echo", payload)
    assert not pool.calls


def test_no_payload_is_an_empty_object(service):
    assert json.loads(service.invoke("echo", b"").payload) == {"got": {}}


def test_payloads_have_the_limits_of_their_invocation_type(service):
    def text(size):
        return b'"' + b"x" * (size - 2) + b'"'

    assert service.invoke("echo", text(SYNC_LIMIT)).function_error is None
    with pytest.raises(PayloadTooLargeError, match="6291457 byte payload"):
        service.invoke("echo", text(SYNC_LIMIT + 1))
    assert service.invoke_async("echo", text(ASYNC_LIMIT))
    with pytest.raises(PayloadTooLargeError, match="Event invocation type"):
        service.invoke_async("echo", text(ASYNC_LIMIT + 1))
    assert service.wait_for_events(5)


def test_reserved_concurrency_of_zero_throttles_everything(service, pool):
    service.put_function_concurrency("echo", 0)
    with pytest.raises(ThrottledError) as caught:
        service.invoke("echo", b"{}")
    assert caught.value.reason == "ReservedFunctionConcurrentInvocationLimitExceeded"
    assert not pool.calls
    service.put_function_concurrency("echo", None)
    assert service.invoke("echo", b"{}").function_error is None


def held(service, pool, name, runs):
    """Hold invocations inside the function; returns what ends them."""
    entered, leave = threading.Semaphore(0), threading.Event()

    def wait(event):
        entered.release()
        leave.wait(5)

    pool.handlers[name] = wait
    threads = [threading.Thread(target=service.invoke, args=(name, b"{}")) for _ in range(runs)]
    for thread in threads:
        thread.start()
    for _ in threads:
        assert entered.acquire(timeout=5)

    def end():
        leave.set()
        for thread in threads:
            thread.join(5)
        pool.handlers[name] = lambda event: "free again"

    return end


def test_a_reservation_bounds_what_runs_at_once(service, pool):
    service.put_function_concurrency("echo", 2)
    end = held(service, pool, "echo", 2)
    with pytest.raises(ThrottledError) as caught:
        service.invoke("echo", b"{}")
    assert caught.value.reason == "ReservedFunctionConcurrentInvocationLimitExceeded"
    assert service.invoke("refuse", b"{}").function_error == "Unhandled"
    end()
    assert service.invoke("echo", b"{}").payload == b'"free again"'


def test_the_account_bounds_what_reserves_nothing(pool):
    service = LambdaService(pool, concurrency=3)
    service.create_function(spec("echo"))
    service.create_function(spec("refuse"))
    end = held(service, pool, "echo", 3)
    with pytest.raises(ThrottledError) as caught:
        service.invoke("refuse", b"{}")
    assert caught.value.reason == "ConcurrentInvocationLimitExceeded"
    end()
    assert service.invoke("echo", b"{}").payload == b'"free again"'


def test_a_reservation_leaves_the_others_a_hundred(service):
    service.put_function_concurrency("echo", 900)
    with pytest.raises(InvalidParameterError, match=r"minimum value of \[100\]"):
        service.put_function_concurrency("refuse", 1)
    assert service.function("refuse").reserved_concurrency is None


def test_a_function_that_reserves_too_much_is_not_made(service):
    with pytest.raises(InvalidParameterError):
        service.create_function(spec("greedy", reserved_concurrency=901))
    with pytest.raises(FunctionNotFoundError):
        service.function("greedy")


def test_names_are_taken_once_and_free_after_deletion(service, pool):
    with pytest.raises(ConflictError):
        service.create_function(spec("echo"))
    service.delete_function("echo")
    with pytest.raises(FunctionNotFoundError):
        service.invoke(ARN + "echo", b"{}")
    service.create_function(spec("echo"))
    assert pool.discarded["echo"] == 1


def test_a_change_of_configuration_discards_warm_workers(service, pool):
    service.update_function("echo", timeout=7)
    assert service.function("echo").timeout == 7
    assert pool.discarded["echo"] == 1
    service.invoke("echo", b"{}")
    assert pool.calls[-1][0].timeout == 7


def test_a_reservation_keeps_warm_workers(service, pool):
    service.invoke("echo", b"{}")
    service.put_function_concurrency("echo", 5)
    service.invoke("echo", b"{}")
    first, second = (call[0] for call in pool.calls)
    assert first is second
    assert not pool.discarded


def test_dead_letters_go_to_queues_only(service):
    with pytest.raises(InvalidParameterError, match="not to sns"):
        service.update_function("echo", dead_letter_arn="arn:aws:sns:us-east-1:000000000000:t")
    with pytest.raises(InvalidParameterError, match="not a queue"):
        service.update_function("echo", dead_letter_arn=ARN + "refuse")
    assert service.update_function("echo", dead_letter_arn=QUEUE + "dlq").dead_letter_arn


class TestTasks:
    def test_an_answer_passes(self, service):
        assert json.loads(service.task_invoker()("echo", b"[1]")) == {"got": [1]}

    def test_a_function_error_is_named_by_its_type_with_the_payload_as_cause(self, service):
        with pytest.raises(TaskError) as caught:
            service.task_invoker()(ARN + "refuse", b"{}")
        assert caught.value.error == "HandlerError"
        cause = json.loads(caught.value.cause)
        assert cause["errorMessage"] == "no stock of “ö”"
        assert set(cause) == {"errorMessage", "errorType", "requestId", "stackTrace"}

    @pytest.mark.parametrize(
        ("payload", "error"),
        [
            (b'{"errorType":"Sandbox.Timedout","errorMessage":"x"}', "Sandbox.Timedout"),
            (b'{"errorMessage":"x"}', "Lambda.Unknown"),
            (b"gone", "Lambda.Unknown"),
            (b"[]", "Lambda.Unknown"),
            (b'{"errorType":7}', "Lambda.Unknown"),
        ],
    )
    def test_failures_of_the_runtime(self, service, pool, payload, error):
        from redress_local.lambda_service.types import Outcome

        pool.invoke = lambda *_, **__: Outcome(payload=payload, function_error="Unhandled")
        with pytest.raises(TaskError) as caught:
            service.task_invoker()("echo", b"{}")
        assert (caught.value.error, caught.value.cause) == (error, payload.decode())

    def test_long_names_and_causes_are_cut(self, service, pool):
        from redress_local.lambda_service.types import Outcome

        payload = json.dumps({"errorType": "E" * 300, "errorMessage": "é" * 40_000}).encode()
        pool.invoke = lambda *_, **__: Outcome(payload=payload, function_error="Unhandled")
        with pytest.raises(TaskError) as caught:
            service.task_invoker()("echo", b"{}")
        assert caught.value.error == "E" * 256
        assert caught.value.cause == payload.decode()[:32_768]

    def test_a_refusal_names_its_request(self, service):
        with pytest.raises(TaskError) as caught:
            service.task_invoker()("nobody", b"{}")
        uuid = r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"
        assert re.search(
            rf" \(Service: Lambda, Status Code: 404, Request ID: {uuid}\)$", caught.value.cause
        )

    def test_failures_of_the_service(self, service, pool):
        call = service.task_invoker()

        def error_of(name="echo"):
            with pytest.raises(TaskError) as caught:
                call(name, b"{}")
            return caught.value.error

        assert error_of("nobody") == "Lambda.ResourceNotFoundException"
        for raised, error in (
            (WorkerPoolError("no process"), "Lambda.ServiceException"),
            (PoolExhaustedError("all busy"), "Lambda.TooManyRequestsException"),
            (ConnectionError("refused"), "Lambda.SdkClientException"),
        ):

            def fail(*_, raised=raised, **__):
                raise raised

            pool.invoke = fail
            assert error_of() == error
        service.put_function_concurrency("echo", 0)
        assert error_of() == "Lambda.TooManyRequestsException"


class TestTaskCalls:
    def test_an_event_is_queued(self, service, pool):
        from asl_engine.integrations import LambdaCall

        assert service.task_caller()(LambdaCall("echo", b"[1]", "Event")) == b""
        assert service.wait_for_events(5.0)
        assert [call[1] for call in pool.calls] == [[1]]

    def test_a_dry_run_runs_nothing(self, service, pool):
        from asl_engine.integrations import LambdaCall

        assert service.task_caller()(LambdaCall("echo", b"{}", "DryRun")) == b""
        assert not pool.calls

    @pytest.mark.parametrize("kind", ["Event", "DryRun", "RequestResponse"])
    def test_unknown_functions_and_versions(self, service, kind):
        from asl_engine.integrations import LambdaCall

        for name in ("nobody", "echo:7"):
            with pytest.raises(TaskError) as caught:
                service.task_caller()(LambdaCall(name, b"{}", kind))
            assert caught.value.error == "Lambda.ResourceNotFoundException"

    def test_a_client_context_reaches_the_function_as_json(self, service, monkeypatch):
        from asl_engine.integrations import LambdaCall
        from redress_local.lambda_service.types import Outcome

        seen = []

        def invoke(name, payload, *, client_context):
            seen.append((name, payload, client_context))
            return Outcome(payload=b"1")

        monkeypatch.setattr(service, "invoke", invoke)
        call = service.task_caller()
        assert call(LambdaCall("echo", b"{}", client_context="eyJhIjoxfQ==")) == b"1"
        assert seen == [("echo", b"{}", '{"a":1}')]
        for wrong, error in (
            ("%", "InvalidRequestContentException"),
            ("bm8=", "InvalidRequestContentException"),
            ("e30=" * 1000, "InvalidParameterValueException"),
        ):
            with pytest.raises(TaskError) as caught:
                call(LambdaCall("echo", b"{}", client_context=wrong))
            assert caught.value.error == f"Lambda.{error}"
