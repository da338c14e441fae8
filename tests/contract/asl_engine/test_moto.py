"""The engine does what moto's interpreter does, on the subset that moto gets right."""

from __future__ import annotations

import logging

import pytest
from asl_cases import CASES
from asl_moto import UNFAITHFUL, run_on_moto
from asl_oracles import assert_same


@pytest.fixture(autouse=True)
def quiet() -> None:
    logging.getLogger("moto.stepfunctions").setLevel(logging.CRITICAL)


@pytest.mark.parametrize("case", sorted(CASES.keys() - UNFAITHFUL.keys()))
def test_same_as_moto(case: str) -> None:
    definition, value, answers = CASES[case]
    assert_same(definition, value, answers, ordered=False, oracle=run_on_moto)


def test_the_list_of_what_moto_cannot_do_is_of_known_cases() -> None:
    assert UNFAITHFUL.keys() <= CASES.keys()
