"""One A2A message by Strands' own client as it comes, `A2AAgent(url)`; prints one JSON line.

- new: an agent object for this message, as an agent is made for each invocation of a function: it
  fetches the card, then sends the message, each over an HTTP client that it makes for it.
- kept: the agent object and its card are kept; the HTTP client is made anew all the same.

The server answers at once with a finished task that holds the same report: no tokens, no
signatures, no store. Client and server run in this process, whose CPU clock counts both.
"""

import json
import logging
import socket
import statistics
import threading
import time
from collections.abc import Callable

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route
from strands.agent.a2a_agent import A2AAgent

BLOCKS, MESSAGES, WARM = 5, 12, 4
REPORT = {
    "domain": "orders",
    "summary": "Found.",
    "evidence": {
        "domain": "orders",
        "items": [{"evidence_id": "orders/1", "facts": {"minor": 4999, "rate": 0.5}}],
    },
}


async def card(request: Request) -> JSONResponse:
    return JSONResponse(
        {
            "name": "orders",
            "description": "orders",
            "version": "1.0.0",
            "protocolVersion": "0.3.0",
            "url": str(request.base_url),
            "preferredTransport": "JSONRPC",
            "capabilities": {"streaming": False},
            "defaultInputModes": ["text/plain"],
            "defaultOutputModes": ["application/json"],
            "skills": [],
        }
    )


async def answer(request: Request) -> JSONResponse:
    body = await request.json()
    assert body["method"] == "message/send"
    said = body["params"]["message"]["messageId"]
    task = {
        "kind": "task",
        "id": f"task-{said}",
        "contextId": "context-1",
        "status": {"state": "completed"},
        # Strands' client reads text only.
        "artifacts": [
            {
                "artifactId": "a",
                "name": "report",
                "parts": [{"kind": "text", "text": json.dumps(REPORT)}],
            }
        ],
    }
    return JSONResponse({"jsonrpc": "2.0", "id": body["id"], "result": task})


def serve() -> str:
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    routes = [
        Route("/.well-known/agent-card.json", card),
        Route("/", answer, methods=["POST"]),
    ]
    config = uvicorn.Config(Starlette(routes=routes), log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    threading.Thread(target=server.run, args=([listener],), daemon=True).start()
    while not server.started:
        time.sleep(0.01)
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


def main() -> None:
    logging.disable(logging.CRITICAL)
    url = serve()
    kept = A2AAgent(url)
    ways: dict[str, Callable[[], A2AAgent]] = {"new": lambda: A2AAgent(url), "kept": lambda: kept}
    found: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
    for block in range(-1, BLOCKS):
        for name, agent in ways.items():
            times = MESSAGES if block >= 0 else WARM
            cpu, wall = time.process_time(), time.perf_counter()
            for number in range(times):
                result = agent()(f"What was charged? {block} {number}")
                assert "orders/1" in json.dumps(result.message), result.message
            if block >= 0:
                spent = time.process_time() - cpu, time.perf_counter() - wall
                found[name].append((spent[0] * 1000 / times, spent[1] * 1000 / times))
    row: dict[str, float] = {}
    for name, blocks in found.items():
        row[f"{name}_cpu_ms"] = statistics.median(cpu for cpu, _ in blocks)
        row[f"{name}_wall_ms"] = statistics.median(wall for _, wall in blocks)
    print(json.dumps(row))


if __name__ == "__main__":
    main()
