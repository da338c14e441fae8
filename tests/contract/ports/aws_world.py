"""AWS as this machine has it: moto, our Step Functions and our EventBridge behind the gateway."""

import asyncio
import json
import queue
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import aws_clients
from asl_engine import Engine, compile_machine
from asl_engine.api.service import StepFunctionsApi
from redress.adapters.sqlite.repository import SqliteStore
from redress_local.emulated.gateway.app import Gateway, Routes
from redress_local.emulated.gateway.server import Listener, serve
from redress_local.emulated.moto.process import MotoProcess
from redress_local.events.api.service import EventsApi
from redress_local.events.bus import EventBus
from redress_local.events.sqs import SqsQueues
from redress_local.events.store import EventStore
from redress_local.events.targets import Targets
from redress_local.front.connections import Connection, Connections
from redress_local.front.management import ManagementApi
from redress_local.template_values import ACCOUNT, REGION

FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:ask"
STAGE = "live"
WAITS = {
    "QueryLanguage": "JSONata",
    "StartAt": "Ask",
    "States": {
        "Ask": {
            "Type": "Task",
            "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
            "Arguments": {
                "FunctionName": FUNCTION,
                "Payload": {"token": "{% $states.context.Task.Token %}"},
            },
            "End": True,
        }
    },
}


class Waiting:
    """An engine with a machine whose only state waits for a task token."""

    def __init__(self) -> None:
        self._tokens: queue.Queue[str] = queue.Queue()
        self.engine = Engine(lambda_invoker=self._invoke, max_workers=4)
        self._machine = self.engine.register(compile_machine(WAITS, name="waits"))
        self._executions: dict[str, str] = {}

    def begin(self) -> str:
        """Start an execution; return its token once it waits."""
        arn = self.engine.start_execution(self._machine)
        token = self._tokens.get(timeout=10)
        self._executions[token] = arn
        return token

    def answer(self, token: str) -> dict[str, Any]:
        """Return what the waiting state was told."""
        ended = self.engine.wait(self._executions[token], 10)
        if ended.status == "SUCCEEDED":
            return {"output": ended.output}
        return {"error": ended.error, "cause": ended.cause}

    def stop(self, token: str) -> None:
        """Stop the execution that waits."""
        self.engine.stop_execution(self._executions[token])

    def _invoke(self, function: str, payload: bytes) -> bytes:
        self._tokens.put(json.loads(payload)["token"])
        return b"{}"


class Clients:
    """WebSocket connections of a stage, and what reaches their clients."""

    def __init__(self) -> None:
        self.connections = Connections()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def open(self) -> str:
        """Open a connection; return its id."""
        connection = Connection(
            connection_id=f"{uuid.uuid4().hex[:12]}=",
            api_id="api",
            stage=STAGE,
            now=time.time(),
            source_ip="127.0.0.1",
            user_agent="",
            loop=self._loop,
        )
        self.connections.add(connection)
        return connection.connection_id

    def leave(self, connection_id: str) -> None:
        """Let a client go."""
        self.connections.remove(self.connections.get(connection_id, STAGE))

    def got(self, connection_id: str, count: int) -> list[Any]:
        """Return the messages that a client got."""
        connection = self.connections.get(connection_id, STAGE)
        waited = [
            asyncio.run_coroutine_threadsafe(connection.next(), self._loop).result(5)
            for _ in range(count)
        ]
        return [json.loads(message) for message in waited if isinstance(message, bytes)]

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()


class AwsWorld:
    """The services behind one URL."""

    def __init__(self, url: str, waiting: Waiting, clients: Clients) -> None:
        self.url, self.waiting, self.clients = url, waiting, clients

    def client(self, service: str) -> Any:
        return client(self.url, service)

    def new_name(self) -> str:
        return f"n{uuid.uuid4().hex[:12]}"


def client(url: str, service: str) -> Any:
    return aws_clients.client(service, url, region=REGION, max_pool_connections=32)


@contextmanager
def aws_world(folder: Path) -> Iterator[AwsWorld]:
    moto = MotoProcess(services=("dynamodb", "sqs")).launch()
    listener = Listener()
    url = f"http://127.0.0.1:{listener.port}"
    waiting = Waiting()
    clients = Clients()
    store = SqliteStore(folder / "events.db", synchronous="NORMAL")
    queues = SqsQueues(client(url, "sqs"))
    bus = EventBus(
        None, EventStore(store), Targets(queues=queues), now=time.time, queues=queues, workers=2
    )
    routes = Routes(
        json={
            "states": StepFunctionsApi(waiting.engine, account=ACCOUNT, region=REGION),
            "events": EventsApi(bus),
        },
        rest={"execute-api": ManagementApi(clients.connections, time.time)},
    )
    try:
        gateway = Gateway(routes, moto_url=moto.wait_ready().url)
        with serve(gateway, listener=listener):
            yield AwsWorld(url, waiting, clients)
    finally:
        bus.close()
        waiting.engine.close()
        clients.close()
        moto.stop()
        store.close()
