"""CPU of 12 states with trivial handlers: `ours` on our engine and journal, `moto` on moto's."""

import io
import json
import os
import sys
import time
import zipfile
from collections.abc import Callable
from typing import Any

import harness
import loop_machine
import msgspec
import work

RUNS = {"ours": 200, "moto": 30}


def ours() -> Callable[[str], Any]:
    """Return a runner on our engine, journalled to SQLite."""
    from asl_engine import Engine, SqliteJournal, compile_machine

    folder = work.fresh_folder(harness.FOLDER, "engine")

    def invoke(function: str, payload: bytes) -> bytes:
        return msgspec.json.encode(loop_machine.HANDLERS[function](msgspec.json.decode(payload)))

    engine = Engine(journal=SqliteJournal(folder / "journal.db"), lambda_invoker=invoke)
    machine = engine.register(compile_machine(loop_machine.JSONATA, name="loop"))
    return lambda case: engine.run(machine, loop_machine.first_input(case), name=case).output


def moto() -> Callable[[str], Any]:
    """Return a runner on moto's interpreter, in memory."""
    os.environ.update(
        AWS_ACCESS_KEY_ID="a", AWS_SECRET_ACCESS_KEY="b", AWS_DEFAULT_REGION="us-east-1"
    )
    import boto3
    from moto import mock_aws
    from moto.awslambda_simple.models import LambdaSimpleBackend

    def invoke(
        self: Any, function_name: str, qualifier: Any, body: Any, headers: Any, response: Any
    ) -> bytes:
        name = function_name.split(":")[-1]
        return json.dumps(loop_machine.HANDLERS[name](json.loads(body))).encode()

    LambdaSimpleBackend.invoke = invoke
    config = {"stepfunctions": {"execute_state_machine": True}, "lambda": {"use_docker": False}}
    mock_aws(config=config).start()
    role = boto3.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument="{}")
    arn = role["Role"]["Arn"]
    package = io.BytesIO()
    with zipfile.ZipFile(package, "w") as archive:
        archive.writestr("a.py", "")
    for name in loop_machine.HANDLERS:
        boto3.client("lambda").create_function(
            FunctionName=name,
            Runtime="python3.13",
            Role=arn,
            Handler="a.b",
            Code={"ZipFile": package.getvalue()},
        )
    states = boto3.client("stepfunctions")
    machine = states.create_state_machine(
        name="loop", definition=json.dumps(loop_machine.JSONPATH), roleArn=arn
    )["stateMachineArn"]

    def run(case: str) -> Any:
        body = json.dumps(loop_machine.first_input(case))
        started = states.start_execution(stateMachineArn=machine, name=case, input=body)
        while True:
            found = states.describe_execution(executionArn=started["executionArn"])
            if found["status"] != "RUNNING":
                return json.loads(found["output"])
            time.sleep(0.005)

    return run


def main() -> None:
    kind = sys.argv[1]
    run = {"ours": ours, "moto": moto}[kind]()
    for index in range(5):
        harness.check(run(f"warm-{index}"))
    cpu = time.process_time()
    for index in range(RUNS[kind]):
        harness.check(run(f"case-{index}"))
    cpu = time.process_time() - cpu
    row = {"engine": kind, "cpu_ms": cpu / RUNS[kind] * 1e3, "states": loop_machine.STATES}
    print(json.dumps(row))
    sys.stdout.flush()
    os._exit(0)  # moto's worker threads would keep the process


if __name__ == "__main__":
    main()
