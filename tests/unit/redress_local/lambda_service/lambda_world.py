"""A small real invoker in this process: functions are Python callables over JSON."""

import json
import threading
import time
import uuid
from collections import Counter
from pathlib import Path

from redress_local.lambda_service.types import FunctionSpec, Outcome

ARN = "arn:aws:lambda:us-east-1:000000000000:function:"
QUEUE = "arn:aws:sqs:us-east-1:000000000000:"


class HandlerError(Exception):
    """What a handler raises."""


class InProcessInvoker:
    """Runs callables as the worker pool runs handlers."""

    def __init__(self, **handlers):
        self.handlers = dict(handlers)
        self.calls = []
        self.discarded = Counter()
        self._lock = threading.Lock()

    def invoke(self, spec, payload, *, client_context=None, trace_id=None, request_id=None):
        request_id = request_id or str(uuid.uuid4())
        event = json.loads(payload)
        with self._lock:
            self.calls.append((spec, event, request_id, client_context))
        begin = time.perf_counter()
        try:
            answer, error = json.dumps(self.handlers[spec.name](event)).encode(), None
        except HandlerError as failure:
            body = {
                "errorMessage": str(failure),
                "errorType": type(failure).__name__,
                "requestId": request_id,
                "stackTrace": [],
            }
            answer, error = json.dumps(body).encode(), "Unhandled"
        return Outcome(
            payload=answer,
            function_error=error,
            log_tail=f"START RequestId: {request_id}\n".encode(),
            request_id=request_id,
            duration_ms=(time.perf_counter() - begin) * 1000,
        )

    def discard(self, name):
        self.discarded[name] += 1


class RecordingSender:
    """Keeps what it is to send."""

    def __init__(self, broken=False):
        self.messages = []
        self.events = []
        self.broken = broken

    def send_message(self, queue_arn, body, attributes):
        if self.broken:
            raise ConnectionError("nobody is there")
        self.messages.append((queue_arn, json.loads(body), dict(attributes)))

    def put_event(self, bus_arn, source, detail_type, detail, resources):
        self.events.append((bus_arn, source, detail_type, json.loads(detail), resources))


def spec(name="echo", **changes):
    values = {"name": name, "arn": ARN + name, "code": Path("/"), "handler": "handler.handler"}
    return FunctionSpec(**{**values, **changes})
