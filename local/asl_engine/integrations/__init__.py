"""The services that a Task can call; each is a callable on a `TaskRequest`."""

from asl_engine.integrations.lambda_ import LambdaCall, LambdaCaller, LambdaInvoker
from asl_engine.integrations.protocol import Integration, TaskRequest
from asl_engine.integrations.registry import ClientFactory, EventsSink

__all__ = [
    "ClientFactory",
    "EventsSink",
    "Integration",
    "LambdaCall",
    "LambdaCaller",
    "LambdaInvoker",
    "TaskRequest",
]
