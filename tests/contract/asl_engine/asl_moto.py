"""moto's Step Functions interpreter as an oracle; every patch of its private API is here.

Each patch says what is wrong without it. moto 5.2.5 is pinned; a new version may need none of them.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from types import SimpleNamespace
from typing import Any
from unittest import mock

import jsonata
from asl_engine import TaskError
from asl_oracles import Call, Outcome, Stub
from jsonata.utils import Utils
from moto import mock_aws
from moto.stepfunctions.parser.asl.component.common.retry import retrier_decl
from moto.stepfunctions.parser.asl.component.state.exec.state_parallel import branch_worker
from moto.stepfunctions.parser.asl.component.state.exec.state_task import lambda_eval_utils
from moto.stepfunctions.parser.asl.eval import states as moto_states
from moto.stepfunctions.parser.asl.eval import variable_store
from moto.stepfunctions.parser.asl.jsonata import jsonata as moto_jsonata
from moto.stepfunctions.parser.backend import execution as moto_execution
from moto.stepfunctions.parser.models import stepfunctions_parser_backends

_ACCOUNT, _REGION = "123456789012", "us-east-1"
_ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": _REGION,
}

_UNDEFINED = "an evaluation error is reported as States.Runtime, and not caught"
_OLD_VALUES = "a state's Assign is visible to its own Output"
_TIMEOUT = "no time passes here, and a function cannot fail with States.Timeout"
_LAMBDA_ONLY = "only lambda:invoke is stubbed"
UNFAITHFUL = {
    "assign-then-read": _OLD_VALUES,
    "assign-is-old-in-output": _OLD_VALUES,
    "choice-none": "States.NoChoiceMatched is reported as States.Runtime",
    "choice-not-boolean": "a Condition that is not a boolean is States.Runtime",
    "wait": "it waits for real",
    "wait-timestamp": "it parses whole seconds only",
    "wait-negative": "it does not check the number",
    "wait-bad-timestamp": _UNDEFINED,
    "task-failed-is-not-timeout": _TIMEOUT,
    "catch-timeout": _TIMEOUT,
    "undefined-argument": _UNDEFINED,
    "undefined-output": _UNDEFINED,
    "undefined-is-not-task-failed": _UNDEFINED,
    "evaluation-error-is-retried": _UNDEFINED,
    "undefined-in-pass": _UNDEFINED,
    "wait-for-token": _LAMBDA_ONLY,
    "child": _LAMBDA_ONLY,
    "put-events": _LAMBDA_ONLY,
    "functions": "$hash gives placeholder text",
}
"""Cases of `asl_cases` that moto gets wrong or cannot run here, with the reason."""


def _evaluate(expression: str) -> Any:
    try:
        program = jsonata.Jsonata(expression)
        program.set_output_convert_nulls(False)
        result = program.evaluate(None)
    except jsonata.JException as error:
        raise moto_jsonata.JSONataException("UNKNOWN", str(error)) from None
    if result is None:
        # moto takes None for JSON null; in Step Functions an undefined result is an error.
        raise moto_jsonata.JSONataException("UNKNOWN", f"{expression} is undefined")
    return Utils.convert_nulls(result)


def _declarations(bindings: Mapping[str, Any]) -> str:
    # The context object's times are datetime objects.
    return "".join(f"{name}:={json.dumps(value, default=str)};" for name, value in bindings.items())


def _start_and_wait(worker: branch_worker.BranchWorker, start: Callable[[Any], None]) -> None:
    start(worker)
    assert worker._worker_thread is not None
    worker._worker_thread.join()


@contextlib.contextmanager
def _patched(
    stub: Stub, calls: list[Call], causes: dict[str, str], over: threading.Event
) -> Iterator[None]:
    def invoke(env: Any, parameters: dict[str, Any], region: str, state_credentials: Any) -> None:
        state = env.states.context_object.context_object_data["State"]["Name"]
        arguments = {**parameters, "Payload": json.loads(parameters["Payload"])}
        call = Call(state, "arn:aws:states:::lambda:invoke", arguments)
        calls.append(call)
        try:
            result = stub(call)
        except TaskError as error:
            document = {"errorType": error.error, "errorMessage": error.cause}
            text = json.dumps(document)
            causes[text] = error.cause
            raise lambda_eval_utils.LambdaFunctionErrorException("Unhandled", text) from None
        env.stack.append(result)

    reflect = moto_execution.BaseExecutionWorkerCommunication.terminated

    def terminated(communication: Any) -> None:
        reflect(communication)
        over.set()

    with (
        mock.patch.dict(os.environ, _ENVIRONMENT),
        # JSONata evaluation was done in a JVM that moto does not ship (getmoto/moto#10105).
        mock.patch.object(moto_jsonata, "_eval_jsonata", _evaluate),
        # Strings with quotes break the declarations that hand variables to an expression.
        mock.patch.object(moto_states, "encode_jsonata_variable_declarations", _declarations),
        mock.patch.object(variable_store, "encode_jsonata_variable_declarations", _declarations),
        # Functions are called over HTTP or in Docker; here the stub answers.
        mock.patch.object(lambda_eval_utils, "execute_lambda_function_integration", invoke),
        # Branches race: whether one calls its task before another one fails is chance. The engine
        # runs them in order, so here each waits for the one before.
        mock.patch.object(
            branch_worker.BranchWorker,
            "start",
            functools.partialmethod(_start_and_wait, branch_worker.BranchWorker.start),
        ),
        # An execution has its last status before it has its output.
        mock.patch.object(
            moto_execution.BaseExecutionWorkerCommunication, "terminated", terminated
        ),
        # Backoffs pass in real time.
        mock.patch.object(retrier_decl, "time", SimpleNamespace(sleep=lambda _: None)),
    ):
        yield


def _status(execution: Any) -> str:
    status = getattr(execution, "exec_status", None) or execution.status
    return str(getattr(status, "value", status))


def run_on_moto(definition: Mapping[str, Any], value: Any, stub: Stub) -> Outcome:
    """Run on moto's interpreter; machines whose only tasks are lambda:invoke."""
    calls: list[Call] = []
    # A function's error reaches moto as the document that Lambda would make of it.
    causes: dict[str, str] = {}
    over = threading.Event()
    with (
        _patched(stub, calls, causes, over),
        mock_aws(config={"stepfunctions": {"execute_state_machine": True}}),
    ):
        backend = stepfunctions_parser_backends[_ACCOUNT][_REGION]
        role = f"arn:aws:iam::{_ACCOUNT}:role/r"
        machine = backend.create_state_machine(
            name=f"m-{uuid.uuid4()}", definition=json.dumps(definition), roleArn=role
        )
        # Without a name the execution's ARN ends in ":None".
        started = backend.start_execution(machine.arn, f"e-{uuid.uuid4()}", json.dumps(value))
        execution = backend.describe_execution(started.execution_arn)
        assert over.wait(20), "moto does not end"
    cause = getattr(execution, "cause", None)
    return Outcome(
        _status(execution),
        _plain(_output(getattr(execution, "output", None)), causes),
        getattr(execution, "error", None),
        causes.get(cause, cause),
        calls,
    )


def _output(text: Any) -> Any:
    try:
        return json.loads(text) if isinstance(text, str) else text
    except ValueError:
        # An output that is a string is not encoded.
        return text


def _plain(value: Any, causes: dict[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _plain(inner, causes) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner, causes) for inner in value]
    return causes.get(value, value) if isinstance(value, str) else value
