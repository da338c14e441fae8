import json
import os
import re
import signal
import threading
import time
from datetime import datetime

import pytest


def answer(outcome):
    assert outcome.function_error is None, outcome.payload
    return json.loads(outcome.payload)


def error(outcome):
    assert outcome.function_error == "Unhandled"
    return json.loads(outcome.payload)


def send(pool, spec, event=None, **more):
    return pool.invoke(spec, json.dumps({} if event is None else event).encode(), **more)


def test_one_process_serves_one_call_after_another(pool, make):
    spec = make("echo")
    first = send(pool, spec, {"text": "schön \u2028"})
    second = send(pool, spec, [1])
    assert answer(first)["event"] == {"text": "schön \u2028"}
    assert answer(second)["pid"] == answer(first)["pid"]
    assert answer(first)["cwd"] == str(spec.code)
    assert first.init_ms is not None
    assert second.init_ms is None
    assert first.request_id != second.request_id
    assert 0 < second.duration_ms < 2000
    assert 5 < second.max_memory_mb < 128


def test_the_context_is_as_aws_gives_it(pool, make):
    spec = make("describe", timeout=5, memory_mb=200)
    client = '{"custom": {"a":\n"b"}}'
    outcome = send(pool, spec, client_context=client, trace_id="Root=1-2-3", request_id="r-1")
    told = answer(outcome)
    assert 4000 < told.pop("remaining") <= 5000
    assert re.fullmatch(r"\d{4}/\d\d/\d\d/\[\$LATEST\][0-9a-f]{32}", told.pop("stream"))
    assert told == {
        "arn": spec.arn,
        "request_id": "r-1",
        "memory": "200",
        "group": f"/aws/lambda/{spec.name}",
        "client": {"a": "b"},
        "identity": None,
        "trace": "Root=1-2-3",
        "stdin": "",
    }


def test_a_raised_error_is_typed_and_leaves_the_worker_warm(pool, make):
    spec = make("fail")
    first = error(send(pool, spec))
    assert first["errorType"] == "CardDeclinedError"
    assert first["errorMessage"] == "nö"
    assert any("app.py" in line for line in first["stackTrace"])
    second = send(pool, spec)
    assert second.init_ms is None


def test_what_is_no_json_fails_in_the_runtime(pool, make):
    assert error(pool.invoke(make("echo"), b"{nope"))["errorType"] == "Runtime.UnmarshalError"
    assert error(send(pool, make("odd")))["errorType"] == "Runtime.MarshalError"


def test_a_timeout_kills_the_worker(pool, make, all_gone):
    spec = make("sleep", timeout=1)
    pid = answer(send(pool, spec, {"seconds": 0}))
    began = time.monotonic()
    outcome = send(pool, spec, {"seconds": 30}, request_id="late")
    assert 1 <= time.monotonic() - began < 2.5
    told = error(outcome)
    assert told["errorType"] == "Sandbox.Timedout"
    when, rest = told["errorMessage"].split(" ", 1)
    assert datetime.fromisoformat(when).tzinfo is not None
    assert rest == "late Task timed out after 1.00 seconds"
    assert all_gone([pid])
    assert b"Status: timeout" in outcome.log_tail
    assert answer(send(pool, spec, {"seconds": 0})) != pid


@pytest.mark.parametrize(
    ("handler", "event", "reason"),
    [
        ("leave", {"code": 3}, "exit status 3"),
        ("vanish", {"code": 4}, "exit status 4"),
        ("die", {}, "signal: killed"),
        ("crash", {}, "signal: segmentation fault"),
    ],
)
def test_an_exit_is_told_and_the_worker_replaced(pool, make, handler, event, reason):
    spec = make(handler)
    for _ in range(2):
        outcome = send(pool, spec, event, request_id="r")
        assert error(outcome) == {
            "errorType": "Runtime.ExitError",
            "errorMessage": f"RequestId: r Error: Runtime exited with error: {reason}",
        }
        assert outcome.init_ms is not None
    assert b"Error Type: Runtime.ExitError" in outcome.log_tail


def test_an_exit_with_status_zero_has_no_reason(pool, make):
    told = error(send(pool, make("vanish"), {"code": 0}, request_id="r"))
    assert told["errorMessage"] == "RequestId: r Error: Runtime exited without providing a reason"


@pytest.mark.parametrize(
    ("handler", "event"),
    [("grow", {"mb": 300, "seconds": 20}), ("grow", {"mb": 200}), ("grow_in_child", {})],
)
def test_too_much_memory_kills(pool, make, handler, event):
    began = time.monotonic()
    outcome = send(pool, make(handler, memory_mb=128), event, request_id="r")
    assert time.monotonic() - began < 5
    assert error(outcome) == {
        "errorType": "Runtime.ExitError",
        "errorMessage": "RequestId: r Error: Runtime exited with error: signal: killed",
    }
    assert b"Error Type: Runtime.OutOfMemory" in outcome.log_tail
    assert outcome.max_memory_mb > 128


def test_reserved_memory_is_not_used_memory(pool, make):
    assert answer(send(pool, make("reserve", memory_mb=128))) == "reserved"


def test_answers_up_to_six_megabytes(pool, make):
    spec = make("big", memory_mb=512)
    assert len(answer(send(pool, spec, {"size": 6_291_000}))) == 6_291_000
    told = error(send(pool, spec, {"size": 6_300_000}))
    assert told == {
        "errorType": "Function.ResponseSizeTooLarge",
        "errorMessage": "Response payload size exceeded maximum allowed payload size "
        "(6291556 bytes).",
    }
    assert len(answer(send(pool, spec, {"size": 10}))) == 10


def test_a_large_event_arrives_whole(pool, make):
    told = answer(send(pool, make("echo", memory_mb=256), {"text": "x" * 2_900_000}))
    assert len(told["event"]["text"]) == 2_900_000


@pytest.mark.parametrize(
    ("source", "handler", "kind"),
    [
        ("import nothing_like_this", "m.f", "Runtime.ImportModuleError"),
        ("", "m.f", "Runtime.HandlerNotFound"),
        ("def f(:", "m.f", "Runtime.UserCodeSyntaxError"),
        ("", "gone.f", "Runtime.ImportModuleError"),
        ("", "plain", "Runtime.MalformedHandlerName"),
        ("raise KeyError('x')", "m.f", "KeyError"),
        ("import os; os._exit(7)", "m.f", "Runtime.ExitError"),
    ],
)
def test_an_init_that_fails_is_tried_twice_and_told(pool, make, tmp_path, source, handler, kind):
    note = f"open({str(tmp_path / 'tries')!r}, 'a').write('x')\n"
    is_valid = ":" not in source and handler.startswith("m.")
    (tmp_path / "m.py").write_text((note if is_valid else "") + source)
    told = error(send(pool, make("x", code=tmp_path, handler=handler)))
    assert told["errorType"] == kind
    if is_valid:
        assert (tmp_path / "tries").read_text() == "xx"


def test_a_slow_init_ends_with_the_timeout(make, tmp_path):
    from redress_local.lambda_service.workers import WorkerPool

    (tmp_path / "m.py").write_text("import time\ntime.sleep(30)\n")
    pool = WorkerPool(
        endpoint_url="http://x", folder=tmp_path / "p", on_log=lambda *_: None, init_seconds=0.3
    )
    try:
        began = time.monotonic()
        outcome = send(pool, make("x", code=tmp_path, handler="m.f", timeout=1))
        assert error(outcome)["errorType"] == "Sandbox.Timedout"
        assert 1.3 <= time.monotonic() - began < 5
    finally:
        pool.close()


def test_no_code_folder_is_told(pool, make, tmp_path):
    told = error(send(pool, make("x", code=tmp_path / "gone")))
    assert told["errorType"] == "Runtime.ExitError"


def test_the_pool_grows_when_all_workers_are_busy(pool, make):
    spec = make("sleep")
    pids: list[int] = []
    threads = [
        threading.Thread(target=lambda: pids.append(answer(send(pool, spec, {"seconds": 0.6}))))
        for _ in range(4)
    ]
    began = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert time.monotonic() - began < 2.0
    assert len(set(pids)) == 4
    assert pool.counts()[spec.name] == 4
    # One after another they go to the one that was used last.
    assert len({answer(send(pool, spec, {"seconds": 0})) for _ in range(5)}) == 1


def test_a_worker_that_died_while_idle_is_replaced_unseen(pool, make, all_gone):
    spec = make("echo")
    pid = answer(send(pool, spec))["pid"]
    os.kill(pid, signal.SIGKILL)
    assert all_gone([pid])
    assert answer(send(pool, spec))["pid"] != pid


def test_another_configuration_gets_another_worker(pool, make):
    spec = make("environment", environment={"A": "1"})
    assert answer(send(pool, spec))["A"] == "1"
    changed = make("environment", environment={"A": "2"}, name=spec.name)
    assert answer(send(pool, changed))["A"] == "2"
    assert pool.counts()[spec.name] == 1


def test_warm_workers_are_ready_when_asked(pool, make, tmp_path):
    (tmp_path / "bad.py").write_text("raise ValueError\n")
    bad = make("x", code=tmp_path, handler="bad.f", name="bad-one")
    spec = make("echo")
    pool.warm([bad, spec])

    def ready() -> bool:
        """A worker that still starts counts too; only an idle one is warm."""
        found = pool._slots._functions.get(spec.name)
        return found is not None and bool(found.idle)

    until = time.monotonic() + 20
    while not ready() and time.monotonic() < until:
        time.sleep(0.01)
    assert send(pool, spec).init_ms is None
    assert "bad-one" not in pool.counts()
