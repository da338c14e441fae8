"""The files whose agreement the contract tests check."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from asl_engine.source import load_definition

ROOT = Path(__file__).parents[2]


class _Loader(yaml.SafeLoader):
    """Reads CloudFormation's short tags as their long forms."""


def _tag(loader: yaml.Loader, suffix: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.MappingNode):
        value: Any = loader.construct_mapping(node, deep=True)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_scalar(node)
        if suffix == "GetAtt":
            value = value.split(".", 1)
    return {suffix if suffix in {"Ref", "Condition"} else f"Fn::{suffix}": value}


_Loader.add_multi_constructor("!", _tag)


@pytest.fixture(scope="session")
def root() -> Path:
    return ROOT


@pytest.fixture(scope="session")
def template() -> dict[str, Any]:
    return yaml.load((ROOT / "template.yaml").read_text(encoding="utf-8"), Loader=_Loader)


@pytest.fixture(scope="session")
def functions(template: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Properties of every function, by logical id."""
    return {
        name: body["Properties"]
        for name, body in template["Resources"].items()
        if body["Type"] == "AWS::Serverless::Function"
    }


@pytest.fixture(scope="session")
def machines(template: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Properties of every state machine, by logical id, with its `Definition`."""
    return {
        name: {
            **body["Properties"],
            "Definition": load_definition(ROOT / body["Properties"]["DefinitionUri"]),
        }
        for name, body in template["Resources"].items()
        if body["Type"] == "AWS::Serverless::StateMachine"
    }


@pytest.fixture(scope="session")
def every_state(machines: dict[str, dict[str, Any]]) -> list[tuple[str, dict[str, Any]]]:
    """Every state of every machine, nested ones included, with its name."""
    return [each for machine in machines.values() for each in walk(machine["Definition"])]


@pytest.fixture(scope="session")
def states(every_state: list[tuple[str, dict[str, Any]]]) -> dict[str, dict[str, Any]]:
    """The states by name; a name that stands in two machines runs the same function in both."""
    found: dict[str, dict[str, Any]] = {}
    for name, state in every_state:
        runs = state.get("Arguments", {}).get("FunctionName")
        first = found.setdefault(name, state)
        same = runs is not None and runs == first["Arguments"]["FunctionName"]
        assert first is state or same, f"two states are called {name}"
    return found


def walk(machine: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, state in machine["States"].items():
        yield name, state
        for branch in state.get("Branches", []):
            yield from walk(branch)
        if "ItemProcessor" in state:
            yield from walk(state["ItemProcessor"])


@pytest.fixture(scope="session")
def placeholders() -> Any:
    """Finds the `${Name}` of a definition."""
    return lambda definition: set(re.findall(r"\$\{(\w+)\}", json.dumps(definition)))
