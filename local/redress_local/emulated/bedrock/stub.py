"""Bedrock Runtime's Converse and ConverseStream, answered by the playbook."""

from __future__ import annotations

import asyncio
import logging
import re
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import msgspec

from redress_local.emulated.bedrock import frames
from redress_local.emulated.bedrock.errors import BedrockError
from redress_local.emulated.bedrock.faults import FaultOrder, Faults
from redress_local.emulated.bedrock.requests import read_request
from redress_local.emulated.bedrock.turn import Turn, load_model, take_turn
from redress_local.emulated.gateway.asgi import (
    BodyTooLargeError,
    ClientGoneError,
    Receive,
    Scope,
    Send,
    header,
    read_body,
    send_answer,
)

if TYPE_CHECKING:
    from strands.models.model import Model

_log = logging.getLogger(__name__)

MAX_BODY_BYTES = 25 * 1024 * 1024
THREADS = 4
_PATH = re.compile(r"/model/([^/]+(?:/[^/]+)*)/(converse|converse-stream)")
_MODEL_ID = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9.:/_-]{0,2047}")
_PIECE = 400
"""Characters of one delta."""


class BedrockStub:
    """An ASGI application for what is signed for `bedrock`, and its page for faults.

    Any model id is served by the playbook, which keeps no state: the same conversation gets the
    same answer. Strands is imported when the first call comes, off the event loop.

    Faults: `order` in process, or as an application under `/_redress/bedrock`, see `page`.
    """

    def __init__(self) -> None:
        self._faults = Faults()
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="bedrock")
        self._lock = threading.Lock()
        self._model: Model | None = None
        self._calls = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one call."""
        try:
            await self._serve(scope, receive, send)
        except ClientGoneError:
            return
        except BedrockError as error:
            await _send_error(send, error)
        except Exception:  # noqa: BLE001 - see below
            # The boundary to the network: a fault of the stub is an answer too, and is logged.
            _log.exception("the model stub failed")
            text = "The model stub failed; the log of the local cloud says why."
            await _send_error(send, BedrockError("InternalServerException", text))

    def order(self, order: FaultOrder) -> None:
        """Let the next calls fail."""
        self._faults.order(order)

    def close(self) -> None:
        """Let the threads go."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def page(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve `/_redress/bedrock`: GET shows {"calls", "faults_left"}.

        POST to `.../throttle` {"calls": N} or `.../fail` {"calls": N, "error": CODE, "mid_stream":
        true|false, "message": TEXT} lets the next N calls fail.
        """
        path, method = scope["path"].rstrip("/"), scope["method"]
        headers = {"Content-Type": "application/json"}
        if path == "/_redress/bedrock" and method in ("GET", "HEAD"):
            shown = {"calls": self._calls, "faults_left": self._faults.left}
        elif method == "POST" and path in ("/_redress/bedrock/throttle", "/_redress/bedrock/fail"):
            try:
                body = await read_body(scope, receive, 10_000)
                self.order(msgspec.json.decode(body, type=FaultOrder))
            except ClientGoneError:
                return
            except (BodyTooLargeError, ValueError) as error:
                text = str(error) or "the body is too long"
                await send_answer(send, 400, headers, msgspec.json.encode({"message": text}))
                return
            shown = {"faults_left": self._faults.left}
        else:
            await send_answer(send, 404, headers, b'{"message":"no such page"}')
            return
        await send_answer(send, 200, headers, msgspec.json.encode(shown))

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            body = await read_body(scope, receive, MAX_BODY_BYTES)
        except BodyTooLargeError:
            text = "Input is too long for requested model."
            raise BedrockError("ValidationException", text) from None
        match = _PATH.fullmatch(scope["path"])
        if match is None or scope["method"] != "POST":
            text = "The local cloud serves Converse and ConverseStream only."
            raise BedrockError("ValidationException", text)
        model_id, streams = match.group(1), match.group(2) == "converse-stream"
        if not header(scope, b"authorization"):
            raise BedrockError("AccessDeniedException", "Missing Authentication Token")
        if not _MODEL_ID.fullmatch(model_id):
            text = "The provided model identifier is invalid."
            raise BedrockError("ValidationException", text)
        self._calls += 1
        fault = self._faults.next()
        if fault is not None and not (fault.mid_stream and streams):
            raise BedrockError(fault.error, fault.message)
        begun = time.perf_counter()
        loop = asyncio.get_running_loop()
        turn = await loop.run_in_executor(self._pool, self._answer, model_id, body)
        latency = round((time.perf_counter() - begun) * 1_000)
        if streams:
            await _stream(send, turn, latency, fault)
        else:
            await send_answer(
                send, 200, _ids("application/json"), msgspec.json.encode(_whole(turn, latency))
            )

    def _answer(self, model_id: str, body: bytes) -> Turn:
        return take_turn(self._loaded(), read_request(model_id, body))

    def _loaded(self) -> Model:
        with self._lock:
            if self._model is None:
                self._model = load_model()
            return self._model


def _whole(turn: Turn, latency: int) -> dict[str, Any]:
    content: list[dict[str, Any]] = []
    for number, block in enumerate(turn.blocks, 1):
        is_cut = turn.stop_reason == "max_tokens" and number == len(turn.blocks)
        if block.tool is None:
            content += [{"text": block.output}] if block.output else []
        elif not is_cut:
            arguments = msgspec.json.decode(block.output or "{}")
            content.append({"toolUse": {**block.tool, "input": arguments}})
    return {
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": turn.stop_reason,
        "usage": turn.usage,
        "metrics": {"latencyMs": latency},
    }


async def _stream(send: Send, turn: Turn, latency: int, fault: FaultOrder | None) -> None:
    """Send a turn as Bedrock does: no start for a block of text, the usage last."""
    headers = [
        (name.lower().encode(), value.encode()) for name, value in _ids(frames.CONTENT_TYPE).items()
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    first = [frames.event("messageStart", {"role": "assistant"})]
    for index, block in enumerate(turn.blocks):
        if block.tool is not None:
            start = {"start": {"toolUse": block.tool}, "contentBlockIndex": index}
            first.append(frames.event("contentBlockStart", start))
        for place in range(0, len(block.output), _PIECE):
            piece = block.output[place : place + _PIECE]
            delta = {"toolUse": {"input": piece}} if block.tool is not None else {"text": piece}
            data = frames.event("contentBlockDelta", {"delta": delta, "contentBlockIndex": index})
            await send(_part(b"".join([*first, data]), True))
            first = []
            if fault is not None:
                break
        if fault is not None:
            break
        first.append(frames.event("contentBlockStop", {"contentBlockIndex": index}))
    if fault is not None:
        kind = fault.error[0].lower() + fault.error[1:]
        failure = frames.exception(kind, {"message": fault.message})
        await send(_part(b"".join([*first, failure]), False))
        return
    usage = {"usage": turn.usage, "metrics": {"latencyMs": latency}}
    last = [
        *first,
        frames.event("messageStop", {"stopReason": turn.stop_reason}),
        frames.event("metadata", usage),
    ]
    await send(_part(b"".join(last), False))


def _part(data: bytes, more: bool) -> dict[str, Any]:
    return {"type": "http.response.body", "body": data, "more_body": more}


def _ids(content_type: str) -> dict[str, str]:
    return {"Content-Type": content_type, "x-amzn-RequestId": str(uuid.uuid4())}


async def _send_error(send: Send, error: BedrockError) -> None:
    headers = {**_ids("application/json"), "x-amzn-ErrorType": error.code}
    body = msgspec.json.encode({"message": error.message})
    await send_answer(send, error.status, headers, body)
