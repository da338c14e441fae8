"""The project's own template, created through the gateway, as the emulated cloud does."""

import json
from typing import Any

import pytest
from redress_local.emulated.resources.create import create_all
from redress_local.emulated.resources.fronts import http_apis, websocket_apis
from redress_local.emulated.resources.stack import Stack
from redress_local.emulated.resources.translate import translate
from redress_local.project import find_project


@pytest.fixture(scope="module")
def stack(cloud: Any) -> Stack:
    stack = translate(find_project() / "template.yaml")
    create_all(stack, cloud.services)
    return stack


def test_everything_that_the_template_names_exists(cloud: Any, stack: Stack) -> None:
    project = find_project()
    assert set(stack.created) == set(stack.resources)
    names = {spec.logical_id: spec for spec in cloud.functions.functions()}
    decide = names["DecideByPolicyFunction"]
    assert decide.code == project / "functions/decide_by_policy"
    assert decide.environment["REDRESS_BUS_NAME"] == stack.outputs["BusName"]
    assert (decide.layers[0] / "python/redress/__init__.py").is_file() or (
        decide.layers[0] / "python/redress"
    ).is_dir()
    assert (decide.layers[1] / "policies").is_dir()

    states = cloud.client("stepfunctions")
    machine = states.describe_state_machine(stateMachineArn=stack.outputs["ResolveCaseMachineArn"])
    definition = json.loads(machine["definition"])
    assert "${" not in machine["definition"]
    assert definition["StartAt"] in definition["States"]
    assert decide.arn in machine["definition"]

    events = cloud.client("events")
    bus = stack.outputs["BusName"]
    (rule,) = (
        one
        for one in events.list_rules(EventBusName=bus)["Rules"]
        if "CaseOpened" in one["EventPattern"] and "CaseOpenedRule" in one["Name"]
    )
    (target,) = events.list_targets_by_rule(Rule=rule["Name"], EventBusName=bus)["Targets"]
    assert target["Arn"] == machine["stateMachineArn"]
    archive = events.describe_archive(ArchiveName=stack.outputs["ArchiveName"])
    assert archive["RetentionDays"] == 90

    table = cloud.client("dynamodb").describe_table(TableName=stack.outputs["CasesTableName"])
    assert [index["IndexName"] for index in table["Table"]["GlobalSecondaryIndexes"]] == [
        "by_index"
    ]
    role = states.describe_state_machine(stateMachineArn=machine["stateMachineArn"])["roleArn"]
    policies = cloud.client("iam").list_role_policies(RoleName=role.rpartition("/")[2])
    assert policies["PolicyNames"]

    queue = cloud.client("sqs").get_queue_attributes(
        QueueUrl=stack.outputs["UndeliveredEventsUrl"], AttributeNames=["All"]
    )["Attributes"]
    assert queue["MessageRetentionPeriod"] == "1209600"
    assert "RulesMaySend" in queue["Policy"]
    settings = cloud.functions.event_invoke_config(names["RecordFailureFunction"].name)
    assert settings.on_failure == stack.attribute("UnrecordedFailures", "Arn")


def test_no_address_leads_out_of_this_machine(cloud: Any, stack: Stack) -> None:
    texts = [value for value in stack.outputs.values() if isinstance(value, str)]
    for spec in cloud.functions.functions():
        texts.extend(spec.environment.values())
    outside = [text for text in texts if "://" in text and "127.0.0.1" not in text]
    assert outside == []


def test_the_front_and_the_issuer_learn_of_the_apis(cloud: Any, stack: Stack) -> None:
    known = {spec.arn for spec in cloud.functions.functions()}
    for api in [*http_apis(stack), *websocket_apis(stack)]:
        assert api.routes
        assert api.stages
        assert {route.function_arn for route in api.routes} <= known
    for http in http_apis(stack):
        for route in http.routes:
            path = route.route_key.partition(" ")[2]
            if path == "/oauth/token":
                assert route.authorization_type == "AWS_IAM"
            elif path.startswith(("/mcp/", "/a2a/", "/.well-known/")):
                # What stands there is public, or checks tokens of its own.
                assert route.authorization_type == "NONE"
            else:
                assert route.authorizer is not None
                assert cloud.issuer.vouches_for(route.authorizer.issuer)
