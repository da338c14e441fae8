"""One name runs through folder, state, logical id, substitution, sample event and unit test.

`reserve_stock/` = state ReserveStock = ReserveStockFunction = ${ReserveStockFunctionArn} =
events/reserve_stock.json = its module's unit test, test_reserve_stock.py. A new function lacks
what fails here.
"""

import ast
import re
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
FOLDERS = sorted(path.name for path in (ROOT / "functions").iterdir() if path.is_dir())

# Functions that no state runs, with the reason.
NOT_STATES = {
    "answer_approval": "a human answers it; it wakes the state AwaitApproval",
    "open_case": "POST /cases",
    "exchange_token": "POST /oauth/token",
    "show_keys": "GET /.well-known/jwks.json",
    "show_case": "GET /cases/{case_id}",
    "issue_ticket": "POST /tickets",
    "connect_client": "WebSocket route $connect",
    "disconnect_client": "WebSocket route $disconnect",
    "watch_case": "WebSocket route watch",
    "notify_clients": "CaseNewsRule",
    "serve_orders_tools": "ANY /mcp/orders",
    "serve_payments_tools": "ANY /mcp/payments",
    "serve_inventory_tools": "ANY /mcp/inventory",
    "index_resolution": "CaseResolvedRule",
    "serve_orders_agent": "/a2a/orders",
    "serve_payments_agent": "/a2a/payments",
    "serve_inventory_agent": "/a2a/inventory",
    "record_finding": "FindingReportedRule",
}
# Unit tests of functions that only make sense together; every other function has its own file.
TESTED_TOGETHER = {
    "await_approval": "test_approval",
    "answer_approval": "test_approval",
    "fetch_order_evidence": "test_evidence_steps",
    "fetch_payment_evidence": "test_evidence_steps",
    "fetch_inventory_evidence": "test_evidence_steps",
    "reserve_stock": "test_settlement",
    "issue_refund": "test_settlement",
    "ship_replacement": "test_settlement",
    "cancel_replacement": "test_compensation",
    "reverse_refund": "test_compensation",
    "release_stock": "test_compensation",
    "issue_ticket": "test_clients",
    "connect_client": "test_clients",
    "disconnect_client": "test_clients",
    "watch_case": "test_clients",
}
AWS_MODULES = {"boto3", "botocore", "aws_lambda_powertools", "os"}


def camel(folder: str) -> str:
    return "".join(word.capitalize() for word in folder.split("_"))


def function_states(states: dict[str, dict[str, Any]]) -> dict[str, str]:
    """Names of the states that run a function, with the substitution that they run."""
    return {
        name: state["Arguments"]["FunctionName"]
        for name, state in states.items()
        if ":lambda:invoke" in state.get("Resource", "")
    }


def test_every_function_has_a_folder(functions: dict[str, Any]) -> None:
    assert set(functions) == {f"{camel(folder)}Function" for folder in FOLDERS}


@pytest.mark.parametrize("folder", FOLDERS)
def test_folder_is_the_functions_code(functions: dict[str, Any], folder: str) -> None:
    assert functions[f"{camel(folder)}Function"]["CodeUri"] == f"functions/{folder}"


def test_every_function_is_a_state(states: dict[str, dict[str, Any]]) -> None:
    assert set(function_states(states)) == {camel(f) for f in FOLDERS if f not in NOT_STATES}


def test_a_state_runs_the_function_of_its_name(states: dict[str, dict[str, Any]]) -> None:
    for name, arn in function_states(states).items():
        assert arn == f"${{{name}FunctionArn}}"


def test_machines_get_what_they_name_and_no_more(
    machines: dict[str, dict[str, Any]], placeholders: Any
) -> None:
    for name, machine in machines.items():
        assert placeholders(machine["Definition"]) == set(machine["DefinitionSubstitutions"]), name


def test_a_substitution_is_what_its_name_says(machines: dict[str, dict[str, Any]]) -> None:
    for machine in machines.values():
        for name, value in machine["DefinitionSubstitutions"].items():
            if name.endswith("FunctionArn"):
                assert value == {"Fn::GetAtt": [name.removesuffix("Arn"), "Arn"]}
            elif name.endswith("MachineArn"):
                assert value == {"Ref": name.removesuffix("Arn")}
            else:
                assert (name, value) == ("BusName", {"Ref": "Bus"})


def test_a_machine_is_called_like_its_file(machines: dict[str, dict[str, Any]]) -> None:
    names = {camel(path.name.split(".")[0]) for path in (ROOT / "statemachines").iterdir()}
    assert set(machines) == {f"{name}Machine" for name in names}
    for name, machine in machines.items():
        file = Path(machine["DefinitionUri"]).name.split(".")[0]
        assert name == f"{camel(file)}Machine"


@pytest.mark.parametrize("folder", FOLDERS)
def test_function_has_a_sample_event(folder: str) -> None:
    assert (ROOT / "events" / f"{folder}.json").is_file()


@pytest.mark.parametrize("folder", FOLDERS)
def test_function_has_a_unit_test(folder: str) -> None:
    """It lies where its module lies: redress/steps/x.py has unit/redress/steps/test_x.py."""
    text = (ROOT / "functions" / folder / "handler.py").read_text(encoding="utf-8")
    (module,) = re.findall(rf"from (redress\.(?:steps|agents|api|a2a)\S*) import {folder}\n", text)
    *packages, name = module.split(".")
    file = TESTED_TOGETHER.get(folder, f"test_{name}")
    assert (ROOT / "tests" / "unit").joinpath(*packages, f"{file}.py").is_file()


@pytest.mark.parametrize("folder", FOLDERS)
def test_folder_holds_a_handler_and_its_requirements(folder: str) -> None:
    found = {path.name for path in (ROOT / "functions" / folder).iterdir()} - {"__pycache__"}
    assert found == {"handler.py", "requirements.txt"}


@pytest.mark.parametrize("folder", FOLDERS)
def test_handler_is_parse_call_dump(folder: str) -> None:
    text = (ROOT / "functions" / folder / "handler.py").read_text(encoding="utf-8")
    assert len([line for line in text.splitlines() if line.strip()]) <= 15
    module = ast.parse(text)
    assert (ast.get_docstring(module) or "").startswith(f"{camel(folder)}: ")
    (function,) = (node for node in module.body if isinstance(node, ast.FunctionDef))
    assert function.name == "handler"
    assert [ast.unparse(decorator) for decorator in function.decorator_list] == ["logged"]
    imported = {name.split(".")[0] for node in module.body for name in _imports(node)}
    assert imported == {"typing", "redress"}
    assert not imported & AWS_MODULES
    calls = re.findall(rf"\b{_step(module, folder)}\(", text)
    assert len(calls) == 1


def _imports(node: ast.stmt) -> list[str]:
    if isinstance(node, ast.ImportFrom):
        return [node.module or ""]
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return []


OF_FUNCTIONS = ("redress.steps", "redress.agents", "redress.api", "redress.a2a")


def _step(module: ast.Module, folder: str) -> str:
    """The one thing that the handler calls has the folder's name."""
    names = [
        alias.name
        for node in module.body
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(OF_FUNCTIONS)
        for alias in node.names
    ]
    assert names == [folder]
    return names[0]
