"""The ARNs of Step Functions: read, checked and made."""

from __future__ import annotations

import re
from dataclasses import dataclass

from asl_engine.api.protocol import ApiError

_ARN = re.compile(
    r"arn:(?P<partition>aws[a-z-]*):states:(?P<region>[a-z0-9-]+):(?P<account>\d{12})"
    r":(?P<kind>stateMachine|execution|express|activity|mapRun):(?P<rest>[^\s]+)\Z"
)
_ROLE = re.compile(r"arn:aws[a-z-]*:iam::\d{12}:role/[\x21-\x7e]{1,512}\Z")
_NAME = re.compile(r"[^\s:/]{1,80}\Z")


@dataclass(frozen=True, slots=True)
class MachineArn:
    """A state machine's ARN, or a version's or an alias's.

    Attributes:
        machine: The ARN without its qualifier.
        qualifier: A version's number or an alias's name; empty without one.
    """

    machine: str
    name: str
    qualifier: str

    @property
    def version(self) -> int | None:
        """The version's number, if it is a version's ARN."""
        number = self.qualifier
        return int(number) if number.isascii() and number.isdigit() else None


def invalid_arn(arn: str, reason: str = "") -> ApiError:
    """The error for an ARN that cannot be what is asked for."""
    return ApiError("InvalidArn", f"Invalid Arn: '{reason or 'Invalid ARN prefix'}: {arn:.256}'")


def machine_arn(arn: str) -> MachineArn:
    """Read the ARN of a state machine, a version or an alias.

    Raises:
        ApiError: `InvalidArn`; `ValidationException` for a label of a distributed Map.
    """
    rest = _rest(arn, "stateMachine")
    name, _, qualifier = rest.partition(":")
    if "/" in name:
        raise ApiError(
            "ValidationException", "the ARN names a distributed Map state, which cannot be used so"
        )
    if not _NAME.match(name) or (":" in rest and not _NAME.match(qualifier)):
        raise invalid_arn(arn)
    return MachineArn(arn.removesuffix(f":{qualifier}") if qualifier else arn, name, qualifier)


def plain_machine_arn(arn: str) -> MachineArn:
    """Read the ARN of a state machine, without a qualifier.

    Raises:
        ApiError: `InvalidArn`, or `ValidationException` where it has a qualifier.
    """
    found = machine_arn(arn)
    if found.qualifier:
        raise ApiError("ValidationException", "give the ARN of the machine without a qualifier")
    return found


def execution_arn(arn: str) -> str:
    """Check the ARN of a STANDARD execution.

    Raises:
        ApiError: `InvalidArn`.
    """
    if len(_rest(arn, "execution").split(":")) != 2:
        raise invalid_arn(arn)
    return arn


def check_role(arn: str) -> None:
    """Check a role's ARN.

    Raises:
        ApiError: `InvalidArn`.
    """
    if not _ROLE.match(arn):
        raise invalid_arn(arn, "Invalid Role Arn")


def _rest(arn: str, kind: str) -> str:
    match = _ARN.match(arn)
    if match is None:
        raise invalid_arn(arn)
    if match["kind"] != kind:
        raise invalid_arn(arn, f"Resource type not valid in this context: {match['kind']}")
    return match["rest"]
