"""The state machines keep the language, the house rules and the error contract."""

import importlib.util
import inspect
import re
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import redress.errors as errors
import yaml
from asl_engine.source import load_definition

ROOT = Path(__file__).parents[3]
FILES = sorted((ROOT / "statemachines").iterdir())

# Raised by AWS, not by us; the names that our machines may match.
LAMBDA_ERRORS = {
    "Lambda.ServiceException",
    "Lambda.AWSLambdaException",
    "Lambda.SdkClientException",
    "Lambda.TooManyRequestsException",
    "Lambda.ClientExecutionTimeoutException",
    "Sandbox.Timedout",
    "Runtime.ExitError",
}
STEP_FUNCTIONS_ERRORS = {
    "StepFunctions.SdkClientException",
    "StepFunctions.StepFunctionsException",
    "StepFunctions.ThrottlingException",
}
EVENTBRIDGE_ERRORS = {
    "EventBridge.FailedEntry",
    "EventBridge.EventBridgeException",
    "EventBridge.SdkClientException",
}
AWS_ERRORS = LAMBDA_ERRORS | STEP_FUNCTIONS_ERRORS | EVENTBRIDGE_ERRORS
STATES_ERRORS = {"States.ALL", "States.Timeout"}

EveryState = list[tuple[str, dict[str, Any]]]

OURS: dict[str, type[errors.RedressError]] = {
    name: kind
    for name, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, errors.RedressError)
}


@pytest.fixture(scope="module")
def linter() -> ModuleType:
    spec = importlib.util.spec_from_file_location("lint_asl", ROOT / "tools" / "lint_asl.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_linters_find_nothing(linter: ModuleType, path: Path) -> None:
    assert linter.problems(path) == []


def test_linters_find_what_is_wrong(linter: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "broken.asl.yaml"
    path.write_text("StartAt: A\nStates:\n  A: {Type: Task, Next: B}\n", encoding="utf-8")
    assert any("MISSING_TRANSITION_TARGET" in line for line in linter.problems(path))
    assert any("statelint" in line for line in linter.problems(path))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_yaml_means_the_same_to_every_reader(path: Path) -> None:
    """SAM reads YAML 1.1, where an unquoted `No` is false and `12:30` a number."""
    assert yaml.safe_load(path.read_text(encoding="utf-8")) == load_definition(path)


def test_the_story_fits_on_a_page(machines: dict[str, dict[str, Any]]) -> None:
    assert len(machines["ResolveCaseMachine"]["Definition"]["States"]) <= 14


def test_states_say_what_they_are_for(every_state: EveryState) -> None:
    assert [name for name, state in every_state if not state.get("Comment")] == []


def test_state_names_are_intents(every_state: EveryState) -> None:
    services = re.compile("Lambda|Dynamo|Sqs|Sns|EventBridge|Bedrock", re.IGNORECASE)
    assert [
        name for name, _ in every_state if not re.fullmatch(r"(?:[A-Z][a-z]+){1,4}", name)
    ] == []
    assert [name for name, _ in every_state if services.search(name)] == []


def test_questions_are_choices(every_state: EveryState) -> None:
    choices = {name for name, state in every_state if state["Type"] == "Choice"}
    asked = {name for name, _ in every_state if re.match(r"(?:Is|Choose)[A-Z]", name)}
    assert choices == asked


def test_matched_errors_exist(every_state: EveryState) -> None:
    known = set(OURS) | AWS_ERRORS | STATES_ERRORS
    unknown = [(name, error) for name, error in _matched(every_state) if error not in known]
    assert unknown == []


def test_only_errors_that_may_pass_are_retried(every_state: EveryState) -> None:
    """Retriers name retryable errors only; a time-out is retried where it means silence."""
    for name, state in every_state:
        for retrier in state.get("Retry", []):
            for error in retrier["ErrorEquals"]:
                retryable = error in OURS and issubclass(OURS[error], errors.RetryableError)
                silence = error == "States.Timeout" and name == "AwaitApproval"
                assert retryable or error in AWS_ERRORS or silence, f"{name} retries {error}"


def test_only_final_errors_are_caught_by_name(every_state: EveryState) -> None:
    for name, state in every_state:
        for catcher in state.get("Catch", []):
            for error in catcher["ErrorEquals"]:
                final = error in OURS and issubclass(OURS[error], errors.FinalError)
                silence = error == "States.Timeout" and name == "AwaitApproval"
                assert final or error == "States.ALL" or silence, f"{name} catches {error}"


def test_a_function_state_retries_every_retryable_error(every_state: EveryState) -> None:
    retryable = {k for k, v in OURS.items() if errors.RetryableError in v.__bases__}
    # No function lets it out: who asks an agent goes on without its answer.
    retryable.remove("AgentUnavailableError")
    for name, state in every_state:
        if state.get("Resource", "").endswith(":lambda:invoke"):
            retried = {e for retrier in state["Retry"] for e in retrier["ErrorEquals"]}
            assert retried >= retryable | LAMBDA_ERRORS, name


def test_every_final_error_ends_somewhere(every_state: EveryState) -> None:
    """Each function state's errors end in a catcher for all, its own or its Parallel's."""
    caught_outside = {
        name
        for _, state in every_state
        if _catches_all(state)
        for branch in state.get("Branches", [])
        for name in branch["States"]
    }
    for name, state in every_state:
        if state["Type"] == "Task":
            assert _catches_all(state) or name in caught_outside, name


def test_failure_never_ends_in_success(machines: dict[str, dict[str, Any]]) -> None:
    """From a catcher for all, only Fail states end the machine, or the orchestrator takes over.

    RecordTask tells the caller of a task that it failed; then IsCompleted fails the execution.
    """
    for machine in machines.values():
        top = machine["Definition"]["States"]
        for name, state in top.items():
            for catcher in state.get("Catch", []):
                if catcher["ErrorEquals"] == ["States.ALL"]:
                    ends = _ends(catcher["Next"], top)
                    recovers = catcher["Next"] in {"InvestigateOrchestrator", "RecordTask"}
                    assert recovers or ends <= {"Fail"}, f"{name} -> {catcher['Next']}: {ends}"


def test_only_embeddable_integrations(every_state: EveryState) -> None:
    used = {state["Resource"] for _, state in every_state if state["Type"] == "Task"}
    assert used == {
        "arn:aws:states:::lambda:invoke",
        "arn:aws:states:::lambda:invoke.waitForTaskToken",
        "arn:aws:states:::states:startExecution.sync:2",
        "arn:aws:states:::events:putEvents",
    }


def test_the_asker_knows_its_own_time_out(every_state: EveryState) -> None:
    state = dict(every_state)["AwaitApproval"]
    assert state["Arguments"]["Payload"]["timeout_seconds"] == state["TimeoutSeconds"]


def test_a_parent_waits_as_long_as_its_child_may_run(machines: dict[str, dict[str, Any]]) -> None:
    for machine, state, child in (
        ("ResolveCaseMachine", "Investigate", "InvestigateCaseMachine"),
        ("ResolveCaseMachine", "SettleClaim", "SettleClaimMachine"),
        ("InvestigateCaseMachine", "InvestigatePipeline", "InvestigatePipelineMachine"),
        ("InvestigateCaseMachine", "InvestigateSwarm", "InvestigateSwarmMachine"),
    ):
        parent = machines[machine]["Definition"]
        limit = machines[child]["Definition"]["TimeoutSeconds"]
        assert parent["States"][state]["TimeoutSeconds"] >= limit
        assert parent["TimeoutSeconds"] >= limit


def _matched(every_state: EveryState) -> list[tuple[str, str]]:
    return [
        (name, error)
        for name, state in every_state
        for rule in [*state.get("Retry", []), *state.get("Catch", [])]
        for error in rule["ErrorEquals"]
    ]


def _catches_all(state: dict[str, Any]) -> bool:
    return any(catcher["ErrorEquals"] == ["States.ALL"] for catcher in state.get("Catch", []))


def _ends(start: str, states: dict[str, Any]) -> set[str]:
    """Types of the states that end the machine on the way from `start`, catchers included."""
    seen: set[str] = set()
    todo, ends = [start], set()
    while todo:
        name = todo.pop()
        if name in seen:
            continue
        seen.add(name)
        state = states[name]
        following = [state.get("Next"), state.get("Default")]
        following += [rule["Next"] for rule in state.get("Choices", []) + state.get("Catch", [])]
        todo += [target for target in following if target]
        if state["Type"] in {"Succeed", "Fail"} or state.get("End"):
            ends.add(state["Type"])
    return ends
