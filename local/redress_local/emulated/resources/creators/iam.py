"""IAM roles and policies: nothing checks them here, but they can be read."""

from typing import Any

from redress_local.emulated.resources.errors import ResourceError
from redress_local.emulated.resources.making import Making, Table, kind
from redress_local.emulated.resources.stack import Created

_AWS_MANAGED = ":iam::aws:policy/"


def _role(it: Making) -> Created:
    name = it.name("RoleName", limit=64)
    managed = it.get("ManagedPolicyArns", [])
    answer = it.call(
        "iam",
        "create_role",
        RoleName=name,
        AssumeRolePolicyDocument=it.required("AssumeRolePolicyDocument"),
        **it.take("Description", "MaxSessionDuration", "Path", "PermissionsBoundary", "Tags"),
    )["Role"]
    for policy in it.get("Policies", []):
        _inline(it, name, policy)
    for arn in managed:
        _attach(it, name, arn)
    return Created(ref=name, attributes={"Arn": answer["Arn"], "RoleId": answer["RoleId"]})


def _inline(it: Making, role: str, policy: dict[str, Any]) -> None:
    it.call(
        "iam",
        "put_role_policy",
        RoleName=role,
        PolicyName=policy["PolicyName"],
        PolicyDocument=_versioned(policy["PolicyDocument"]),
    )


def _versioned(document: dict[str, Any]) -> dict[str, Any]:
    # AWS takes a document without a version, as SAM's own are; moto does not.
    return {"Version": "2012-10-17", **document}


def _attach(it: Making, role: str, arn: str) -> None:
    # Policies that AWS itself manages are not in the local IAM unless it was told to load them
    # all; the template still names them.
    if _AWS_MANAGED not in arn:
        it.call("iam", "attach_role_policy", RoleName=role, PolicyArn=arn)


def _role_policy(it: Making) -> Created:
    name = it.required("PolicyName")
    _inline(
        it,
        it.required("RoleName"),
        {"PolicyName": name, "PolicyDocument": it.required("PolicyDocument")},
    )
    return Created(ref=name)


def _policy(it: Making) -> Created:
    roles = it.get("Roles", [])
    if not roles:
        raise ResourceError(f"{it.resource}: the local cloud attaches policies to Roles only")
    policy = {
        "PolicyName": it.required("PolicyName"),
        "PolicyDocument": it.required("PolicyDocument"),
    }
    for role in roles:
        _inline(it, role, policy)
    return Created(ref=policy["PolicyName"], attributes={"Id": policy["PolicyName"]})


def _managed_policy(it: Making) -> Created:
    arn = it.call(
        "iam",
        "create_policy",
        PolicyName=it.name("ManagedPolicyName", limit=128),
        PolicyDocument=_versioned(it.required("PolicyDocument")),
        **it.take("Description", "Path"),
    )["Policy"]["Arn"]
    for role in it.get("Roles", []):
        _attach(it, role, arn)
    return Created(ref=arn, attributes={"PolicyArn": arn})


KINDS: Table = {
    "AWS::IAM::Role": kind(
        _role,
        """RoleName AssumeRolePolicyDocument Description MaxSessionDuration Path
        PermissionsBoundary Policies ManagedPolicyArns Tags""",
    ),
    "AWS::IAM::RolePolicy": kind(_role_policy, "PolicyName RoleName PolicyDocument"),
    "AWS::IAM::Policy": kind(_policy, "PolicyName PolicyDocument Roles"),
    "AWS::IAM::ManagedPolicy": kind(
        _managed_policy, "ManagedPolicyName PolicyDocument Description Path Roles"
    ),
}
