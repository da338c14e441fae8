"""What goes to `on_log` and into the tail."""

import json
import re
import resource
import time


def test_text_logs_are_as_in_aws(pool, make, logs):
    spec = make("talk", memory_mb=129)
    outcome = pool.invoke(spec, b"{}", request_id="rid")
    lines = logs.text(spec.name).split("\n")
    assert lines[0].startswith("INIT_START Runtime Version: python:3.13")
    assert lines[1:4] == ["START RequestId: rid Version: $LATEST", "out", "err"]
    assert re.fullmatch(r"\[WARNING\]\t[-0-9T:.]+Z\trid\tcareful", lines[4])
    assert lines[5:7] == ["no newline", "END RequestId: rid"]
    assert re.fullmatch(
        r"REPORT RequestId: rid\tDuration: [\d.]+ ms\tBilled Duration: \d+ ms\t"
        r"Memory Size: 129 MB\tMax Memory Used: \d+ MB\tInit Duration: [\d.]+ ms\t",
        lines[7],
    )
    assert len(lines) == 8
    assert outcome.log_tail.decode().split("\n") == [*lines[1:], ""]
    again = pool.invoke(spec, b"{}")
    assert b"Init Duration" not in again.log_tail
    assert len({stream for name, stream, _ in logs.calls if name == spec.name}) == 1


def test_json_logs_are_records_by_level(pool, make, logs):
    spec = make("talk", log_format="JSON")
    pool.invoke(spec, b"{}", request_id="rid")
    records = [json.loads(line) for line in logs.text(spec.name).split("\n") if line[0] == "{"]
    kinds = [record.get("type", record.get("level")) for record in records]
    assert kinds == ["platform.start", "WARNING", "platform.report"] or kinds == [
        "platform.initStart",
        "platform.start",
        "WARNING",
        "platform.report",
    ]
    report = records[-1]["record"]
    assert report["requestId"] == "rid"
    assert report["status"] == "success"
    assert set(report["metrics"]) == {
        "durationMs", "billedDurationMs", "memorySizeMB", "maxMemoryUsedMB", "initDurationMs",
    }  # fmt: skip
    quiet = make("talk", log_format="JSON", system_log_level="WARN", name="quiet")
    pool.invoke(quiet, b"{}")
    assert "platform." not in logs.text("quiet")


def test_failures_pass_the_system_level(pool, make, logs):
    spec = make("vanish", log_format="JSON", system_log_level="WARN")
    pool.invoke(spec, b'{"code": 1}')
    record = json.loads(logs.text(spec.name))["record"]
    assert (record["status"], record["errorType"]) == ("error", "Runtime.ExitError")


def test_an_unhandled_error_is_logged_in_lines(pool, make, logs):
    spec = make("fail")
    pool.invoke(spec, b"{}")
    text = logs.text(spec.name)
    assert "\r" not in text
    assert "[ERROR] CardDeclinedError: nö\nTraceback (most recent call last):\n" in text


def test_a_flood_is_passed_on_whole_and_holds_no_memory(pool, make):
    spec = make("flood", timeout=30)
    seen = 0
    largest = 0

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.monotonic()
    pool.invoke(spec, b'{"kb": 1}')
    around = pool._around.on_log

    def count(_spec, _stream, text):
        nonlocal seen, largest
        seen += len(text) + 1
        largest = max(largest, len(text))

    flooded = make("flood", timeout=30, name="flooded")
    pool._around = pool._around._replace(on_log=count)
    try:
        outcome = pool.invoke(flooded, b'{"kb": 12000}')
    finally:
        pool._around = pool._around._replace(on_log=around)
    assert outcome.function_error is None
    assert time.monotonic() - began < 10
    assert 12_000 * 1024 < seen < 12_000 * 1024 + 2000
    assert largest < 600_000
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 40_000
    assert len(outcome.log_tail) == 4096
    assert b"last words" in outcome.log_tail


def test_what_is_printed_between_invocations_comes_by_itself(pool, make, logs, tmp_path):
    (tmp_path / "m.py").write_text(
        "import threading\n"
        "def f(event, context): threading.Timer(0.1, print, ['afterwards']).start()\n"
    )
    spec = make("x", code=tmp_path, handler="m.f")
    pool.invoke(spec, b"{}")
    until = time.monotonic() + 5
    while "afterwards" not in logs.text(spec.name) and time.monotonic() < until:
        time.sleep(0.02)
    assert "afterwards" in logs.text(spec.name)
