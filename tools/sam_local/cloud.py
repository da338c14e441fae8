"""The emulated cloud beside the containers, started as a user starts it."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final, Self

import boto3
from redress.a2a.tasks import TaskStore
from redress.adapters.aws.repository import DynamoDbRepository
from redress.api.clients import Ticket, keep_ticket
from redress.models.agents import StoredTask
from redress.models.base import parse
from redress.runtime import SystemClock

ROOT: Final = Path(__file__).resolve().parents[2]
STOP_SECONDS: Final = 30


class CloudError(Exception):
    """The emulated cloud did not start."""


class Cloud:
    """`redress up --emulated`, also for containers.

    Args:
        port: Its port.
        host: The address by which containers come.
    """

    def __init__(self, port: int, host: str) -> None:
        self._files = tempfile.TemporaryDirectory(prefix="sam-local-")
        self.variables = Path(self._files.name) / "env.json"
        words = ["up", "--emulated", "--json", "--port", str(port), "--host", host]
        words += ["--parameter", "ModelProvider=playbook", "--env-file", str(self.variables)]
        self._process = subprocess.Popen(
            [Path(sys.executable).parent / "redress", *words],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        try:
            self.said: dict[str, Any] = _first_object(self._process.stdout)
            if "error" in self.said:
                raise CloudError(f"{self.said['error']['message']}: {self.said['error']['hint']}")
        except BaseException:
            self.stop()
            raise
        self.url: str = self.said["endpoint_url"]

    def client(self, service: str) -> Any:
        """A boto3 client of it."""
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",  # noqa: S106 - nobody checks it
        )

    def invoke(self, name: str, event: Any) -> Any:
        """Run a function outside of any container, for what comes before."""
        (full,) = [each for each in self.said["functions"] if f"-{name}-" in each]
        answer = self.client("lambda").invoke(FunctionName=full, Payload=json.dumps(event).encode())
        payload = json.loads(answer["Payload"].read())
        if "FunctionError" in answer:
            raise CloudError(f"{name}, which prepares a story, failed: {payload}")
        return payload

    def give_ticket(self, secret: str, customer_id: str) -> None:
        """Store a ticket for the WebSocket, as IssueTicket does."""
        told = json.loads(self.variables.read_text(encoding="utf-8"))["Parameters"]
        table = DynamoDbRepository(told["REDRESS_CLIENTS_TABLE"], self.client("dynamodb"))
        expires_at = datetime.now(UTC) + timedelta(hours=1)
        keep_ticket(table, secret, Ticket(customer_id=customer_id, expires_at=expires_at))

    def give_task(self, task_id: str) -> None:
        """Store a task of the orders' agent that is being worked on, as ServeOrdersAgent does."""
        told = json.loads(self.variables.read_text(encoding="utf-8"))["Parameters"]
        table = DynamoDbRepository(told["REDRESS_TASKS_TABLE"], self.client("dynamodb"))
        asked = sample("run_orders_agent")
        work = {"task_id": task_id, "domain": "orders", "grant_id": asked["case"]["grant_id"]}
        now = datetime.now(UTC).isoformat()
        task = parse(
            StoredTask,
            {
                "work": asked | work,
                "subject": asked["case"]["customer_id"],
                "context_id": "context-1",
                "message": {},
                "content_sha256": "",
                "state": "working",
                "created_at": now,
                "updated_at": now,
            },
        )
        TaskStore(table, SystemClock()).add(task)

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        try:
            self._process.wait(STOP_SECONDS)
        finally:
            self._process.kill()
            self._process.wait()
            self._files.cleanup()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _first_object(lines: Any) -> dict[str, Any]:
    text = ""
    for line in lines:
        text += line
        try:
            found: dict[str, Any] = json.loads(text)
        except ValueError:
            continue
        return found
    raise CloudError(f"`redress up --emulated` ended: {text[-500:]}")


def sample(folder: str) -> Any:
    """A function's sample input."""
    return json.loads((ROOT / "events" / f"{folder}.json").read_text(encoding="utf-8"))


def prepare(cloud: Cloud, steps: Sequence[str]) -> None:
    """Bring a cloud to where a story begins; see `stories.Story.before`."""
    for step in steps:
        if step == "ticket":
            secret = sample("connect_client")["queryStringParameters"]["ticket"]
            cloud.give_ticket(secret, sample("notify_clients")["detail"]["customer_id"])
        elif step == "task":
            cloud.give_task(sample("record_task")["task_id"])
        elif step == "decide_without_the_program":
            request = sample("decide_by_policy")
            error = {"type": "Timeout", "message": "too slow"}
            request["reconciliation"] |= {"ok": False, "value": None, "error": error}
            cloud.invoke("DecideByPolicyFunction", request)
        else:
            name = "".join(word.capitalize() for word in step.split("_")) + "Function"
            cloud.invoke(name, sample(step))
