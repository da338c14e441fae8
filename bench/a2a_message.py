"""One A2A message of ours, from question to report; prints one JSON line.

`DomainAgents.ask` over HTTP on loopback to a domain's own app behind uvicorn: a grant is exchanged
for a token, the token checked and used up, a durable task put, started, ended and answered, the
report checked. What is left out is the agent's own work: the task is ended at once. One client and
one server live as long as the process, whose CPU clock counts both.
"""

import json
import logging
import socket
import statistics
import sys
import threading
import time
from pathlib import Path

import httpx
import uvicorn

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "support"))

from a2a_world import A2AWorld
from redress.a2a.client import DomainAgents

BLOCKS, MESSAGES, WARM = 5, 60, 20


def serve(world: A2AWorld) -> str:
    """Serve the orders agent on loopback until the process ends."""
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    config = uvicorn.Config(world.apps["orders"], log_level="error", lifespan="off")
    server = uvicorn.Server(config)
    threading.Thread(target=server.run, args=([listener],), daemon=True).start()
    while not server.started:
        time.sleep(0.01)
    return f"http://127.0.0.1:{listener.getsockname()[1]}"


def main() -> None:
    logging.disable(logging.CRITICAL)
    world = A2AWorld()
    http = httpx.Client(trust_env=False)
    urls = {"orders": f"{serve(world)}/a2a/orders"}
    agents = DomainAgents(urls, http, world.broker, world.card_key)
    case = world.case()
    cpu, wall = [], []
    asked = 0
    for block in range(-1, BLOCKS):
        times = MESSAGES if block >= 0 else WARM
        started = time.process_time(), time.perf_counter()
        for _ in range(times):
            asked += 1
            report = agents.ask("orders", case, f"What was charged? {asked}", case.grant_id)
            assert report.evidence.items[0].evidence_id == "orders/1"
        if block >= 0:
            cpu.append((time.process_time() - started[0]) * 1000 / times)
            wall.append((time.perf_counter() - started[1]) * 1000 / times)
    assert len(world.starter.started) == asked
    row = {"cpu_ms": statistics.median(cpu), "wall_ms": statistics.median(wall)}
    print(json.dumps(row))


if __name__ == "__main__":
    main()
