"""The stack holds what the workflow promises: durable tables, nothing lost, limits that fit."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from cfnlint.api import lint_file
from redress.adapters.aws import repository as dynamodb
from redress.config import Config
from redress_local.events.patterns import compile_pattern
from redress_local.template import read_template

ROOT = Path(__file__).parents[3]
CHOSEN = {"Ref": "Architecture"}


def of_type(template: dict[str, Any], kind: str) -> dict[str, dict[str, Any]]:
    return {k: v for k, v in template["Resources"].items() if v["Type"] == kind}


def test_cfn_lint_finds_nothing() -> None:
    assert lint_file(ROOT / "template.yaml") == []


def test_the_local_cloud_reads_it() -> None:
    local = read_template(ROOT / "template.yaml")
    assert len(local.machines) == len(list((ROOT / "statemachines").iterdir()))
    assert all(function.handler.is_file() for function in local.functions.values())


def test_sections_carry_banners() -> None:
    lines = (ROOT / "template.yaml").read_text(encoding="utf-8").splitlines()
    banners = [i for i, line in enumerate(lines) if line.startswith("  # -----")]
    assert len(banners) % 2 == 0
    assert all(lines[i + 1].startswith("  # ") for i in banners[::2])


def test_no_yaml_alias() -> None:
    """CloudFormation itself knows none; only tools that rewrite the template resolve them."""
    import yaml

    text = (ROOT / "template.yaml").read_text(encoding="utf-8")
    assert not any(isinstance(token, yaml.AliasToken) for token in yaml.scan(text))


def test_functions_stand_in_the_order_of_the_workflow(
    functions: dict[str, Any], machines: dict[str, dict[str, Any]]
) -> None:
    """A machine's own functions stand in the order in which it names them."""
    order = list(functions)
    for machine in machines.values():
        named = [
            name.removesuffix("Arn")
            for name in machine["DefinitionSubstitutions"]
            if name.endswith("FunctionArn")
        ]
        assert named == sorted(named, key=order.index)


def test_environment_names_are_fields_of_config(functions: dict[str, Any]) -> None:
    known = {f"REDRESS_{field.upper()}" for field in Config.__struct_fields__}
    for name, function in functions.items():
        assert set(function.get("Environment", {}).get("Variables", {})) <= known, name


def test_environment_names_tables_by_their_names(functions: dict[str, Any]) -> None:
    for function in functions.values():
        for name, value in function.get("Environment", {}).get("Variables", {}).items():
            if name.endswith("_TABLE"):
                domain = name.removeprefix("REDRESS_").removesuffix("_TABLE").capitalize()
                assert value == {"Ref": f"{domain}Table"}


def test_a_function_gives_up_before_its_state_does(
    template: dict[str, Any], functions: dict[str, Any], states: dict[str, dict[str, Any]]
) -> None:
    """Else the state times out without a retry while the function is still at work."""
    common = template["Globals"]["Function"]["Timeout"]
    for name, state in states.items():
        if ":lambda:invoke" in state.get("Resource", ""):
            limit = functions[f"{name}Function"].get("Timeout", common)
            assert limit < state["TimeoutSeconds"], name


def test_the_layers_runtime_is_the_functions(template: dict[str, Any]) -> None:
    runtime = template["Globals"]["Function"]["Runtime"]
    for layer in of_type(template, "AWS::Serverless::LayerVersion").values():
        assert layer["Properties"]["CompatibleRuntimes"] == [runtime]


def test_a_functions_layers_are_for_its_architecture(
    template: dict[str, Any], functions: dict[str, Any]
) -> None:
    """Whatever is built for; the sandbox stays on x86_64."""
    common = template["Globals"]["Function"]
    layers = of_type(template, "AWS::Serverless::LayerVersion")
    for name, function in functions.items():
        (architecture,) = function.get("Architectures", common["Architectures"])
        assert architecture == ("x86_64" if name == "ReconcileFunction" else CHOSEN), name
        for each in function.get("Layers", []):
            layer = layers[each["Ref"]]
            assert layer["Metadata"]["BuildArchitecture"] == architecture, name
            assert layer["Properties"]["CompatibleArchitectures"] == [architecture], name
    (shared,) = common["Layers"]
    assert layers[shared["Ref"]]["Metadata"]["BuildArchitecture"] == CHOSEN
    compatible = layers[shared["Ref"]]["Properties"]["CompatibleArchitectures"]
    assert compatible == template["Parameters"]["Architecture"]["AllowedValues"]


def test_tables_have_the_adapters_keys(template: dict[str, Any]) -> None:
    tables = of_type(template, "AWS::DynamoDB::Table")
    assert set(tables) == {"OrdersTable", "PaymentsTable", "InventoryTable", "CasesTable"} | {
        "ClientsTable",
        "TasksTable",
    }
    for table in tables.values():
        properties = table["Properties"]
        assert _keys(properties) == [(dynamodb.PARTITION_KEY, "HASH"), (dynamodb.SORT_KEY, "RANGE")]
        (index,) = properties["GlobalSecondaryIndexes"]
        assert index["IndexName"] == dynamodb.INDEX_NAME
        assert _keys(index) == [(dynamodb.INDEX_KEY, "HASH"), (dynamodb.SORT_KEY, "RANGE")]
        assert index["Projection"] == {"ProjectionType": "ALL"}


def test_tables_lose_nothing(template: dict[str, Any]) -> None:
    for name, table in of_type(template, "AWS::DynamoDB::Table").items():
        if name in {"ClientsTable", "TasksTable"}:
            continue
        assert table["DeletionPolicy"] == "RetainExceptOnCreate"
        assert table["UpdateReplacePolicy"] == "Retain"
        properties = table["Properties"]
        assert properties["BillingMode"] == "PAY_PER_REQUEST"
        assert properties["DeletionProtectionEnabled"] == {"Ref": "ProtectData"}
        assert properties["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True
        assert properties["SSESpecification"]["SSEEnabled"] is True


@pytest.mark.parametrize("table", ["ClientsTable", "TasksTable"])
def test_what_expires_is_forgotten(template: dict[str, Any], table: str) -> None:
    expiry = template["Resources"][table]["Properties"]["TimeToLiveSpecification"]
    assert expiry == {"AttributeName": dynamodb.EXPIRY, "Enabled": True}


def test_queues_are_encrypted_and_keep_for_two_weeks(template: dict[str, Any]) -> None:
    for queue in of_type(template, "AWS::SQS::Queue").values():
        assert queue["Properties"]["SqsManagedSseEnabled"] is True
        assert queue["Properties"]["MessageRetentionPeriod"] == 14 * 86_400


def test_every_rule_retries_and_then_keeps_the_event(template: dict[str, Any]) -> None:
    rules = of_type(template, "AWS::Events::Rule")
    own = {"CaseOpenedRule", "CaseFailedRule", "CaseNewsRule", "CaseResolvedRule"}
    assert set(rules) == own | {"FindingReportedRule"}
    allowed = template["Resources"]["UndeliveredEventsPolicy"]["Properties"]["PolicyDocument"]
    sources = allowed["Statement"][0]["Condition"]["ArnEquals"]["aws:SourceArn"]
    assert sources == [{"Fn::GetAtt": [rule, "Arn"]} for rule in rules]
    for rule in rules.values():
        for target in rule["Properties"]["Targets"]:
            assert target["DeadLetterConfig"] == {
                "Arn": {"Fn::GetAtt": ["UndeliveredEvents", "Arn"]}
            }
            assert target["RetryPolicy"]["MaximumRetryAttempts"] > 0


def test_customers_hear_no_old_news(template: dict[str, Any]) -> None:
    rule = template["Resources"]["CaseNewsRule"]["Properties"]
    matches = compile_pattern(rule["EventPattern"])
    event = {"source": "redress", "detail-type": "CaseResolved", "detail": {}}
    assert matches(event)
    assert not matches({**event, "replay-name": "again"})
    assert not matches({**event, "source": "somebody"})


@pytest.mark.parametrize(
    ("event", "rules"),
    [
        ({"source": "redress", "detail-type": "CaseResolved"}, {"CaseNews", "CaseResolved"}),
        ({"source": "my.shop", "detail-type": "CaseResolved"}, set()),
        ({"source": "fraud-watch", "detail-type": "FindingReported"}, {"FindingReported"}),
        ({"source": "redress", "detail-type": "FindingReported"}, set()),
        (
            {"source": "redress", "detail-type": "CaseResolved", "replay-name": "fill"},
            {"CaseResolved"},
        ),
    ],
)
def test_who_hears_of_it(template: dict[str, Any], event: dict[str, Any], rules: set[str]) -> None:
    """Findings come from sources of their own; resolutions are known by Redress's own word."""
    found = {
        name.removesuffix("Rule")
        for name, rule in of_type(template, "AWS::Events::Rule").items()
        if rule["Properties"].get("EventBusName") == {"Ref": "Bus"}
        and compile_pattern(rule["Properties"]["EventPattern"])({"detail": {}, **event})
    }
    assert found == rules


def test_an_asynchronous_function_has_a_destination_for_failures(
    template: dict[str, Any], functions: dict[str, Any]
) -> None:
    invoked = {
        permission["Properties"]["FunctionName"]["Ref"]
        for permission in of_type(template, "AWS::Lambda::Permission").values()
    }
    told = {"RecordFailureFunction", "NotifyClientsFunction", "IndexResolutionFunction"}
    assert invoked == told | {"RecordFindingFunction"}
    for name in invoked:
        config = functions[name]["EventInvokeConfig"]
        assert config["DestinationConfig"]["OnFailure"]["Type"] == "SQS"


def test_everything_on_the_bus_is_archived(template: dict[str, Any]) -> None:
    (archive,) = of_type(template, "AWS::Events::Archive").values()
    assert archive["Properties"]["SourceArn"] == {"Fn::GetAtt": ["Bus", "Arn"]}
    assert "EventPattern" not in archive["Properties"]


def test_machines_log_and_trace_without_personal_data(machines: dict[str, Any]) -> None:
    for machine in machines.values():
        assert machine["Type"] == "STANDARD"
        assert machine["Logging"]["Level"] == "ALL"
        assert machine["Logging"]["IncludeExecutionData"] is False
        assert machine["Tracing"] == {"Enabled": True}


def test_a_failed_execution_is_recorded_from_its_own_event(template: dict[str, Any]) -> None:
    """EventBridge does not escape what an input transformer fills in, and `input` is JSON text."""
    rule = template["Resources"]["CaseFailedRule"]["Properties"]
    assert set(rule["EventPattern"]["detail"]["status"]) == {"FAILED", "TIMED_OUT", "ABORTED"}
    (target,) = rule["Targets"]
    assert target["Arn"] == {"Fn::GetAtt": ["RecordFailureFunction", "Arn"]}
    assert not {"Input", "InputPath", "InputTransformer"} & set(target)


def test_sam_translates_it(template: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Into one role a function and machine, and no resource that the template did not ask for."""
    from samtranslator.parser.parser import Parser
    from samtranslator.translator.translator import Translator

    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    packaged = json.loads(json.dumps(template))
    for body in packaged["Resources"].values():
        for key in ("CodeUri", "ContentUri", "DefinitionUri"):
            if key in body["Properties"]:
                body["Properties"][key] = "s3://bucket/key"
    import boto3

    session = boto3.Session(region_name="us-east-1")
    translated = Translator({}, Parser(), [], session).translate(packaged, {})
    kinds = [body["Type"] for body in translated["Resources"].values()]
    assert not any(kind.startswith("AWS::Serverless") for kind in kinds)
    functions = len(of_type(template, "AWS::Serverless::Function"))
    machines = len(of_type(template, "AWS::Serverless::StateMachine"))
    assert kinds.count("AWS::Lambda::Function") == functions
    assert kinds.count("AWS::StepFunctions::StateMachine") == machines
    # A role for each of them; Reconcile and the rule bring their own.
    assert kinds.count("AWS::IAM::Role") == functions + machines + 1


def _keys(holder: dict[str, Any]) -> list[tuple[str, str]]:
    return [(key["AttributeName"], key["KeyType"]) for key in holder["KeySchema"]]


def test_references_lead_somewhere(template: dict[str, Any]) -> None:
    """cfn-lint does not look at environment variables whose names hold an underscore."""
    known = {*template["Parameters"], *template["Resources"]}
    pseudo = {"AWS::AccountId", "AWS::NoValue", "AWS::Partition", "AWS::Region"}
    pseudo |= {"AWS::StackName", "AWS::URLSuffix"}
    # The roles that SAM makes for functions.
    known |= {f"{name}Role" for name in of_type(template, "AWS::Serverless::Function")}
    assert set(_references(template["Resources"])) <= known | pseudo
    assert set(_references(template["Outputs"])) <= known | pseudo
    assert set(_references(template["Globals"])) <= known | pseudo


def test_every_parameter_and_condition_is_used(template: dict[str, Any]) -> None:
    text = json.dumps([template["Resources"], template["Globals"]])
    conditions = {name for name in template["Conditions"] if f'"{name}"' in text}
    assert conditions == set(template["Conditions"])
    text += json.dumps(template["Conditions"])
    used = {p for p in template["Parameters"] if f'"{p}"' in text or f"${{{p}}}" in text}
    assert used == set(template["Parameters"])


def test_runtime(template: dict[str, Any]) -> None:
    common = template["Globals"]["Function"]
    assert (common["Runtime"], common["Handler"]) == ("python3.13", "handler.handler")


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            if key == "Ref":
                yield item
            elif key == "Fn::GetAtt":
                yield item[0]
            elif key == "Fn::Sub":
                yield from (name.split(".")[0] for name in re.findall(r"\$\{([^}!]+)\}", item))
            else:
                yield from _references(item)
    elif isinstance(value, list):
        for item in value:
            yield from _references(item)
