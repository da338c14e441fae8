"""The emulated cloud from outside, and what its parts stand beside; prints one JSON line.

    python bench/emulated.py calls         our gateway: start, and CPU of calls of each kind
    python bench/emulated.py moto          moto's own server: the same DynamoDB calls, 12 states
    python bench/emulated.py rie           AWS's Runtime Interface Emulator: warm invocations
    python bench/emulated.py cases 200     so many cases at once, twice; stop; what is left

Servers run in processes of their own, and only their CPU counts, not the client's here.
"""

import contextlib
import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import psutil
from botocore.config import Config

ROOT = Path(__file__).resolve().parents[1]
CALLS, WARM, STATES = 400, 40, 12
EXECUTIONS = 40
MOST_SECONDS = 400.0
TICK = os.sysconf("SC_CLK_TCK")
ENVIRONMENT = {
    name: value
    for name, value in os.environ.items()
    if not name.startswith(("AWS_", "MOTO_", "REDRESS_"))
}
HANDLER = "def handler(event, context):\n    return event\n"
EVENT = json.dumps({"order_id": "A-1001", "items": list(range(20))}).encode()
PASSES = {
    "StartAt": "S1",
    "States": {
        f"S{n}": {"Type": "Pass"} | ({"Next": f"S{n + 1}"} if n < STATES else {"End": True})
        for n in range(1, STATES + 1)
    },
}
CUSTOMERS_PER_CASE, SEED = 1.6, 5


def client(service: str, url: str) -> Any:
    """A boto3 client of a server on this machine."""
    return boto3.client(
        service,
        endpoint_url=url,
        region_name="us-east-1",
        aws_access_key_id="test",
        aws_secret_access_key="test",
        config=Config(inject_host_prefix=False, retries={"max_attempts": 1}, read_timeout=90),
    )


def spent(pid: int, *, with_ended: bool = False) -> float:
    """CPU seconds of a process; with those of its children that ended and were waited for."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(int(field) for field in fields[11 : 15 if with_ended else 13]) / TICK


def memory_kb(pid: int) -> int:
    """What a process holds that it shares with no other."""
    return int(psutil.Process(pid).memory_full_info().uss) // 1024


def repeat(call: Callable[[int], Any], cpu: Callable[[], Counter[str]], count: int = CALLS) -> Any:
    """CPU milliseconds of each part of a server per call, after some that do not count."""
    for number in range(WARM):
        call(number)
    before = cpu()
    for number in range(WARM, WARM + count):
        call(number)
    after = cpu()
    return {part: (after[part] - before[part]) / count * 1e3 for part in after}


def dynamodb_calls(url: str, cpu: Callable[[], Counter[str]]) -> dict[str, float]:
    """Put, get and query one item, in turn; mean of one call."""
    dynamodb = client("dynamodb", url)
    keys = (("pk", "HASH"), ("sk", "RANGE"))
    dynamodb.create_table(
        TableName="bench",
        BillingMode="PAY_PER_REQUEST",
        AttributeDefinitions=[{"AttributeName": k, "AttributeType": "S"} for k, _ in keys],
        KeySchema=[{"AttributeName": k, "KeyType": kind} for k, kind in keys],
    )

    def three(number: int) -> None:
        key = {"pk": {"S": f"case#{number}"}, "sk": {"S": "case"}}
        dynamodb.put_item(TableName="bench", Item={**key, "document": {"S": EVENT.decode()}})
        dynamodb.get_item(TableName="bench", Key=key)
        dynamodb.query(
            TableName="bench",
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": key["pk"]},
        )

    return {part: value / 3 for part, value in repeat(three, cpu, CALLS // 2).items()}


def state_machine(url: str, cpu: Callable[[], Counter[str]], language: str) -> dict[str, float]:
    """Start 12 Pass states and ask every 20 ms whether they are done."""
    states = client("stepfunctions", url)
    definition = json.dumps({**PASSES, "QueryLanguage": language})
    arn = states.create_state_machine(
        name="bench", definition=definition, roleArn="arn:aws:iam::000000000000:role/bench"
    )["stateMachineArn"]

    def one(number: int) -> None:
        run = states.start_execution(stateMachineArn=arn, name=f"run-{number}", input="{}")
        while True:
            time.sleep(0.02)
            found = states.describe_execution(executionArn=run["executionArn"])
            if found["status"] != "RUNNING":
                break
        if found["status"] != "SUCCEEDED":
            raise SystemExit(f"void: {found}")

    return dict(repeat(one, cpu, EXECUTIONS))


class Cloud:
    """`redress up --emulated` as a process of its own."""

    def __init__(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "redress_local.cli.main", "up", "--emulated", "--json"]
        began = time.monotonic()
        self.process = subprocess.Popen(
            [*command, "--port", "0", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=ROOT,
            env=ENVIRONMENT,
            text=True,
        )
        assert self.process.stdout is not None
        text = ""
        while line := self.process.stdout.readline():
            text += line
            with contextlib.suppress(ValueError):
                self.told = json.loads(text)
                break
        else:
            raise SystemExit("redress up did not start")
        self.start_seconds = time.monotonic() - began
        self.url: str = self.told["endpoint_url"]
        self.pid = self.process.pid
        self._main = psutil.Process(self.pid)
        self._known: dict[int, psutil.Process] = {}

    def cpu(self) -> Counter[str]:
        """CPU seconds so far: main, moto, workers (those that ended, and their zygote, too)."""
        found = Counter({"main": spent(self.pid), "moto": 0.0, "workers": 0.0})
        for child in self._main.children(recursive=True):
            with contextlib.suppress(psutil.Error):
                moto = "redress_local.emulated.moto.serve" in child.cmdline()
                found["moto" if moto else "workers"] += spent(child.pid, with_ended=not moto)
                self._known[child.pid] = child
        return found

    def settle(self) -> None:
        """Wait until the processes that were started ahead are idle."""
        before = self.cpu().total()
        while True:
            time.sleep(1.0)
            now = self.cpu().total()
            if now - before < 0.1:
                return
            before = now

    def stop(self) -> dict[str, float]:
        """Stop it as an operator does; how long that takes, and how many processes are left."""
        self.cpu()
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)
        seconds = time.monotonic() - began
        left = sum(one.is_running() for one in self._known.values())
        return {"stop_s": seconds, "left": left}


def calls() -> dict[str, Any]:
    """One cloud, and a few hundred calls of each kind."""
    cloud = Cloud()
    try:
        cloud.settle()
        functions = client("lambda", cloud.url)
        package = io.BytesIO()
        with zipfile.ZipFile(package, "w") as archive:
            archive.writestr("handler.py", HANDLER)
        functions.create_function(
            FunctionName="bench",
            Runtime="python3.13",
            Role="arn:aws:iam::000000000000:role/bench",
            Handler="handler.handler",
            Code={"ZipFile": package.getvalue()},
        )
        invoked = repeat(
            lambda _: functions.invoke(FunctionName="bench", Payload=EVENT)["Payload"].read(),
            cloud.cpu,
        )
        events = client("events", cloud.url)
        entry = {"Source": "bench", "DetailType": "Bench", "Detail": EVENT.decode()}
        put = repeat(lambda _: events.put_events(Entries=[entry]), cloud.cpu)
        dynamodb = dynamodb_calls(cloud.url, cloud.cpu)
        states = state_machine(cloud.url, cloud.cpu, "JSONata")
        return {
            "start_s": cloud.start_seconds,
            "invoke_host_ms": invoked["main"],
            "invoke_worker_ms": invoked["workers"],
            "put_events_ms": put["main"],
            "dynamodb_hop_ms": dynamodb["main"],
            "dynamodb_moto_ms": dynamodb["moto"],
            "states_ms": states["main"],
            **cloud.stop(),
        }
    finally:
        cloud.process.kill()


@contextlib.contextmanager
def server(command: list[str], url: str, **environment: str) -> Iterator[psutil.Process]:
    """A peer's server, until the block ends."""
    process = subprocess.Popen(
        command,
        env={**ENVIRONMENT, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        until = time.monotonic() + 30
        while True:
            try:
                # Any answer will do.
                urllib.request.urlopen(url, timeout=10).read()
                break
            except urllib.error.HTTPError:
                break
            except OSError:
                if time.monotonic() > until or process.poll() is not None:
                    raise SystemExit(f"{command[0]} did not start") from None
                time.sleep(0.1)
        yield psutil.Process(process.pid)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def free_port() -> int:
    """A port that nobody has now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def moto() -> dict[str, Any]:
    """The server of moto itself, as `moto_server` runs it, with its interpreter switched on."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-c", "from moto.server import main; main()", "-p", str(port)]
    extra = {"MOTO_PORT": str(port), "SF_EXECUTION_HISTORY_TYPE": "SUCCESS"}
    with server(command, url, **extra) as process:
        config = json.dumps({"stepfunctions": {"execute_state_machine": True}}).encode()
        post = urllib.request.Request(f"{url}/moto-api/config", config, method="POST")
        post.add_header("Content-Type", "application/json")
        urllib.request.urlopen(post).read()

        def cpu() -> Counter[str]:
            return Counter(moto=spent(process.pid))

        return {
            "moto_dynamodb_ms": dynamodb_calls(url, cpu)["moto"],
            "moto_states_ms": state_machine(url, cpu, "JSONPath")["moto"],
        }


def rie() -> dict[str, Any]:
    """AWS's emulator, which the SAM CLI brings, on the same function."""
    found = sorted((ROOT / ".tools" / "sam").rglob("aws-lambda-rie-x86_64"))
    if not found or os.uname().machine != "x86_64":
        return {}
    folder = Path(os.environ.get("BENCH_FOLDER", "/tmp")) / f"rie-{os.getpid()}"
    folder.mkdir(parents=True)
    (folder / "handler.py").write_text(HANDLER)
    emulator = folder / "rie"
    emulator.write_bytes(found[0].read_bytes())
    emulator.chmod(0o755)
    port, api = free_port(), free_port()
    url = f"http://127.0.0.1:{port}"
    command = [str(emulator), "--log-level", "error"]
    command += ["--runtime-interface-emulator-address", f"127.0.0.1:{port}"]
    command += ["--runtime-api-address", f"127.0.0.1:{api}"]
    command += [sys.executable, "-m", "awslambdaric", "handler.handler"]
    more = {"AWS_LAMBDA_FUNCTION_NAME": "function", "LAMBDA_TASK_ROOT": str(folder)}
    with server(command, url, PYTHONPATH=str(folder), **more) as process:
        functions = client("lambda", url)

        def cpu() -> Counter[str]:
            parts = Counter(host=spent(process.pid), worker=0.0)
            for child in process.children(recursive=True):
                parts["worker"] += spent(child.pid)
            return parts

        def one(_: int) -> None:
            if functions.invoke(FunctionName="function", Payload=EVENT)["Payload"].read() != EVENT:
                raise SystemExit("void: the emulator answered otherwise")

        cost = repeat(one, cpu)
    return {"rie_host_ms": cost["host"], "rie_worker_ms": cost["worker"]}


class Cases:
    """The cases of a generated shop on a cloud."""

    def __init__(self, cloud: Cloud, labels: Any) -> None:
        from redress.adapters.aws.repository import DynamoDbRepository

        self.cloud, self.labels = cloud, labels
        self.events = client("events", cloud.url)
        self.states = client("stepfunctions", cloud.url)
        self.functions = client("lambda", cloud.url)
        self.dynamodb = client("dynamodb", cloud.url)
        self.machine = cloud.told["outputs"]["ResolveCaseMachineArn"]
        tables: dict[str, str] = {}
        self.bus = ""
        for function in self.functions.list_functions()["Functions"]:
            variables = function.get("Environment", {}).get("Variables", {})
            self.bus = variables.get("REDRESS_BUS_NAME", self.bus)
            tables |= {k: v for k, v in variables.items() if k.endswith("_TABLE")}
            if "answer" in function["FunctionName"].lower():
                self.answer = function["FunctionName"]
        self.cases, *self.domains = (
            DynamoDbRepository(tables[f"REDRESS_{name}_TABLE"], self.dynamodb)
            for name in ("CASES", "INVENTORY", "PAYMENTS", "ORDERS")
        )
        self.opened = 0
        self._answered: set[str] = set()
        self._refunded = {label.case_id: self._refunds(label) for label in labels.cases}

    def run(self, labels: Any) -> float:
        """Open cases all at once, approve what asks, wait for the last; seconds."""
        from redress.models.base import dump, dump_json
        from redress_local.shop.labels import to_case_opened

        entries = [
            {
                "EventBusName": self.bus,
                "Source": "bench",
                "DetailType": "CaseOpened",
                "Detail": dump_json(to_case_opened(label, self.labels.as_of)).decode(),
                "Time": dump(self.labels.as_of),
            }
            for label in labels
        ]
        began = time.monotonic()
        for first in range(0, len(entries), 10):
            if self.events.put_events(Entries=entries[first : first + 10])["FailedEntryCount"]:
                raise SystemExit("void: the bus refused a case")
        self.opened += len(entries)
        while self._running():
            if time.monotonic() - began > MOST_SECONDS:
                raise SystemExit("void: the cases do not end")
            time.sleep(2.0)
        return time.monotonic() - began

    def _running(self) -> bool:
        for record in self.cases.by_index("status#awaiting_approval"):
            case_id = record.partition.removeprefix("case#")
            if record.sort == "case" and case_id not in self._answered:
                self._answered.add(case_id)
                answer = {"case_id": case_id, "decision": "approve", "approver": "bench"}
                self.functions.invoke(FunctionName=self.answer, Payload=json.dumps(answer).encode())
        pages = self.states.get_paginator("list_executions").paginate(stateMachineArn=self.machine)
        statuses = Counter(one["status"] for page in pages for one in page["executions"])
        return statuses.total() < self.opened or bool(statuses["RUNNING"])

    def wrong(self) -> int:
        """How many cases did not do what their label expects, or paid more than once for it."""
        return sum(self._is_wrong(label) for label in self.labels.cases)

    def _is_wrong(self, label: Any) -> bool:
        due = sorted((a.action, a.subject_id, a.amount_minor) for a in label.expected_actions)
        paid = self._refunds(label) - self._refunded[label.case_id]
        return self._done(label) != due or paid != sum(a[0].startswith("refund") for a in due)

    def _done(self, label: Any) -> list[Any]:
        from redress.steps.effects import effects_of

        # An action may have steps in several domains.
        actions = {
            (record.action.action, record.action.subject_id, record.action.amount_minor)
            for repository in self.domains
            for record in effects_of(repository, label.case_id)
            if record.effect.state == "done"
        }
        return sorted(action for action in actions if action[0] != "reserve_stock")

    def _refunds(self, label: Any) -> int:
        from redress.domains.payments.gateway import load_payments

        return len(load_payments(self.domains[1], label.order_id).refunds)


def cases(count: int) -> dict[str, Any]:
    """So many cases at once, and as many again: CPU by part, memory, and whether each is right."""
    from redress_local.shop.files import write_json
    from redress_local.shop.generator import generate_shop

    shop, labels = generate_shop(customers=int(2 * count * CUSTOMERS_PER_CASE), seed=SEED)
    labels = type(labels)(schema_version="1", as_of=labels.as_of, cases=labels.cases[: 2 * count])
    folder = Path(os.environ.get("BENCH_FOLDER", "/tmp"))
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"shop-{os.getpid()}.json"
    write_json(file, shop)
    cloud = Cloud("--shop", str(file))
    try:
        cloud.settle()
        world = Cases(cloud, labels)
        before = cloud.cpu()
        seconds = world.run(labels.cases[:count])
        middle, held = cloud.cpu(), memory_kb(cloud.pid)
        world.run(labels.cases[count:])
        grown = memory_kb(cloud.pid) - held
        wrong = world.wrong()
        per_case = {part: (middle[part] - before[part]) / count * 1e3 for part in middle}
        return {
            "cases": count,
            "seconds": seconds,
            "main_ms": per_case["main"],
            "moto_ms": per_case["moto"],
            "workers_ms": per_case["workers"],
            "main_mb": held / 1024,
            "grown_kb": grown / count,
            "wrong": wrong,
            **cloud.stop(),
        }
    finally:
        cloud.process.kill()
        file.unlink(missing_ok=True)


def main() -> None:
    part = sys.argv[1]
    parts: dict[str, Callable[[], dict[str, Any]]] = {
        "calls": calls,
        "moto": moto,
        "rie": rie,
        "cases": lambda: cases(int(sys.argv[2])),
    }
    print(json.dumps(parts[part]()))


if __name__ == "__main__":
    main()
