"""The official SDK's clients, of A2A 1.0 and 0.3, by JSON-RPC and REST, on our servers."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import anyio
import httpx
import pytest
from a2a.client import A2ACardResolver, Client, ClientConfig, ClientFactory
from a2a.client.errors import A2AClientError
from a2a.types import (
    AgentCard,
    CancelTaskRequest,
    DeleteTaskPushNotificationConfigRequest,
    GetTaskPushNotificationConfigRequest,
    GetTaskRequest,
    ListTaskPushNotificationConfigsRequest,
    ListTasksRequest,
    Message,
    SendMessageConfiguration,
    SendMessageRequest,
    Task,
    TaskPushNotificationConfig,
    TaskState,
)
from a2a.utils.errors import (
    InvalidParamsError,
    MethodNotFoundError,
    TaskNotCancelableError,
    TaskNotFoundError,
    UnsupportedOperationError,
)
from a2a.utils.signing import create_signature_verifier
from a2a_world import BASE, A2AWorld, FreshTokens, message
from google.protobuf.json_format import MessageToDict, ParseDict
from jwt import PyJWK
from redress.models.case import SupportCase

URL = "https://hooks.example.com/x"
KINDS = [("JSONRPC", "1.0"), ("HTTP+JSON", "1.0"), ("JSONRPC", "0.3"), ("HTTP+JSON", "0.3")]


@asynccontextmanager
async def http_for(world: A2AWorld, case: SupportCase) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(world.apps["orders"])
    auth = FreshTokens(lambda: world.token(case))
    async with httpx.AsyncClient(transport=transport, auth=auth, base_url=BASE) as http:
        yield http


async def card_of(world: A2AWorld, http: httpx.AsyncClient) -> AgentCard:
    """Fetch the card as the SDK does, and have it check the signature."""

    def key(kid: str | None, _: str | None) -> PyJWK:
        return PyJWK.from_dict(dict(world.card_key.find(str(kid)) or {}))

    resolver = A2ACardResolver(http, f"{BASE}/a2a/orders")
    return await resolver.get_agent_card(
        signature_verifier=create_signature_verifier(key, ["ES256"])
    )


async def client_for(
    world: A2AWorld, http: httpx.AsyncClient, binding: str, version: str
) -> Client:
    card = await card_of(world, http)
    offered = [
        i
        for i in card.supported_interfaces
        if (i.protocol_binding, i.protocol_version) == (binding, version)
    ]
    assert len(offered) == 1
    del card.supported_interfaces[:]
    card.supported_interfaces.extend(offered)
    config = ClientConfig(httpx_client=http, supported_protocol_bindings=[binding], streaming=False)
    return ClientFactory(config).create(card)


def request(case: SupportCase, message_id: str = "m-1", **more: Any) -> SendMessageRequest:
    said = ParseDict(message(case, message_id), Message())
    return SendMessageRequest(message=said, configuration=SendMessageConfiguration(**more))


async def send(client: Client, asked: SendMessageRequest) -> Task:
    (answer,) = [event async for event in client.send_message(asked)]
    assert answer.HasField("task")
    return answer.task


@pytest.mark.parametrize(("binding", "version"), KINDS)
def test_the_life_of_a_task(world: A2AWorld, binding: str, version: str) -> None:
    case = world.case()

    async def live() -> None:
        async with http_for(world, case) as http:
            client = await client_for(world, http, binding, version)
            task = await send(client, request(case))
            assert task.status.state == TaskState.TASK_STATE_COMPLETED
            data = MessageToDict(task.artifacts[0].parts[0].data)
            assert data["evidence"]["items"][0]["facts"]["minor"] == 4999
            assert (await send(client, request(case))).id == task.id
            assert len(world.starter.started) == 1
            found = await client.get_task(GetTaskRequest(id=task.id, history_length=1))
            assert (found.id, len(found.history)) == (task.id, 1)
            # The SDK's REST client of 0.3 reads no reasons, only that it was refused.
            old_rest = (binding, version) == ("HTTP+JSON", "0.3")
            refused = A2AClientError if old_rest else TaskNotCancelableError
            with pytest.raises(refused):
                await client.cancel_task(CancelTaskRequest(id=task.id))
            with pytest.raises(MethodNotFoundError if old_rest else TaskNotFoundError):
                await client.get_task(GetTaskRequest(id="task-unknown"))
            world.starter.act = lambda _: None
            second = await send(client, request(case, "m-2", return_immediately=True))
            assert second.status.state == TaskState.TASK_STATE_WORKING
            canceled = await client.cancel_task(CancelTaskRequest(id=second.id))
            assert canceled.status.state == TaskState.TASK_STATE_CANCELED
            if version == "1.0":
                listed = await client.list_tasks(ListTasksRequest(page_size=1))
                assert listed.total_size == 2
                assert [t.id for t in listed.tasks] == [second.id]

    anyio.run(live)


@pytest.mark.parametrize(("binding", "version"), KINDS)
def test_push_configs(world: A2AWorld, binding: str, version: str) -> None:
    case = world.case()

    async def live() -> None:
        async with http_for(world, case) as http:
            client = await client_for(world, http, binding, version)
            task = await send(client, request(case))
            config = TaskPushNotificationConfig(task_id=task.id, id="c-1", url=URL)
            made = await client.create_task_push_notification_config(config)
            assert (made.url, made.id) == (URL, "c-1")
            which = GetTaskPushNotificationConfigRequest(task_id=task.id, id="c-1")
            assert (await client.get_task_push_notification_config(which)).url == URL
            bad = TaskPushNotificationConfig(task_id=task.id, url="https://169.254.169.254/")
            # The SDK's REST client of 0.3 reads no reasons, and knows no lists and no deletion.
            old_rest = (binding, version) == ("HTTP+JSON", "0.3")
            with pytest.raises(A2AClientError if old_rest else InvalidParamsError):
                await client.create_task_push_notification_config(bad)
            if not old_rest:
                listed = await client.list_task_push_notification_configs(
                    ListTaskPushNotificationConfigsRequest(task_id=task.id)
                )
                assert [c.id for c in listed.configs] == ["c-1"]
                gone = DeleteTaskPushNotificationConfigRequest(task_id=task.id, id="c-1")
                await client.delete_task_push_notification_config(gone)
                with pytest.raises(TaskNotFoundError):
                    await client.get_task_push_notification_config(which)

    anyio.run(live)


def test_a_client_that_would_stream_is_told_not_to(world: A2AWorld) -> None:
    """The card says so; who streams all the same gets an error, and no task is made."""
    case = world.case()

    async def live() -> None:
        async with http_for(world, case) as http:
            card = await card_of(world, http)
            assert not card.capabilities.streaming
            card.capabilities.streaming = True
            client = ClientFactory(ClientConfig(httpx_client=http, streaming=True)).create(card)
            with pytest.raises(UnsupportedOperationError):
                await send(client, request(case))

    anyio.run(live)
    assert world.starter.started == []


def test_a_raw_message_of_0_3(world: A2AWorld) -> None:
    case = world.case()
    said = message(case)
    parts = [{"kind": "data", "data": said["parts"][0]["data"]}]
    params = {
        "message": {"kind": "message", "messageId": "m-1", "role": "user", "parts": parts},
        "configuration": {"blocking": True, "acceptedOutputModes": ["application/json"]},
    }
    task = world.result("message/send", params, case, version=None)
    assert (task["kind"], task["status"]["state"]) == ("task", "completed")
    assert task["artifacts"][0]["parts"][0]["kind"] == "data"
    again = world.result("tasks/get", {"id": task["id"]}, case, version=None)
    assert again["id"] == task["id"]
    # The same message by 1.0 is the same task.
    found = world.result("SendMessage", {"message": said}, case)["task"]
    assert found["id"] == task["id"]
    assert world.error("tasks/get", {"id": "none"}, case, version=None) == -32001
    body = {"jsonrpc": "2.0", "id": 1, "method": "message/stream", "params": params}
    headers = {"Authorization": f"Bearer {world.token(case)}"}
    streamed = world.http.post("/a2a/orders", json=body, headers=headers).text
    assert json.loads(streamed.removeprefix("data: "))["error"]["code"] == -32004
