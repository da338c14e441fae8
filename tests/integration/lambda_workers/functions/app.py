"""Handlers that behave in each way that a function can."""

import ctypes
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path


def echo(event, context):
    return {"event": event, "pid": os.getpid(), "cwd": os.getcwd()}  # noqa: PTH109


def environment(event, context):
    return dict(os.environ)


def modules(event, context):
    import importlib.util

    found = {name: importlib.util.find_spec(name) for name in event["names"]}
    return {name: spec and spec.origin for name, spec in found.items()}


def describe(event, context):
    return {
        "remaining": context.get_remaining_time_in_millis(),
        "arn": context.invoked_function_arn,
        "request_id": context.aws_request_id,
        "memory": context.memory_limit_in_mb,
        "group": context.log_group_name,
        "stream": context.log_stream_name,
        "client": context.client_context.custom if context.client_context else None,
        "identity": context.identity.cognito_identity_id if context.identity else None,
        "trace": os.environ.get("_X_AMZN_TRACE_ID"),
        "stdin": sys.stdin.read(),
    }


class CardDeclinedError(Exception):
    pass


def fail(event, context):
    raise CardDeclinedError("nö")


def sleep(event, context):
    time.sleep(event["seconds"])
    return os.getpid()


def leave(event, context):
    sys.exit(event["code"])


def vanish(event, context):
    os._exit(event["code"])


def die(event, context):
    os.kill(os.getpid(), signal.SIGKILL)


def crash(event, context):
    ctypes.string_at(0)


def grow(event, context):
    held = b"x" * (event["mb"] * 1024 * 1024)
    time.sleep(event.get("seconds", 0))
    return len(held)


def grow_in_child(event, context):
    program = "x = b'x' * (400 * 1024 * 1024)\nimport time; time.sleep(20)"
    subprocess.run([sys.executable, "-S", "-c", program], check=False)


def reserve(event, context):
    import mmap

    with mmap.mmap(-1, 4 << 30, prot=mmap.PROT_READ):
        return "reserved"


def big(event, context):
    return "x" * event["size"]


def odd(event, context):
    return object()


def talk(event, context):
    print("out")
    print("err", file=sys.stderr)
    logging.getLogger().warning("careful")
    sys.stdout.write("no newline")
    return


def flood(event, context):
    line = "y" * 1023
    for _ in range(event["kb"]):
        print(line)
    print("last words")


def spawn(event, context):
    """Leave a child in the group and one in a session of its own; tell their ids in a file."""
    children = [
        subprocess.Popen(["sleep", "60"]),
        subprocess.Popen(["sleep", "60"], start_new_session=True),
    ]
    Path(event["file"]).write_text(" ".join(str(one.pid) for one in children) + f" {os.getpid()}")
    time.sleep(event["seconds"])


def temporary(event, context):
    import tempfile

    with tempfile.NamedTemporaryFile(delete=False) as file:
        return file.name
