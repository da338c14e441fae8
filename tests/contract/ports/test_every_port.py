"""Which port has which adapters: a new adapter must enter its port's contract suite."""

import importlib
import inspect
import pkgutil
from typing import Any

import pytest
from redress import ports

ADAPTERS: dict[str, dict[str, set[str]]] = {
    "Repository": {
        "memory": {"MemoryRepository"},
        "sqlite": {"SqliteRepository"},
        "aws": {"DynamoDbRepository"},
    },
    "EventPublisher": {
        "memory": {"MemoryPublisher"},
        "sqlite": set(),
        "aws": {"EventBridgePublisher"},
    },
    "PassageIndex": {
        "memory": {"OverlapPassages"},
        "sqlite": {"Bm25Passages", "StoredResolutions"},
        "aws": {"KnowledgeBasePolicy", "KnowledgeBaseResolutions"},
    },
    # In memory it is StoredResolutions over MemoryRepository.
    "ResolutionLibrary": {
        "memory": set(),
        "sqlite": {"StoredResolutions"},
        "aws": {"KnowledgeBaseResolutions"},
    },
    "TaskCallback": {
        "memory": {"MemoryCallback"},
        "sqlite": set(),
        "aws": {"StepFunctionsCallback"},
    },
    "ClientConnections": {
        "memory": {"MemoryConnections"},
        "sqlite": set(),
        "aws": {"ApiGatewayConnections"},
    },
    # In this process it is redress.identity.broker.Broker, over any repository.
    "TokenBroker": {
        "memory": set(),
        "sqlite": set(),
        "aws": {"HttpTokenBroker", "AgentCoreTokenBroker"},
    },
    # In this process it is redress_local.embedded.agents.LocalStarter.
    "TaskStarter": {"memory": set(), "sqlite": set(), "aws": {"StepFunctionsStarter"}},
    # Without a key service it is redress.adapters.local_keys.LocalKey.
    "Signer": {"memory": set(), "sqlite": set(), "aws": {"KmsKey"}},
    "PublicKeys": {"memory": set(), "sqlite": set(), "aws": {"KmsKey"}},
    # The machine's own clock serves everywhere: redress.runtime.SystemClock.
    "Clock": {"memory": set(), "sqlite": set(), "aws": set()},
}
CASES = [
    pytest.param(port, store, names, id=f"{port}-{store}{'' if names else ' (has no adapter)'}")
    for port, stores in ADAPTERS.items()
    for store, names in stores.items()
]


def methods(kind: type) -> set[str]:
    return {n for n, member in vars(kind).items() if callable(member) and not n.startswith("_")}


@pytest.mark.parametrize(("port", "store", "names"), CASES)
def test_its_adapters(port: str, store: str, names: set[str]) -> None:
    package: Any = importlib.import_module(f"redress.adapters.{store}")
    wanted = methods(getattr(ports, port))
    found = set()
    for module_info in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
        module = importlib.import_module(module_info.name)
        for name, kind in inspect.getmembers(module, inspect.isclass):
            if kind.__module__ == module.__name__ and wanted <= methods(kind):
                found.add(name)
    assert found == names


def test_no_port_is_forgotten() -> None:
    protocols = {
        name
        for name, kind in inspect.getmembers(ports, inspect.isclass)
        if kind.__module__ == ports.__name__ and getattr(kind, "_is_protocol", False)
    }
    assert protocols == ADAPTERS.keys()
