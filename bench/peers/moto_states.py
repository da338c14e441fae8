"""moto's Step Functions interpreter: agent, then refund, with handlers called in process."""

import os

os.environ.update(AWS_ACCESS_KEY_ID="a", AWS_SECRET_ACCESS_KEY="b", AWS_DEFAULT_REGION="us-east-1")

import io
import json
import time
import zipfile
from typing import Any

import _path  # noqa: F401
import boto3
import harness
import work
from moto import mock_aws
from moto.awslambda_simple.models import LambdaSimpleBackend

ledger = work.Ledger(work.fresh_folder(harness.FOLDER, "moto") / "ledger.db")
LAMBDA = "arn:aws:states:::lambda:invoke"


def task(function: str, **fields: Any) -> dict[str, Any]:
    return {
        "Type": "Task",
        "Resource": LAMBDA,
        "Parameters": {"FunctionName": function, "Payload.$": "$"},
        "ResultSelector": {"payload.$": "$.Payload"},
        "OutputPath": "$.payload",
        **fields,
    }


MACHINE = {
    "StartAt": "Validate",
    "States": {
        "Validate": {"Type": "Pass", "Next": "Investigate"},
        "Investigate": task("investigate", Next="Decide"),
        "Decide": task("decide", Next="IsAllowed"),
        "IsAllowed": {
            "Type": "Choice",
            "Choices": [{"Variable": "$.allowed", "BooleanEquals": True, "Next": "IssueRefund"}],
            "Default": "Denied",
        },
        "IssueRefund": task("refund", Next="Done"),
        "Done": {"Type": "Succeed"},
        "Denied": {"Type": "Fail"},
    },
}


def investigate(event: dict[str, Any]) -> dict[str, Any]:
    messages: list[dict[str, Any]] = [{"role": "user", "content": event["prompt"]}]
    for name in work.SCRIPT:
        found = work.TOOLS[name]("A-1001")
        messages.append({"role": "tool", "content": json.dumps(found)})
    return {"case": event["case"], "proposal": json.loads(work.FINAL)}


def decide(event: dict[str, Any]) -> dict[str, Any]:
    return {**event, "allowed": event["proposal"]["refund_minor"] <= 10_000}


def refund(event: dict[str, Any]) -> dict[str, Any]:
    return ledger.refund(event["case"], event["proposal"]["refund_minor"])


HANDLERS = {"investigate": investigate, "decide": decide, "refund": refund}


def invoke(
    self: Any, function_name: str, qualifier: Any, body: Any, headers: Any, response_headers: Any
) -> bytes:
    return json.dumps(HANDLERS[function_name.split(":")[-1]](json.loads(body))).encode()


def main() -> None:
    LambdaSimpleBackend.invoke = invoke
    config = {"stepfunctions": {"execute_state_machine": True}, "lambda": {"use_docker": False}}
    with mock_aws(config=config):
        role = boto3.client("iam").create_role(RoleName="r", AssumeRolePolicyDocument="{}")
        arn = role["Role"]["Arn"]
        package = io.BytesIO()
        with zipfile.ZipFile(package, "w") as archive:
            archive.writestr("a.py", "")
        for name in HANDLERS:
            boto3.client("lambda").create_function(
                FunctionName=name,
                Runtime="python3.13",
                Role=arn,
                Handler="a.b",
                Code={"ZipFile": package.getvalue()},
            )
        states = boto3.client("stepfunctions")
        machine = states.create_state_machine(
            name="case", definition=json.dumps(MACHINE), roleArn=arn
        )["stateMachineArn"]

        def run(case: str) -> dict[str, Any]:
            body = json.dumps({"case": case, "prompt": work.PROMPT.format(case=case)})
            execution = states.start_execution(stateMachineArn=machine, name=case, input=body)
            while True:
                found = states.describe_execution(executionArn=execution["executionArn"])
                if found["status"] != "RUNNING":
                    return dict(json.loads(found["output"]))
                time.sleep(0.002)

        harness.measure("moto's ASL, 6 states", run, ledger.count, "no")


if __name__ == "__main__":
    main()
