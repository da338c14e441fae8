"""Starting the work on A2A tasks: an execution of run_task for each."""

from typing import Any

from redress.adapters.aws.clients import AWS_ERRORS, client, error_code, translated
from redress.models.agents import AgentTask
from redress.models.base import dump_json

_STARTED_BEFORE = "ExecutionAlreadyExists"


class StepFunctionsStarter:
    """A `TaskStarter` that starts an execution named after its task: there is one of each name.

    Args:
        machine_arn: Of the machine run_task.
        stepfunctions: A low-level client, by default this process's own.
    """

    def __init__(self, machine_arn: str, stepfunctions: Any = None) -> None:
        self._machine_arn = machine_arn
        self._stepfunctions = stepfunctions or client("stepfunctions")

    def start(self, task: AgentTask) -> None:
        """Start once, however often it is called for a task.

        Raises:
            DependencyUnavailableError: Step Functions did not answer.
        """
        try:
            self._stepfunctions.start_execution(
                stateMachineArn=self._machine_arn,
                name=task.task_id,
                input=dump_json(task).decode(),
            )
        except AWS_ERRORS as error:
            if error_code(error) != _STARTED_BEFORE:
                raise translated(error, "Step Functions") from error
