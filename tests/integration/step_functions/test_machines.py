"""State machines, versions and aliases through boto3."""

from __future__ import annotations

import json
import uuid
from typing import Any

import pytest

ROLE = "arn:aws:iam::123456789012:role/machine"
PREFIX = "arn:aws:states:eu-central-1:123456789012:stateMachine"


def passing(output: Any) -> dict[str, Any]:
    state = {"Type": "Pass", "Output": output, "End": True}
    return {"QueryLanguage": "JSONata", "StartAt": "P", "States": {"P": state}}


def text(output: Any) -> str:
    return json.dumps(passing(output), indent=2)


def test_create_describe_update(served: Any) -> None:
    sfn = served.sfn
    logging = {"level": "ERROR", "includeExecutionData": True, "destinations": []}
    request = {
        "name": "described", "definition": text(1), "roleArn": ROLE,
        "loggingConfiguration": logging, "tracingConfiguration": {"enabled": True},
        "tags": [{"key": "a", "value": "b"}],
    }  # fmt: skip
    made = sfn.create_state_machine(**request)
    arn = made["stateMachineArn"]
    assert arn == f"{PREFIX}:described"
    found = sfn.describe_state_machine(stateMachineArn=arn)
    assert found["definition"] == text(1)
    assert (found["status"], found["type"], found["roleArn"]) == ("ACTIVE", "STANDARD", ROLE)
    assert found["loggingConfiguration"] == logging
    assert found["tracingConfiguration"] == {"enabled": True}
    assert found["creationDate"] == made["creationDate"]
    assert "revisionId" not in found
    assert sfn.list_tags_for_resource(resourceArn=arn)["tags"] == [{"key": "a", "value": "b"}]
    again = sfn.create_state_machine(**{**request, "roleArn": ROLE + "2", "tags": []})
    assert again["creationDate"] == made["creationDate"]
    assert sfn.describe_state_machine(stateMachineArn=arn)["roleArn"] == ROLE
    for change in ({"definition": text(2)}, {"type": "EXPRESS"}, {"publish": True},
                   {"tracingConfiguration": {"enabled": False}}):  # fmt: skip
        code = served.code("create_state_machine", **{**request, **change})
        assert code == "StateMachineAlreadyExists", change
    updated = sfn.update_state_machine(stateMachineArn=arn, definition=text(2))
    found = sfn.describe_state_machine(stateMachineArn=arn)
    assert (found["definition"], found["revisionId"]) == (text(2), updated["revisionId"])
    assert served.ended(served.start(arn))["output"] == "2"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"name": "a b"}, "InvalidName"),
        ({"name": "x" * 81}, "ValidationException"),
        ({"roleArn": "nobody"}, "InvalidArn"),
        ({"definition": "{"}, "InvalidDefinition"),
        ({"definition": "[]"}, "InvalidDefinition"),
        ({"type": "SLOW"}, "ValidationException"),
        ({"versionDescription": "v"}, "ValidationException"),
        ({"tags": [{"value": "b"}]}, "ValidationException"),
        ({"tags": [{"key": str(n), "value": ""} for n in range(51)]}, "TooManyTags"),
    ],
)
def test_what_is_refused(served: Any, change: dict[str, Any], code: str) -> None:
    request = {"name": "refused", "definition": text(1), "roleArn": ROLE, **change}
    assert served.code("create_state_machine", **request) == code
    assert served.code("describe_state_machine", stateMachineArn=f"{PREFIX}:refused") == (
        "StateMachineDoesNotExist"
    )


def test_a_bad_definition_says_what_and_where(served: Any) -> None:
    jsonpath = {"StartAt": "A", "States": {"A": {"Type": "Pass", "ResultPath": "$", "End": True}}}
    processor = {**passing(1), "ProcessorConfig": {"Mode": "DISTRIBUTED"}}
    processor.pop("QueryLanguage")
    distributed = {
        **passing(1), "StartAt": "M",
        "States": {"M": {"Type": "Map", "ItemProcessor": processor, "End": True}},
    }  # fmt: skip
    task = {"Type": "Task", "Resource": "arn:aws:states:::ecs:runTask.sync", "End": True}
    unknown = {**passing(1), "StartAt": "T", "States": {"T": {**task, "Arguments": {}}}}
    for definition, word in (
        (jsonpath, "UNSUPPORTED_QUERY_LANGUAGE"),
        (distributed, "/States/M/ItemProcessor/ProcessorConfig/Mode"),
        (unknown, "INVALID_RESOURCE"),
    ):
        with pytest.raises(served.sfn.exceptions.InvalidDefinition, match=word):
            served.sfn.create_state_machine(
                name="bad", definition=json.dumps(definition), roleArn=ROLE
            )
        found = served.sfn.validate_state_machine_definition(definition=json.dumps(definition))
        assert found["result"] == "FAIL"
        assert any(word in d["code"] + d["location"] for d in found["diagnostics"])


def test_validation_limits_and_severities(served: Any) -> None:
    validate = served.sfn.validate_state_machine_definition
    assert validate(definition=text(1)) | {"ResponseMetadata": 0} == {
        "result": "OK", "diagnostics": [], "truncated": False, "ResponseMetadata": 0,
    }  # fmt: skip
    states = {f"S{n}": {"Type": "Pass", "Next": "Nowhere"} for n in range(5)}
    bad = json.dumps({"QueryLanguage": "JSONata", "StartAt": "S0", "States": states})
    found = validate(definition=bad, maxResults=2)
    assert (found["result"], len(found["diagnostics"]), found["truncated"]) == ("FAIL", 2, True)
    assert {d["severity"] for d in validate(definition=bad)["diagnostics"]} == {"ERROR"}
    token = {
        "Type": "Task", "Resource": "arn:aws:states:::lambda:invoke.waitForTaskToken",
        "Arguments": {"FunctionName": "f"}, "End": True,
    }  # fmt: skip
    waits = json.dumps({"QueryLanguage": "JSONata", "StartAt": "T", "States": {"T": token}})
    assert validate(definition=waits)["result"] == "OK"
    express = validate(definition=waits, type="EXPRESS")
    assert express["diagnostics"][0]["location"] == "/States/T/Resource"


def test_update_needs_something(served: Any) -> None:
    arn = served.create(passing(1))
    update = "update_state_machine"
    assert served.code(update, stateMachineArn=arn) == "MissingRequiredParameter"
    assert served.code(update, stateMachineArn=arn, definition="{}") == "InvalidDefinition"
    assert served.code(update, stateMachineArn=arn + "x", roleArn=ROLE) == (
        "StateMachineDoesNotExist"
    )
    assert served.code(update, stateMachineArn="arn:aws:s3:::b", roleArn=ROLE) == "InvalidArn"


def test_delete_ends_what_runs(served: Any, asl: Any) -> None:
    arn = served.create(asl.one({"Type": "Wait", "Seconds": 600}), name="deleted")
    execution = served.start(arn)
    served.sfn.delete_state_machine(stateMachineArn=arn)
    served.sfn.delete_state_machine(stateMachineArn=arn)
    assert served.ended(execution)["status"] == "ABORTED"
    assert served.code("start_execution", stateMachineArn=arn) == "StateMachineDoesNotExist"
    assert served.code("describe_state_machine", stateMachineArn=arn) == "StateMachineDoesNotExist"
    assert served.create(passing(1), name="deleted") == arn


def test_list_pages(served: Any) -> None:
    names = sorted(f"page-{n:02}" for n in range(7))
    for name in names:
        served.create(passing(1), name=name)
    paginator = served.sfn.get_paginator("list_state_machines")
    pages = list(paginator.paginate(PaginationConfig={"PageSize": 3}))
    listed = [m["name"] for page in pages for m in page["stateMachines"]]
    assert listed == sorted(set(listed))
    assert set(names) <= set(listed)
    assert all(len(page["stateMachines"]) <= 3 for page in pages)
    assert served.code("list_state_machines", nextToken="bad") == "InvalidToken"


def test_tags(served: Any) -> None:
    arn = served.create(passing(1))
    served.sfn.tag_resource(resourceArn=arn, tags=[{"key": "a", "value": "1"}, {"key": "b"}])
    served.sfn.untag_resource(resourceArn=arn, tagKeys=["a", "none"])
    assert served.sfn.list_tags_for_resource(resourceArn=arn)["tags"] == [{"key": "b", "value": ""}]
    assert served.code("tag_resource", resourceArn=arn + "x", tags=[]) == "ResourceNotFound"
    assert served.code("list_tags_for_resource", resourceArn="arn:x") == "InvalidArn"


def test_versions(served: Any) -> None:
    sfn = served.sfn
    arn = served.create(passing("one"))
    publish = sfn.publish_state_machine_version
    first = publish(stateMachineArn=arn, revisionId="INITIAL", description="first")
    assert first["stateMachineVersionArn"] == f"{arn}:1"
    assert publish(stateMachineArn=arn)["stateMachineVersionArn"] == f"{arn}:1"
    updated = sfn.update_state_machine(stateMachineArn=arn, definition=text("two"), publish=True)
    assert updated["stateMachineVersionArn"] == f"{arn}:2"
    assert served.code("publish_state_machine_version", stateMachineArn=arn,
                       revisionId="INITIAL") == "ConflictException"  # fmt: skip
    for number, output in ((1, "one"), (2, "two")):
        version = f"{arn}:{number}"
        ended = served.ended(served.start(version))
        assert ended["output"] == json.dumps(output)
        assert ended["stateMachineArn"] == arn
        assert ended["stateMachineVersionArn"] == version
        described = sfn.describe_state_machine(stateMachineArn=version)
        assert described["stateMachineArn"] == version
        assert json.loads(described["definition"]) == passing(output)
    assert sfn.describe_state_machine(stateMachineArn=f"{arn}:1")["description"] == "first"
    assert "stateMachineVersionArn" not in served.ended(served.start(arn))
    pages = sfn.list_state_machine_versions(stateMachineArn=arn, maxResults=1)
    rest = sfn.list_state_machine_versions(
        stateMachineArn=arn, maxResults=1, nextToken=pages["nextToken"]
    )
    listed = [*pages["stateMachineVersions"], *rest["stateMachineVersions"]]
    assert [v["stateMachineVersionArn"] for v in listed] == [f"{arn}:2", f"{arn}:1"]
    assert "nextToken" not in rest
    sfn.delete_state_machine_version(stateMachineVersionArn=f"{arn}:2")
    assert served.code("start_execution", stateMachineArn=f"{arn}:2") == "StateMachineDoesNotExist"
    # A number is never used again.
    assert publish(stateMachineArn=arn)["stateMachineVersionArn"] == f"{arn}:3"
    listed = sfn.list_executions(stateMachineArn=f"{arn}:1")["executions"]
    assert [e["stateMachineVersionArn"] for e in listed] == [f"{arn}:1"]


def test_aliases(served: Any) -> None:
    sfn = served.sfn
    arn = served.create(passing("one"), publish=True)
    sfn.update_state_machine(stateMachineArn=arn, definition=text("two"), publish=True)

    def routes(*weights: int) -> list[dict[str, Any]]:
        return [
            {"stateMachineVersionArn": f"{arn}:{number}", "weight": weight}
            for number, weight in enumerate(weights, 1)
        ]

    request = {"name": "PROD", "routingConfiguration": routes(100), "description": "d"}
    made = sfn.create_state_machine_alias(**request)
    alias = made["stateMachineAliasArn"]
    assert alias == f"{arn}:PROD"
    assert sfn.create_state_machine_alias(**request)["creationDate"] == made["creationDate"]
    changed = {**request, "description": "other"}
    assert served.code("create_state_machine_alias", **changed) == "ConflictException"
    ended = served.ended(served.start(alias))
    assert (ended["output"], ended["stateMachineAliasArn"]) == ('"one"', alias)
    assert ended["stateMachineVersionArn"] == f"{arn}:1"
    started = served.events(ended["executionArn"])[0]["executionStartedEventDetails"]
    assert (started["stateMachineAliasArn"], started["roleArn"]) == (alias, ROLE)
    sfn.update_state_machine_alias(stateMachineAliasArn=alias, routingConfiguration=routes(0, 100))
    assert served.ended(served.start(alias))["output"] == '"two"'
    found = sfn.describe_state_machine_alias(stateMachineAliasArn=alias)
    assert (found["description"], found["routingConfiguration"]) == ("d", routes(0, 100))
    listed = sfn.list_state_machine_aliases(stateMachineArn=f"{arn}:1")["stateMachineAliases"]
    assert [a["stateMachineAliasArn"] for a in listed] == [alias]
    assert served.code("delete_state_machine_version",
                       stateMachineVersionArn=f"{arn}:2") == "ConflictException"  # fmt: skip
    assert len(sfn.list_executions(stateMachineArn=alias)["executions"]) == 2
    for bad, code in (
        (routes(50), "ValidationException"),
        (routes(50, 40), "ValidationException"),
        (routes(50, 30, 20), "ValidationException"),
        ([*routes(50), *routes(50)], "ValidationException"),
        ([{"stateMachineVersionArn": f"{arn}:9", "weight": 100}], "ResourceNotFound"),
        ([{"stateMachineVersionArn": arn, "weight": 100}], "InvalidArn"),
    ):
        got = served.code("create_state_machine_alias", name="x", routingConfiguration=bad)
        assert got == code, bad
    assert served.code("create_state_machine_alias", name="123",
                       routingConfiguration=routes(100)) == "ValidationException"  # fmt: skip
    sfn.delete_state_machine_alias(stateMachineAliasArn=alias)
    assert served.code("describe_state_machine_alias",
                       stateMachineAliasArn=alias) == "ResourceNotFound"  # fmt: skip
    assert served.code("start_execution", stateMachineArn=alias) == "StateMachineDoesNotExist"


def test_child_executions_find_machines_versions_and_aliases(served: Any) -> None:
    child = served.create(passing("one"), publish=True)
    served.sfn.update_state_machine(stateMachineArn=child, definition=text("two"))
    served.sfn.create_state_machine_alias(
        name="LIVE",
        routingConfiguration=[{"stateMachineVersionArn": f"{child}:1", "weight": 100}],
    )
    state = {
        "Type": "Task",
        "Resource": "arn:aws:states:::states:startExecution.sync:2",
        "Arguments": {"StateMachineArn": "{% $states.input.arn %}", "Input": {}},
        "Output": "{% $states.result.Output %}",
        "End": True,
    }
    parent = served.create({"StartAt": "C", "States": {"C": state}})
    for arn, output in ((child, "two"), (f"{child}:1", "one"), (f"{child}:LIVE", "one")):
        ended = served.ended(served.start(parent, {"arn": arn}))
        assert (ended["status"], ended["output"]) == ("SUCCEEDED", json.dumps(output))
    missing = served.ended(served.start(parent, {"arn": f"{child}:9"}))
    assert missing["error"] == "StepFunctions.StateMachineDoesNotExistException"


def test_the_machine_of_an_execution(served: Any, asl: Any) -> None:
    key = str(uuid.uuid4())
    arn = served.create(asl.one(asl.waiting(key)))
    execution = served.start(arn)
    before = served.sfn.describe_state_machine(stateMachineArn=arn)
    served.sfn.update_state_machine(stateMachineArn=arn, definition=text(1), roleArn=ROLE + "2")
    found = served.sfn.describe_state_machine_for_execution(executionArn=execution)
    assert json.loads(found["definition"]) == json.loads(before["definition"])
    assert (found["roleArn"], found["stateMachineArn"]) == (ROLE, arn)
    served.sfn.send_task_success(taskToken=served.token(key), output="{}")
    assert served.ended(execution)["output"] == "{}"
    latest = served.start(arn)
    found = served.sfn.describe_state_machine_for_execution(executionArn=latest)
    assert (found["definition"], found["roleArn"]) == (text(1), ROLE + "2")


def test_activities_are_refused_clearly(served: Any) -> None:
    assert served.sfn.list_activities()["activities"] == []
    assert served.code("create_activity", name="a") == "UnknownOperationException"
