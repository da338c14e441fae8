"""Reconcile: the agent's program over the evidence, in the sandbox."""

import pytest
from redress.models.investigation import Evidence, ReconcileRequest
from redress.steps.reconcile import reconcile

EVIDENCE = (Evidence("payments/pay_2", "payments", "captured", {"amount_minor": 8400}),)

PROGRAM = """
import json
owed = sum(item["facts"]["amount_minor"] for item in INPUT["evidence"])
print(json.dumps({"refund_minor": {"pay_2": owed}}))
"""


def test_a_program_sees_the_evidence() -> None:
    answer = reconcile(ReconcileRequest(PROGRAM, EVIDENCE))
    assert (answer.ok, answer.value) == (True, {"refund_minor": {"pay_2": 8400}})
    assert answer.engine
    assert answer.engine_version
    assert all(
        len(h) == 64 for h in (answer.code_sha256, answer.input_sha256, answer.output_sha256)
    )


@pytest.mark.parametrize("program", ["", "  \n "])
def test_no_program_is_an_answer(program: str) -> None:
    answer = reconcile(ReconcileRequest(program, EVIDENCE))
    assert (answer.ok, answer.error and answer.error["type"]) == (False, "ProgramMissing")


@pytest.mark.parametrize("program", ["1/0", "print(", "import socket", "print('no json')"])
def test_a_program_that_fails_is_an_answer(program: str) -> None:
    answer = reconcile(ReconcileRequest(program, EVIDENCE))
    assert not answer.ok
    assert answer.error
    assert answer.error["type"].endswith("Error")
    assert answer.value is None
