"""Holds what each role may do against what is done with it.

A right is an IAM action on a resource. What functions do is what the emulated cloud's gateway saw
them call; what machines and rules do is what their definitions and targets say.
"""

import json
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from asl_engine.source import load_definition
from redress_local.emulated.cloud import EmulatedCloud
from redress_local.emulated.gateway.calls import Calls
from redress_local.template_values import ACCOUNT, REGION

SYNC_RULE = "rule/StepFunctionsGetEventsForStepFunctionsExecutionRule"

# Rights that may be on `*`, with the reason.
ANY_RESOURCE = {
    "logs:CreateLogDelivery": "the log delivery API knows no resources",
    "logs:GetLogDelivery": "the log delivery API knows no resources",
    "logs:UpdateLogDelivery": "the log delivery API knows no resources",
    "logs:DeleteLogDelivery": "the log delivery API knows no resources",
    "logs:ListLogDeliveries": "the log delivery API knows no resources",
    "logs:PutResourcePolicy": "the log delivery API knows no resources",
    "logs:DescribeResourcePolicies": "the log delivery API knows no resources",
    "logs:DescribeLogGroups": "the log delivery API knows no resources",
}
# Rights whose resource ends in a wildcard, with the reason.
PART_OF_RESOURCE = {
    "execute-api:ManageConnections": "API Gateway makes up the connections' ids",
    "states:DescribeExecution": ".sync:2 makes up the executions' names",
    "states:StopExecution": ".sync:2 makes up the executions' names",
    "logs:CreateLogStream": "a log group's ARN ends so: Lambda makes up the streams' names",
    "logs:PutLogEvents": "a log group's ARN ends so: Lambda makes up the streams' names",
}
BASIC = "service-role/AWSLambdaBasicExecutionRole"
TRACING = "AWSXrayWriteOnlyAccess"

# What IAM calls an operation that has another name, or several.
_BY_ANOTHER_NAME = {
    ("dynamodb", "TransactWriteItems/Put"): "dynamodb:PutItem",
    ("dynamodb", "TransactWriteItems/Update"): "dynamodb:UpdateItem",
    ("dynamodb", "TransactWriteItems/Delete"): "dynamodb:DeleteItem",
    ("dynamodb", "TransactWriteItems/ConditionCheck"): "dynamodb:ConditionCheckItem",
    ("dynamodb", "TransactGetItems/Get"): "dynamodb:GetItem",
    ("bedrock", "Converse"): "bedrock:InvokeModel",
    ("bedrock", "ConverseStream"): "bedrock:InvokeModelWithResponseStream",
    ("execute-api", "PostToConnection"): "execute-api:ManageConnections",
    ("execute-api", "GetConnection"): "execute-api:ManageConnections",
    ("execute-api", "DeleteConnection"): "execute-api:ManageConnections",
}


class Right(NamedTuple):
    """An action and a resource; a granted resource may hold `*`."""

    action: str
    resource: str

    def __str__(self) -> str:
        return f"{self.action} on {self.resource}"


def problems(granted: Iterable[Right], used: Iterable[Right]) -> list[str]:
    """What is missing, what is unused, and what is wider than it may be."""
    granted, used = set(granted), set(used)
    found = [f"missing: {right}" for right in sorted(used) if not _any_allows(granted, right)]
    found += [
        f"unused: {right}" for right in sorted(granted) if not any(_allows(right, u) for u in used)
    ]
    return found + [f"too wide: {right}" for right in sorted(granted) if _is_too_wide(right)]


def _any_allows(granted: Iterable[Right], used: Right) -> bool:
    return any(_allows(right, used) for right in granted)


def _allows(granted: Right, used: Right) -> bool:
    """Actions are compared whole: one with a wildcard allows nothing here, and is unused."""
    return granted.action == used.action and (
        granted.resource == used.resource or fnmatchcase(used.resource, granted.resource)
    )


def _is_too_wide(right: Right) -> bool:
    if "*" in right.action or "?" in right.action:
        return True
    if right.resource == "*":
        return right.action not in ANY_RESOURCE
    if "?" in right.resource:
        return True
    return "*" in right.resource and (
        right.action not in PART_OF_RESOURCE or right.resource.find("*") != len(right.resource) - 1
    )


def granted_to(cloud: EmulatedCloud, role_arn: str) -> set[Right]:
    """What a role's own policies allow, as they were created."""
    iam, role = cloud.client("iam"), role_arn.rpartition("/")[2]
    assert not iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]
    found: set[Right] = set()
    for name in iam.list_role_policies(RoleName=role)["PolicyNames"]:
        document = iam.get_role_policy(RoleName=role, PolicyName=name)["PolicyDocument"]
        for statement in _list(document["Statement"]):
            assert statement["Effect"] == "Allow", f"{role}: only what is allowed is compared"
            assert not statement.keys() & {"NotAction", "NotResource"}, role
            found |= {
                Right(action, resource)
                for action in _list(statement["Action"])
                for resource in _list(statement["Resource"])
            }
    return found


def managed_policies(cloud: EmulatedCloud, role_arn: str) -> set[str]:
    """The policies of AWS that the template attaches to a role."""
    return {
        arn.partition(":aws:policy/")[2]
        for _, properties, created in cloud.stack.of("AWS::IAM::Role")
        if created.attributes["Arn"] == role_arn
        for arn in properties.get("ManagedPolicyArns", [])
    }


def used_by(cloud: EmulatedCloud, principal: str) -> set[Right]:
    """What a function did: what the gateway saw, in IAM's words."""
    return {
        Right(_action(call), resource)
        for call in cloud.gateway.calls.entries(principal)
        for resource in _resources(cloud, call)
    }


def _action(call: Calls) -> str:
    name = (call.service, call.operation)
    return _BY_ANOTHER_NAME.get(name, f"{call.service}:{call.operation}")


def _resources(cloud: EmulatedCloud, call: Calls) -> list[str]:
    """The ARNs of what a call names; a task token is of a machine that waits for tokens."""
    name = call.resource
    if call.service == "states" and call.operation.startswith("SendTask"):
        return [arn for arn, machine in machines(cloud) if "waitForTaskToken" in str(machine)]
    if name.startswith("arn:"):
        return [name]
    if call.service == "execute-api":
        return [f"{stage}/POST/@connections/{name}" for stage in _websocket_stages(cloud)]
    prefix = {
        "dynamodb": f"arn:aws:dynamodb:{REGION}:{ACCOUNT}:table/",
        "events": f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/",
        "bedrock": f"arn:aws:bedrock:{REGION}::foundation-model/",
    }
    # A service that is not listed has no right that fits, so its call is missing one.
    return [prefix.get(call.service, f"{call.service}?") + name]


def _websocket_stages(cloud: EmulatedCloud) -> Iterator[str]:
    apis = {
        created.ref
        for _, properties, created in cloud.stack.of("AWS::ApiGatewayV2::Api")
        if properties.get("ProtocolType") == "WEBSOCKET"
    }
    for _, stage, _ in cloud.stack.of("AWS::ApiGatewayV2::Stage"):
        if stage["ApiId"] in apis:
            yield f"arn:aws:execute-api:{REGION}:{ACCOUNT}:{stage['ApiId']}/{stage['StageName']}"


def done_by_lambda(cloud: EmulatedCloud, function: Any, role_arn: str) -> set[Right]:
    """What Lambda itself does with a function's role: destinations, and its log if need be."""
    rights = {
        Right("sqs:SendMessage", config["DestinationConfig"]["OnFailure"]["Destination"])
        for _, config, _ in cloud.stack.of("AWS::Lambda::EventInvokeConfig")
        if config["FunctionName"] == function.name
    }
    if BASIC not in managed_policies(cloud, role_arn):
        group = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:{function.log_group}:*"
        rights |= {Right("logs:CreateLogStream", group), Right("logs:PutLogEvents", group)}
    return rights


def machines(cloud: EmulatedCloud) -> Iterator[tuple[str, dict[str, Any]]]:
    """ARN and definition of every machine, as deployed."""
    for _, properties, created in cloud.stack.of("AWS::StepFunctions::StateMachine"):
        path = cloud.stack.template.parent / properties["DefinitionS3Location"]
        text = json.dumps(load_definition(path))
        for name, value in properties["DefinitionSubstitutions"].items():
            text = text.replace(f"${{{name}}}", value)
        yield created.ref, json.loads(text)


def done_by_machine(definition: dict[str, Any], properties: dict[str, Any]) -> set[Right]:
    """What Step Functions does with a machine's role, from its definition."""
    rights: set[Right] = set()
    for state in _states(definition):
        resource, arguments = state.get("Resource", ""), state.get("Arguments", {})
        integration = resource.partition(":::")[2]
        if integration.startswith("lambda:invoke"):
            rights.add(Right("lambda:InvokeFunction", arguments["FunctionName"]))
        elif integration == "states:startExecution.sync:2":
            machine = arguments["StateMachineArn"]
            executions = machine.replace(":stateMachine:", ":execution:") + ":*"
            rule = f"arn:aws:events:{REGION}:{ACCOUNT}:{SYNC_RULE}"
            rights.add(Right("states:StartExecution", machine))
            rights |= {Right(f"states:{do}Execution", executions) for do in ("Describe", "Stop")}
            rights |= {Right(f"events:{do}", rule) for do in _FOLLOW}
        elif integration == "events:putEvents":
            rights |= {
                Right("events:PutEvents", _bus_arn(entry["EventBusName"]))
                for entry in arguments["Entries"]
            }
        elif state["Type"] == "Task":
            raise AssertionError(f"nobody knows what rights {resource} needs")
    if properties.get("LoggingConfiguration", {}).get("Destinations"):
        rights |= {Right(action, "*") for action in ANY_RESOURCE}
    return rights


_FOLLOW = ("PutTargets", "PutRule", "DescribeRule")


def _bus_arn(name: str) -> str:
    return (
        name if name.startswith("arn:") else f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/{name}"
    )


def done_by_rules(cloud: EmulatedCloud) -> dict[str, set[Right]]:
    """What EventBridge does with each role that a rule's target names."""
    rights: dict[str, set[Right]] = {}
    for _, rule, _ in cloud.stack.of("AWS::Events::Rule"):
        for target in rule["Targets"]:
            if "RoleArn" in target:
                assert ":stateMachine:" in target["Arn"], "no other target needs a role yet"
                done = rights.setdefault(target["RoleArn"], set())
                done.add(Right("states:StartExecution", target["Arn"]))
    return rights


def _states(definition: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for state in definition["States"].values():
        yield state
        for branch in [*state.get("Branches", []), *filter(None, [state.get("ItemProcessor")])]:
            yield from _states(branch)


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
