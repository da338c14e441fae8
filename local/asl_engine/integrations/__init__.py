"""The services that a Task can call; each is a callable on a `TaskRequest`."""

from asl_engine.integrations.protocol import Integration, TaskRequest
from asl_engine.integrations.registry import ClientFactory, EventsSink, LambdaInvoker

__all__ = ["ClientFactory", "EventsSink", "Integration", "LambdaInvoker", "TaskRequest"]
