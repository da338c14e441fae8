"""An agent of another team is deployed beside Redress, hears of cases and reports on them.

Nothing of Redress is changed for it: its stack has a rule of its own on the bus.
"""

import json
from pathlib import Path
from typing import Any

import pytest
from redress.models.findings import FindingReported
from redress.steps.record_finding import findings_of
from redress_local.emulated.resources.errors import UnsupportedResourceError
from redress_local.emulated.resources.stack import Stack
from redress_local.shop.labels import CaseLabel
from redress_local.template_values import TemplateError
from stack_world import StackWorld, until

TEMPLATE = Path(__file__).parent / "fraud_watch" / "template.yaml"


@pytest.fixture(scope="module")
def fraud_watch(world: StackWorld) -> Stack:
    before = describe(world)
    stack = world.cloud.deploy(TEMPLATE)
    assert describe(world) == before
    return stack


def describe(world: StackWorld) -> Any:
    """What the first stack consists of."""
    stack = world.cloud.stack
    return {**stack.created}, {**stack.outputs}, json.dumps(stack.resolved, default=str)


def labels(world: StackWorld) -> list[CaseLabel]:
    """Labelled cases of different customers, from the end: other tests take the first ones."""
    by_customer = {label.customer_id: label for label in reversed(world.labels.cases)}
    return list(by_customer.values())


def opened(world: StackWorld, label: CaseLabel, case_id: str, statement: str) -> dict[str, Any]:
    return {**world.opened(label), "case_id": case_id, "statement": statement}


def found_by(world: StackWorld, case_id: str) -> tuple[FindingReported, ...]:
    found = until(lambda: findings_of(world.cases, case_id), f"a finding on {case_id}")
    return tuple(found)


def test_it_adds_its_finding_to_the_case(world: StackWorld, fraud_watch: Stack) -> None:
    label, _, other, *_ = labels(world)
    statement = "My copied story: I was charged twice."
    first = opened(world, other, "case_agent_first", statement)
    assert world.ended(world.started_by(world.put(first)[0]))["status"] == "SUCCEEDED"
    second = opened(world, label, "case_agent_second", statement)
    execution = world.started_by(world.put(second)[0])
    (finding,) = found_by(world, "case_agent_second")
    assert (finding.agent, finding.code, finding.severity) == (
        "fraud-watch",
        "copied_statement",
        "critical",
    )
    assert set(finding.evidence) == {"cases/case_agent_first", "cases/case_agent_second"}
    assert findings_of(world.cases, "case_agent_first") == ()
    # It decides nothing: the case ends as such a case does.
    assert world.ended(execution)["status"] == "SUCCEEDED"
    case = world.case("case_agent_second")
    assert case is not None
    assert case.outcome is not None
    assert "fraud" not in json.dumps(case.outcome)


def test_a_second_delivery_adds_nothing(world: StackWorld, fraud_watch: Stack) -> None:
    label = labels(world)[3]
    details = [opened(world, label, f"case_agent_many_{n}", f"Story number {n}.") for n in range(3)]
    for detail in details:
        world.ended(world.started_by(world.put(detail)[0]))
    last = details[-1]
    (finding,) = found_by(world, last["case_id"])
    assert finding.code == "many_cases"
    archived = [e for e in world.archived(last["case_id"]) if e["source"] == "fraud-watch"]
    assert len(archived) == 1
    world.put(last)
    again = until(
        lambda: (
            len([e for e in world.archived(last["case_id"]) if e["source"] == "fraud-watch"]) > 1
        ),
        "the finding, reported again",
    )
    assert again
    assert findings_of(world.cases, last["case_id"]) == (finding,)


def test_it_needs_the_buss_name_and_no_more(world: StackWorld, fraud_watch: Stack) -> None:
    assert fraud_watch.name == "fraud-watch"
    assert fraud_watch.parameters == {"BusName": world.bus}
    given = [
        properties
        for _, properties, _ in fraud_watch.of("AWS::Lambda::Function")
        if world.cloud.stack.name in json.dumps(properties["Environment"])
    ]
    (function,) = given
    variables = function["Environment"]["Variables"]
    theirs = {name for name, value in variables.items() if value.startswith("redress")}
    assert theirs == {"BUS_NAME"}
    *_, one, other = labels(world)
    for name, label in (("case_agent_rights_1", one), ("case_agent_rights_2", other)):
        detail = opened(world, label, name, "A story that somebody else tells, too.")
        world.ended(world.started_by(world.put(detail)[0]))
    assert found_by(world, "case_agent_rights_2")
    called = {
        (call.service, call.operation, call.resource)
        for call in world.cloud.gateway.calls.entries("FraudWatchFunction")
    }
    table = fraud_watch.outputs["SeenTableName"]
    assert called == {
        ("dynamodb", "PutItem", table),
        ("dynamodb", "Query", table),
        ("events", "PutEvents", world.bus),
    }


def test_a_stack_is_deployed_once(world: StackWorld, fraud_watch: Stack) -> None:
    for name in ("fraud-watch", world.cloud.stack.name):
        with pytest.raises(TemplateError, match="already"):
            world.cloud.deploy(TEMPLATE, name)
    with pytest.raises(TemplateError, match="no name of a stack"):
        world.cloud.deploy(TEMPLATE, "1 x")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Resources: {Api: {Type: AWS::ApiGatewayV2::Api}}", UnsupportedResourceError),
        ("Resources: {Queue: {Type: AWS::Nobody::Knows}}", UnsupportedResourceError),
        ("Parameters: {Other: {Type: String}}\nResources: {}", TemplateError),
        ("Resources: 7", TemplateError),
        ("not: [a template", TemplateError),
    ],
)
def test_what_cannot_be_deployed_is_refused(
    world: StackWorld, tmp_path: Path, text: str, expected: type[Exception]
) -> None:
    template = tmp_path / "broken.yaml"
    template.write_text(text, encoding="utf-8")
    with pytest.raises(expected):
        world.cloud.deploy(template)
    assert "broken" not in world.cloud.further
    with pytest.raises(TemplateError):
        world.cloud.deploy(tmp_path / "absent.yaml")
