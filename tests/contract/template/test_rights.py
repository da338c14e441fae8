"""Each function and machine may do what it does, and nothing else."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redress.identity.workloads import WORKLOAD_SCOPES

ROOT = Path(__file__).parents[3]
FOLDERS = sorted(path.name for path in (ROOT / "functions").iterdir() if path.is_dir())

TABLES = ("orders", "payments", "inventory", "cases", "clients", "tasks")
READS = {"dynamodb:GetItem", "dynamodb:Query"}
DYNAMODB = READS | {"dynamodb:PutItem"}
BEDROCK = {"bedrock:InvokeModelWithResponseStream"}
RETRIEVAL = {
    "gather_context": {"bedrock:Retrieve"},
    # Direct ingestion is an ingestion job to IAM.
    "index_resolution": {"bedrock:IngestKnowledgeBaseDocuments", "bedrock:StartIngestionJob"},
}
A2A = {"tasks", "cases", "verifier", "card_signer", "task_starter"}
# What a handler does not take itself: the tools' servers ask the runtime at each call.
BEHIND = {
    "serve_orders_tools": {"orders", "tasks", "verifier", "policy"},
    "serve_payments_tools": {"payments", "tasks", "verifier", "policy"},
    "serve_inventory_tools": {"inventory", "tasks", "verifier", "policy"},
    # They have the tools' servers in memory; of the policy they are shown nothing.
    "run_orders_agent": {"orders", "tasks", "verifier"},
    "run_payments_agent": {"payments", "tasks", "verifier"},
    "run_inventory_agent": {"inventory", "tasks", "verifier"},
    # Asking agents takes a token for each call, and the key of their cards.
    "investigate_orchestrator": {"broker", "card_signer"},
    # The agents' servers ask the runtime at their first call.
    "serve_orders_agent": A2A,
    "serve_payments_agent": A2A,
    "serve_inventory_agent": A2A,
    # Only a task whose end somebody wants to be told needs it.
    "record_task": {"push"},
}
SIGNS = {"exchange_token": ("kms:Sign",)}
SIGNS_CARDS = {"serve_orders_agent", "serve_payments_agent", "serve_inventory_agent"}
LIBRARY = {"REDRESS_CASES_TABLE", "REDRESS_KNOWLEDGE_BASE_ID", "REDRESS_DATA_SOURCE_ID"}

# Statements on `*`, by Sid, with the reason. Everything else names its resources.
ANY_RESOURCE = {
    "DeliverLogs": "the log delivery API knows no resources",
    "AttachToSubnets": "describing and creating network interfaces knows no resources",
    "DenyToCode": "a denial",
}
# Resources with a wildcard, with the reason.
WILDCARDS = {
    "execution:${InvestigateCaseMachine.Name}:*": ".sync:2 follows executions it names itself",
    "execution:${SettleClaimMachine.Name}:*": ".sync:2 follows executions it names itself",
    "execution:${InvestigatePipelineMachine.Name}:*": ".sync:2 follows executions it names itself",
    "execution:${InvestigateSwarmMachine.Name}:*": ".sync:2 follows executions it names itself",
    "${WebSocketApi}/live/POST/@connections/*": "API Gateway makes up the connections' ids",
}
# The rule through which .sync:2 hears of a child's end; its name is fixed by Step Functions.
SYNC_RULE = "rule/StepFunctionsGetEventsForStepFunctionsExecutionRule"


def statements(value: Any) -> Iterator[dict[str, Any]]:
    """Every policy statement anywhere inside a template."""
    if isinstance(value, dict):
        if "Effect" in value and "Principal" not in value:
            yield value
        for item in value.values():
            yield from statements(item)
    elif isinstance(value, list):
        for item in value:
            yield from statements(item)


def uses(folder: str) -> set[str]:
    """What a handler takes from the runtime: `orders`, `clock`, `config.default_pattern`..."""
    text = (ROOT / "functions" / folder / "handler.py").read_text(encoding="utf-8")
    found = {
        ast.unparse(node).removeprefix("here.")
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.Attribute) and ast.unparse(node).startswith("here.")
    }
    return (found | BEHIND.get(folder, set())) - {"config", "clock", "new_secret"}


def logical_id(folder: str) -> str:
    return "".join(word.capitalize() for word in folder.split("_")) + "Function"


def expected_environment(used: set[str]) -> set[str]:
    names = {f"REDRESS_{table.upper()}_TABLE" for table in used & set(TABLES)}
    names |= {f"REDRESS_{use.split('.')[1].upper()}" for use in used if use.startswith("config.")}
    names |= {"REDRESS_BUS_NAME"} if "publisher" in used else set()
    names |= {"REDRESS_POLICIES_DIR"} if used & {"gate", "passages", "policy"} else set()
    names |= {"REDRESS_TOKEN_ISSUER", "REDRESS_TOKEN_KEY"} if "verifier" in used else set()
    names |= {"REDRESS_TOKEN_KEY"} if used & {"keys", "issuing"} else set()
    names |= {"REDRESS_TOKEN_URL"} if "broker" in used else set()
    names |= {"REDRESS_AGENTS_URL"} if "agents" in used else set()
    names |= {"REDRESS_RUN_TASK_ARN"} if "task_starter" in used else set()
    names |= {"REDRESS_CARD_KEY"} if "card_signer" in used else set()
    names |= {"REDRESS_CASES_TABLE"} if used & {"grants", "issuing"} else set()
    names |= {"REDRESS_TASKS_TABLE"} if "issuing" in used else set()
    names |= LIBRARY if "resolutions" in used else set()
    names |= {"REDRESS_CONNECTIONS_URL"} if "connections" in used else set()
    names |= {"REDRESS_MODEL"} if "model_factory" in used else set()
    return names


PROTOCOLS = {"verifier", "keys", "issuing", "agents", "push"}


def expected_layers(used: set[str]) -> list[str]:
    layers = ["PolicyLayer"] if used & {"gate", "passages", "policy"} else []
    layers += ["WebLayer"] if used & {"model_factory", *PROTOCOLS} else []
    layers += ["AgentsLayer"] if "model_factory" in used else []
    layers += ["ProtocolsLayer"] if used & PROTOCOLS else []
    layers += ["SandboxLayer"] if "config.wasi_cache_dir" in used else []
    return layers


def expected_resources(used: set[str]) -> set[str]:
    resources = {f"{table.capitalize()}Table" for table in used & set(TABLES)}
    resources |= {"CasesTable", "KnowledgeBaseId"} if "resolutions" in used else set()
    resources |= {"TokenKey"} if used & {"verifier", "keys", "issuing"} else set()
    resources |= {"RunTaskMachine"} if "task_starter" in used else set()
    resources |= {"CardKey"} if "card_signer" in used else set()
    resources |= {"CasesTable"} if used & {"grants", "issuing"} else set()
    resources |= {"TasksTable"} if "issuing" in used else set()
    resources |= {"Bus"} if "publisher" in used else set()
    resources |= {"ResolveCaseMachine"} if "callbacks" in used else set()
    resources |= {"WebSocketApi"} if "connections" in used else set()
    resources |= {"ModelArns"} if "model_factory" in used else set()
    return resources


@pytest.mark.parametrize("folder", FOLDERS)
def test_environment_is_what_the_handler_uses(functions: dict[str, Any], folder: str) -> None:
    function = functions[logical_id(folder)]
    given = set(function.get("Environment", {}).get("Variables", {}))
    assert given == expected_environment(uses(folder))


@pytest.mark.parametrize("folder", FOLDERS)
def test_layers_are_what_the_handler_uses(functions: dict[str, Any], folder: str) -> None:
    given = [layer["Ref"] for layer in functions[logical_id(folder)].get("Layers", [])]
    assert given == expected_layers(uses(folder))


@pytest.mark.parametrize("folder", FOLDERS)
def test_rights_are_on_what_the_handler_uses(functions: dict[str, Any], folder: str) -> None:
    found = list(statements(functions[logical_id(folder)].get("Policies", [])))
    resources = {str(_named(statement["Resource"])) for statement in found}
    assert resources == expected_resources(uses(folder))


@pytest.mark.parametrize("folder", FOLDERS)
def test_actions_fit_the_resource(functions: dict[str, Any], folder: str) -> None:
    for statement in statements(functions[logical_id(folder)].get("Policies", [])):
        actions, name = set(statement["Action"]), str(_named(statement["Resource"]))
        if name.endswith("Table") and "Fn::Sub" in statement["Resource"]:
            assert actions == {"dynamodb:Query"}
        elif name.endswith("Table"):
            assert actions <= DYNAMODB
        else:
            assert (
                actions
                == {
                    "Bus": {"events:PutEvents"},
                    "ResolveCaseMachine": {"states:SendTaskSuccess", "states:SendTaskFailure"},
                    "ModelArns": BEDROCK,
                    "CardKey": {"kms:GetPublicKey"}
                    | ({"kms:Sign"} if folder in SIGNS_CARDS else set()),
                    "RunTaskMachine": {"states:StartExecution"},
                    "TokenKey": {"kms:GetPublicKey", *SIGNS.get(folder, ())},
                    "WebSocketApi": {"execute-api:ManageConnections"},
                    "KnowledgeBaseId": RETRIEVAL.get(folder),
                }[name]
            )


def test_agents_and_evidence_are_read_only(functions: dict[str, Any]) -> None:
    """A hijacked agent holds no right to any effect."""
    readers = [f for f in FOLDERS if f.startswith(("fetch_", "conclude_", "investigate_"))]
    assert len(readers) == 6
    agents = ["run_orders_agent", "run_payments_agent", "run_inventory_agent"]
    for folder in [*readers, *agents, "gather_context", "validate_case"]:
        for statement in statements(functions[logical_id(folder)].get("Policies", [])):
            allowed = READS | BEDROCK | RETRIEVAL["gather_context"] | {"kms:GetPublicKey"}
            if folder in agents and statement["Sid"] == "UseTokensOnce":
                # Its own tools note which tokens were used.
                assert statement["Resource"] == {"Fn::GetAtt": ["TasksTable", "Arn"]}
                allowed = allowed | {"dynamodb:PutItem"}
            assert set(statement["Action"]) <= allowed, folder


def writers(functions: dict[str, Any], *tables: str) -> set[str]:
    return {
        name
        for name, function in functions.items()
        for statement in statements(function.get("Policies", []))
        if "dynamodb:PutItem" in statement["Action"] and _named(statement["Resource"]) in tables
    }


def test_no_effect_writes_what_it_is_checked_against(functions: dict[str, Any]) -> None:
    """Rulings and approvals stand in the cases table: settling reads it only."""
    assert writers(functions, "CasesTable") == {
        "ClaimCaseFunction",
        "DecideByPolicyFunction",
        "AwaitApprovalFunction",
        "AnswerApprovalFunction",
        "CloseCaseFunction",
        "RecordFailureFunction",
        # Bound to partitions of their own, as the tests below say.
        "OpenCaseFunction",
        "IndexResolutionFunction",
        "RecordFindingFunction",
        "ServeOrdersAgentFunction",
        "ServePaymentsAgentFunction",
        "ServeInventoryAgentFunction",
    }


@pytest.mark.parametrize("domain", ["orders", "payments", "inventory"])
def test_an_agents_server_writes_delegations_only(functions: dict[str, Any], domain: str) -> None:
    """It hands on what a token allowed; of cases, rulings and users' grants it writes nothing."""
    function = functions[logical_id(f"serve_{domain}_agent")]
    (found,) = (
        statement
        for statement in statements(function["Policies"])
        if _named(statement["Resource"]) == "CasesTable"
    )
    wanted = {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["grant#delegation.*"]}}
    assert (found["Action"], found["Condition"]) == (["dynamodb:PutItem"], wanted)


@pytest.mark.parametrize(
    ("folder", "sid", "operator", "key"),
    [
        ("gather_context", "ReadResolutions", "StringEquals", "resolutions"),
        ("index_resolution", "KeepResolutions", "StringEquals", "resolutions"),
        ("record_finding", "KeepFindings", "StringLike", "findings#*"),
    ],
)
def test_knowledge_is_kept_apart_from_cases(
    functions: dict[str, Any], folder: str, sid: str, operator: str, key: str
) -> None:
    """What is learned of cases, or told by others, reaches no case, ruling or approval."""
    found = {s["Sid"]: s for s in statements(functions[logical_id(folder)]["Policies"])}
    wanted = {f"ForAllValues:{operator}": {"dynamodb:LeadingKeys": [key]}}
    assert found[sid]["Condition"] == wanted
    writes = [s["Sid"] for s in found.values() if "dynamodb:PutItem" in s["Action"]]
    assert writes == ([sid] if folder != "gather_context" else [])


@pytest.mark.parametrize(
    ("folder", "sid"),
    [
        ("open_case", "KeepGrants"),
        ("exchange_token", "ReadGrants"),
        ("fetch_order_evidence", "ReadGrants"),
        ("fetch_payment_evidence", "ReadGrants"),
        ("fetch_inventory_evidence", "ReadGrants"),
        ("investigate_monolith", "ReadGrants"),
    ],
)
def test_who_needs_grants_gets_at_nothing_else_of_cases(
    functions: dict[str, Any], folder: str, sid: str
) -> None:
    (found,) = (
        statement
        for statement in statements(functions[logical_id(folder)]["Policies"])
        if _named(statement["Resource"]) == "CasesTable"
    )
    wanted = {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["grant#*"]}}
    assert (found["Sid"], found["Condition"]) == (sid, wanted)
    assert ("dynamodb:PutItem" in found["Action"]) == (folder == "open_case")


def test_one_function_signs_tokens(template: dict[str, Any], functions: dict[str, Any]) -> None:
    signers = {
        name
        for name, function in functions.items()
        for statement in statements(function.get("Policies", []))
        if "kms:Sign" in statement["Action"] and _named(statement["Resource"]) == "TokenKey"
    }
    assert signers == {"ExchangeTokenFunction"}
    others = [s for s in statements(template["Resources"]) if "TokenKey" in str(s["Resource"])]
    assert sum("kms:Sign" in statement["Action"] for statement in others) == 1


def test_a_workload_is_its_function_s_role_and_may_ask_for_tokens(
    template: dict[str, Any], functions: dict[str, Any]
) -> None:
    variables = functions["ExchangeTokenFunction"]["Environment"]["Variables"]
    _, pairs = variables["REDRESS_WORKLOAD_ROLES"]["Fn::Join"]
    workloads = dict(pair["Fn::Sub"].split("=") for pair in pairs)
    assert set(workloads) <= WORKLOAD_SCOPES.keys() - {"settlement"}
    roles = {role.removeprefix("${").removesuffix(".Arn}") for role in workloads.values()}
    asking = {
        resource["Properties"]["RoleName"]["Ref"]
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::IAM::RolePolicy"
        for statement in statements(resource)
        if statement["Action"] == ["execute-api:Invoke"]
        and statement["Resource"]["Fn::Sub"].endswith(":${TokenApi}/$default/POST/oauth/token")
    }
    given = {
        f"{name}Role"
        for name, function in functions.items()
        if "REDRESS_TOKEN_URL" in function.get("Environment", {}).get("Variables", {})
    }
    assert roles == asking == given


@pytest.mark.parametrize(
    ("folder", "sids"),
    [
        ("gather_context", ["Retrieve", "ReadResolutions"]),
        ("index_resolution", ["Ingest", "KeepResolutions"]),
    ],
)
def test_a_knowledge_base_is_within_reach_only_if_there_is_one(
    functions: dict[str, Any], folder: str, sids: list[str]
) -> None:
    (policy,) = functions[logical_id(folder)]["Policies"]
    (either,) = (s["Fn::If"] for s in policy["Statement"] if "Fn::If" in s)
    assert [either[0], either[1]["Sid"], either[2]["Sid"]] == ["HasKnowledgeBase", *sids]


def test_only_settling_functions_write_the_ledger(functions: dict[str, Any]) -> None:
    assert writers(functions, "OrdersTable", "PaymentsTable", "InventoryTable") == {
        "ReserveStockFunction",
        "IssueRefundFunction",
        "ShipReplacementFunction",
        "CancelReplacementFunction",
        "ReverseRefundFunction",
        "ReleaseStockFunction",
    }


def test_the_sandbox_may_write_its_log_only(template: dict[str, Any]) -> None:
    reconcile = template["Resources"]["ReconcileFunction"]["Properties"]
    assert "Policies" not in reconcile
    assert reconcile["Role"] == {"Fn::GetAtt": ["ReconcileRole", "Arn"]}
    role = template["Resources"]["ReconcileRole"]["Properties"]
    assert "ManagedPolicyArns" not in role
    always = [policy for policy in role["Policies"] if "Fn::If" not in policy]
    (statement,) = statements(always)
    assert statement["Action"] == ["logs:CreateLogStream", "logs:PutLogEvents"]
    assert statement["Resource"] == {"Fn::GetAtt": ["FunctionLogs", "Arn"]}


def test_what_lambda_may_do_in_the_subnets_is_denied_to_the_code(template: dict[str, Any]) -> None:
    found = {s.get("Sid"): s for s in statements(template["Resources"])}
    allowed, denied = found["AttachToSubnets"], found["DenyToCode"]
    assert (allowed["Effect"], denied["Effect"]) == ("Allow", "Deny")
    assert set(allowed["Action"]) == set(denied["Action"])
    assert "lambda:SourceFunctionArn" in denied["Condition"]["ArnEquals"]


def test_no_action_has_a_wildcard(template: dict[str, Any]) -> None:
    for statement in statements(template["Resources"]):
        actions = statement["Action"]
        assert "*" not in str(actions)
        assert "NotAction" not in statement
        assert "NotResource" not in statement


def test_resources_have_no_wildcard_without_a_reason(template: dict[str, Any]) -> None:
    for statement in statements(template["Resources"]):
        resources = statement["Resource"]
        for resource in resources if isinstance(resources, list) else [resources]:
            text = resource.get("Fn::Sub", "") if isinstance(resource, dict) else resource
            if text == "*":
                assert statement["Sid"] in ANY_RESOURCE
            elif "*" in str(text):
                assert text.split("${AWS::AccountId}:")[1] in WILDCARDS


def test_statements_have_a_name_each(functions: dict[str, Any], machines: dict[str, Any]) -> None:
    for holder in (*functions.values(), *machines.values()):
        sids = [statement.get("Sid") for statement in statements(holder.get("Policies", []))]
        assert all(sids)
        assert len(set(sids)) == len(sids)


def test_a_machine_may_run_what_it_names(machines: dict[str, dict[str, Any]]) -> None:
    for name, machine in machines.items():
        given = machine["DefinitionSubstitutions"]
        found = {s["Sid"]: s for s in statements(machine["Policies"])}
        functions = [value for key, value in given.items() if key.endswith("FunctionArn")]
        assert found["InvokeFunctions"]["Resource"] == functions, name
        assert found["InvokeFunctions"]["Action"] == ["lambda:InvokeFunction"]
        children = [value for key, value in given.items() if key.endswith("MachineArn")]
        if children:
            assert found["StartChildren"]["Resource"] == children
            assert found["StartChildren"]["Action"] == ["states:StartExecution"]
            assert found["HearOfChildren"]["Resource"]["Fn::Sub"].endswith(SYNC_RULE)
            followed = re.findall(r"\$\{(\w+)\.Name\}", str(found["FollowChildren"]["Resource"]))
            assert [{"Ref": child} for child in followed] == children
        else:
            assert not found.keys() & {"StartChildren", "HearOfChildren", "FollowChildren"}
        assert ("PublishOutcome" in found) == ("BusName" in given)


def _named(resource: Any) -> Any:
    """The logical id that a statement's resource stands for."""
    if isinstance(resource, dict) and "Fn::GetAtt" in resource:
        return resource["Fn::GetAtt"][0]
    if isinstance(resource, dict) and "Ref" in resource:
        return resource["Ref"]
    if isinstance(resource, dict) and "Fn::Sub" in resource:
        text = resource["Fn::Sub"]
        found = re.fullmatch(r"\$\{(\w+)\.Arn\}/index/by_index", text)
        found = found or re.fullmatch(r"arn:\S+:\$\{(\w+)\}/live/POST/@connections/\*", text)
        found = found or re.fullmatch(r"arn:\S+:knowledge-base/\$\{(\w+)\}", text)
        return found and found.group(1)
    if isinstance(resource, dict) and "Fn::If" in resource:
        return _named(resource["Fn::If"][1])
    return resource
