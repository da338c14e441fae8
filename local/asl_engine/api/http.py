"""The Step Functions API as an ASGI application: `POST /` with an `X-Amz-Target`."""

from __future__ import annotations

from typing import Protocol

import anyio
import anyio.to_thread
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from asl_engine.api.protocol import JsonAnswer

MAX_BODY_BYTES = 4 * 1024 * 1024
"""Above every request that the service model allows: a definition has a mebibyte of text."""
_THREADS = 100


class Handler(Protocol):
    """What answers: a `StepFunctionsApi` or any other `JsonService`."""

    def handle(self, target: str, body: bytes) -> JsonAnswer:
        """Answer one request."""


def asgi_app(api: Handler) -> Starlette:
    """An application that hands every `POST /` to the API, each in a thread."""
    limiter: anyio.CapacityLimiter | None = None

    async def post(request: Request) -> Response:
        nonlocal limiter
        if limiter is None:
            # StartSyncExecution holds its thread until the execution is over.
            limiter = anyio.CapacityLimiter(_THREADS)
        body = bytearray()
        async for chunk in request.stream():
            body += chunk
            if len(body) > MAX_BODY_BYTES:
                return Response('{"__type":"RequestEntityTooLargeException"}', status_code=413)
        target = request.headers.get("x-amz-target", "")
        answer = await anyio.to_thread.run_sync(api.handle, target, bytes(body), limiter=limiter)
        return Response(answer.body, status_code=answer.status, headers=answer.headers)

    return Starlette(routes=[Route("/", post, methods=["POST"])])
