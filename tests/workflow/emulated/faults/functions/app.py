"""Handlers that fail in every way that Lambda knows, and note each attempt in a file.

A note is a line of JSON under FAULTS_NOTES/<key>: all that a test needs to know who ran how often.
"""

import json
import os
import signal
import time
from pathlib import Path


class OutOfStockError(Exception):
    """What a business rule raises."""


def noted(event, context):
    """Note an attempt at an event's key; returns its number, from 1."""
    path = notes(event["key"])
    line = {"request_id": context.aws_request_id, "pid": os.getpid()}
    with path.open("a") as file:
        file.write(json.dumps(line) + "\n")
    return len(path.read_text().splitlines())


def notes(key):
    return Path(os.environ["FAULTS_NOTES"]) / key


def fails(event, context):
    """Fail in the way that the event names, on each of its first `times` attempts."""
    attempt = noted(event, context)
    if attempt <= event.get("times", 99):
        way = WAYS[event["way"]]
        return way(event)
    return {"attempt": attempt}


def answers(event, context):
    noted(event, context)
    return event


def sleeps(event, context):
    attempt = noted(event, context)
    if attempt <= event.get("times", 99):
        time.sleep(event.get("seconds", 60))
    return {"attempt": attempt}


def waits(event, context):
    """Run until the file <key>.go is there."""
    attempt = noted(event, context)
    while attempt <= event.get("times", 99) and not notes(event["key"] + ".go").exists():
        time.sleep(0.01)
    with notes(event["key"] + ".effects").open("a") as file:
        file.write(f"{attempt}\n")
    return {"attempt": attempt}


def takes(event, context):
    """An SQS batch: reports the messages whose body asks to fail, and fails on some alone."""
    failures = []
    for record in event["Records"]:
        body = json.loads(record["body"])
        attempt = noted(body, context)
        if attempt <= body["times"]:
            failures.append({"itemIdentifier": record["messageId"]})
    return {"batchItemFailures": failures}


def _raises(event):
    raise OutOfStockError(f"no {event.get('sku', 'sku_1') * event.get('repeat', 1)} is left")


def _eats(event):
    held = []
    while True:
        held.append(bytearray(os.urandom(4096)) * 4096)


WAYS = {
    "raises": _raises,
    "exits": lambda event: os._exit(event.get("status", 3)),
    "leaves": lambda event: os._exit(0),
    "killed": lambda event: os.kill(os.getpid(), signal.SIGKILL),
    "eats": _eats,
    "returns_no_json": lambda event: {"a", "set"},
    "returns_much": lambda event: "x" * event["bytes"],
}
