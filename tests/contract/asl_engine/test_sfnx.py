"""The engine does what sfnx.testing does: status, output, error, calls and their order."""

from __future__ import annotations

import pytest
from asl_cases import CASES
from asl_oracles import assert_same


@pytest.mark.parametrize("case", CASES)
def test_same_as_sfnx(case: str) -> None:
    definition, value, answers = CASES[case]
    assert_same(definition, value, answers)
