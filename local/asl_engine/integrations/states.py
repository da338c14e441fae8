"""Step Functions itself: `states:startExecution`, alone and with `.sync` or `.sync:2`."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any, Protocol

from asl_engine.errors import (
    ExecutionExistsError,
    InvalidInputError,
    InvalidNameError,
    MachineNotFoundError,
    TaskError,
)
from asl_engine.integrations.protocol import Integration, StartedChild, TaskRequest

if TYPE_CHECKING:
    from asl_engine.runtime import Track


class Starter(Protocol):
    """What starting child executions needs of the engine."""

    def create_child(
        self, machine: str, value: Any, name: str, parent: str
    ) -> tuple[str, Track | None]:
        """Start an execution for a task; returns its ARN and, if it is new, its first track."""

    def drive_later(self, track: Track) -> None:
        """Run a track on the engine's pool."""


def start_execution_integration(engine: Starter) -> Integration:
    """`arn:aws:states:::states:startExecution`.

    A child without a Name gets one made of the caller and its attempt, so that a call repeated
    after a crash finds the child that it started before.
    """

    def start(request: TaskRequest) -> Any:
        arguments = request.arguments
        machine = arguments.get("StateMachineArn") if isinstance(arguments, dict) else None
        if not isinstance(machine, str):
            raise TaskError(
                "States.Runtime", "states:startExecution needs Arguments with a StateMachineArn."
            )
        attempt = f"{request.execution_arn}#{request.track}#{request.event_id}"
        name = arguments.get("Name") or str(uuid.uuid5(uuid.NAMESPACE_URL, attempt))
        try:
            arn, root = engine.create_child(machine, arguments.get("Input"), name, attempt)
        except ExecutionExistsError as error:
            code = "ExecutionAlreadyExistsException"
            raise TaskError(f"StepFunctions.{code}", str(error)) from None
        except MachineNotFoundError as error:
            code = "StateMachineDoesNotExistException"
            raise TaskError(f"StepFunctions.{code}", str(error)) from None
        except InvalidInputError as error:
            code = "InvalidExecutionInputException"
            raise TaskError(f"StepFunctions.{code}", str(error)) from None
        except InvalidNameError as error:
            raise TaskError("StepFunctions.InvalidNameException", str(error)) from None
        output = {"ExecutionArn": arn}
        if request.pattern in {".sync", ".sync:2"}:
            return StartedChild(arn, output, root)
        if root is not None:
            engine.drive_later(root)
        return output

    return start
