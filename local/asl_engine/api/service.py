"""The Step Functions API over an engine, for boto3 and the `aws` command."""

from __future__ import annotations

import random as random_module
from collections.abc import Mapping
from typing import Any, NoReturn

from asl_engine.api.catalogue import Catalogue
from asl_engine.api.definitions import validate_definition
from asl_engine.api.executions import Executions
from asl_engine.api.histories import Histories
from asl_engine.api.machines import StateMachines
from asl_engine.api.protocol import ApiError, JsonAnswer, JsonService, Operation
from asl_engine.api.publishing import Publishing
from asl_engine.api.tagging import Tagging
from asl_engine.api.tokens import Tokens
from asl_engine.engine import Engine


class StepFunctionsApi:
    """AWS JSON 1.0 in and out; safe to call from any thread.

    Machines, versions and aliases live in the engine's journal, as executions do. What the engine
    was given before, the API takes over.

    Args:
        engine: What runs the executions. It calls tasks as it was told to when it was made.
        account: The account id in the ARNs of new machines.
        region: Their region.
        random: What an alias with two versions draws from.
    """

    def __init__(
        self,
        engine: Engine,
        *,
        account: str,
        region: str,
        random: random_module.Random | None = None,
    ) -> None:
        self.engine = engine
        self._account, self._region = account, region
        catalogue = Catalogue(engine.journal)
        machines = StateMachines(
            engine,
            catalogue,
            prefix=f"arn:aws:states:{region}:{account}",
            random=random or random_module.Random(),  # noqa: S311 - shares of a load
        )
        executions = self._executions = Executions(engine, machines)
        tokens, tagging = Tokens(engine), Tagging(catalogue)
        publishing = Publishing(catalogue, engine.clock)
        operations: dict[str, Operation] = {
            "CreateStateMachine": machines.create,
            "UpdateStateMachine": machines.update,
            "DeleteStateMachine": machines.delete,
            "DescribeStateMachine": machines.describe,
            "ListStateMachines": machines.list,
            "TagResource": tagging.tag,
            "UntagResource": tagging.untag,
            "ListTagsForResource": tagging.tags,
            "PublishStateMachineVersion": publishing.publish,
            "ListStateMachineVersions": publishing.versions,
            "DeleteStateMachineVersion": publishing.delete_version,
            "CreateStateMachineAlias": publishing.create_alias,
            "UpdateStateMachineAlias": publishing.update_alias,
            "DescribeStateMachineAlias": publishing.describe_alias,
            "ListStateMachineAliases": publishing.aliases,
            "DeleteStateMachineAlias": publishing.delete_alias,
            "StartExecution": executions.start,
            "StartSyncExecution": executions.start_sync,
            "DescribeExecution": executions.describe,
            "DescribeStateMachineForExecution": executions.machine_of,
            "ListExecutions": executions.list,
            "GetExecutionHistory": Histories(engine, executions).get,
            "StopExecution": executions.stop,
            "RedriveExecution": executions.redrive,
            "SendTaskSuccess": tokens.succeed,
            "SendTaskFailure": tokens.fail,
            "SendTaskHeartbeat": tokens.heartbeat,
            "ListMapRuns": executions.map_runs,
            "DescribeMapRun": executions.map_run,
            "UpdateMapRun": executions.map_run,
            "ValidateStateMachineDefinition": lambda request: validate_definition(engine, request),
            "TestState": self._test_state,
            "CreateActivity": _no_activities,
            "DescribeActivity": _no_activities,
            "DeleteActivity": _no_activities,
            "GetActivityTask": _no_activities,
            "ListActivities": lambda _request: {"activities": []},
        }
        self._service = JsonService("stepfunctions", operations)

    def handle(self, target: str, body: bytes) -> JsonAnswer:
        """Answer one request; never raises. It may block: call it in a thread.

        Args:
            target: The `X-Amz-Target` header: `AWSStepFunctions.StartExecution`.
            body: The request's body.
        """
        return self._service.handle(target, body)

    def close(self) -> None:
        """Let go of the callers that wait for an execution. The engine is its owner's to close."""
        self._executions.close()

    def _test_state(self, request: dict[str, Any]) -> Mapping[str, Any]:
        # Imported when it is asked for: the rest of the API does without it.
        from asl_engine.test_state import test_state

        return test_state(
            request,
            integrations=self.engine.registry,
            clock=self.engine.clock,
            account=self._account,
            region=self._region,
        )


def _no_activities(_request: dict[str, Any]) -> NoReturn:
    raise ApiError(
        "UnknownOperationException",
        "activities are not served here: let the task wait with .waitForTaskToken",
    )
