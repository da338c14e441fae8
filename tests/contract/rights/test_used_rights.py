"""Every role may do what is done with it, and nothing else.

The tests are few, so that parallel workers need one cloud between them.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import least_privilege as rights
import pytest
from least_privilege import Right
from redress_local.emulated.cloud import EmulatedCloud

pytestmark = pytest.mark.timeout(400)

ROOT = Path(__file__).parents[3]


class Role(NamedTuple):
    """A role: its own rights, what is done with it, AWS's policies it has, and which it needs."""

    name: str
    arn: str
    granted: set[Right]
    used: set[Right]
    managed: set[str]
    needed: set[str]


@pytest.fixture(scope="module")
def roles(used_cloud: EmulatedCloud) -> list[Role]:
    return [*functions(used_cloud), *machines(used_cloud), *rules(used_cloud)]


def functions(cloud: EmulatedCloud) -> Iterator[Role]:
    for function in cloud.functions.functions():
        used = rights.used_by(cloud, str(function.logical_id))
        used |= rights.done_by_lambda(cloud, function, function.role)
        needed = {rights.TRACING} if function.tracing == "Active" else set()
        # The sandbox runs a model's code, so its role may write this stack's log alone.
        needed |= {rights.BASIC} if function.logical_id != "ReconcileFunction" else set()
        yield role(cloud, str(function.logical_id), function.role, used, needed)


def machines(cloud: EmulatedCloud) -> Iterator[Role]:
    definitions = dict(rights.machines(cloud))
    for name, properties, created in cloud.stack.of("AWS::StepFunctions::StateMachine"):
        used = rights.done_by_machine(definitions.pop(created.ref), properties)
        yield role(cloud, name, properties["RoleArn"], used, {rights.TRACING})
    assert not definitions


def rules(cloud: EmulatedCloud) -> Iterator[Role]:
    for arn, used in rights.done_by_rules(cloud).items():
        yield role(cloud, arn.rpartition("/")[2], arn, used, set())


def role(cloud: EmulatedCloud, name: str, arn: str, used: set[Right], needed: set[str]) -> Role:
    managed = rights.managed_policies(cloud, arn)
    return Role(name, arn, rights.granted_to(cloud, arn), used, managed, needed)


def test_each_role_may_do_what_is_done_with_it(
    used_cloud: EmulatedCloud, roles: list[Role]
) -> None:
    assert used_cloud.gateway.calls.overflow == 0
    found = {each.name: rights.problems(each.granted, each.used) for each in roles}
    assert {name: problems for name, problems in found.items() if problems} == {}
    assert {r.name: r.managed for r in roles} == {r.name: r.needed for r in roles}


def test_every_role_was_looked_at(used_cloud: EmulatedCloud, roles: list[Role]) -> None:
    made = {created.attributes["Arn"] for _, _, created in used_cloud.stack.of("AWS::IAM::Role")}
    assert sorted(made) == sorted(each.arn for each in roles)


def test_every_removed_and_every_added_right_is_caught(roles: list[Role]) -> None:
    """On copies of what the stack really grants and what was really done."""
    extra = Right("dynamodb:DeleteItem", "arn:aws:dynamodb:us-east-1:000000000000:table/t")
    for each in roles:
        for right in each.granted:
            problems = rights.problems(each.granted - {right}, each.used)
            assert problems
            assert all(problem.startswith(f"missing: {right.action} ") for problem in problems)
        assert rights.problems(each.granted | {extra}, each.used) == [f"unused: {extra}"]


def test_a_right_removed_from_the_template_and_one_added(roles: list[Role], tmp_path: Path) -> None:
    """A stack from a changed copy of the real template, held against what was really done."""
    added = """\
            - Sid: DropPayments
              Effect: Allow
              Action: [dynamodb:DeleteItem]
              Resource: !GetAtt PaymentsTable.Arn
"""
    # A function ends with an empty line, and this one with the right to publish.
    publish = r"(\n  IssueRefundFunction:\n(?:.+\n)+?) +- Sid: PublishEvents\n(?:.+\n)+(?=\n)"
    real = (ROOT / "template.yaml").read_text(encoding="utf-8")
    changed, times = re.subn(publish, rf"\g<1>{added}", real)
    assert times == 1
    for name in ("functions", "layers", "policies", "statemachines"):
        (tmp_path / name).symlink_to(ROOT / name)
    template = tmp_path / "template.yaml"
    template.write_text(changed, encoding="utf-8")
    with EmulatedCloud.start(port=0, template=template) as cloud:
        found = {
            each.name: [
                problem
                for problem in rights.problems(rights.granted_to(cloud, each.arn), each.used)
                # KMS makes up its keys' ids, so those of the other stack are others.
                if ":key/" not in problem
            ]
            for each in roles
        }
    account = "us-east-1:000000000000"
    ((name, problems),) = ((name, lines) for name, lines in found.items() if lines)
    assert name == "IssueRefundFunction"
    missing, unused = problems
    assert missing.startswith(f"missing: events:PutEvents on arn:aws:events:{account}:event-bus/")
    assert unused.startswith(f"unused: dynamodb:DeleteItem on arn:aws:dynamodb:{account}:table/")
    assert "PaymentsTable" in unused
