"""Deterministic functions start fast: their steps import no AWS client, agent or model library."""

import subprocess
import sys
from pathlib import Path

import pytest
import redress.steps

HEAVY = ("boto3", "botocore", "strands", "pydantic", "wasmtime", "pydantic_monty", "yaml")
FOLDER = Path(redress.steps.__file__).parent
STEPS = sorted(f.stem for f in FOLDER.glob("*.py") if f.stem not in ("__init__", "reconcile"))


def imported(module: str) -> set[str]:
    program = f"import sys, {module}; print(*sys.modules)"
    run = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    return {name.split(".")[0] for name in run.stdout.split()}


def test_all_steps_are_light() -> None:
    names = ", ".join(f"redress.steps.{step}" for step in STEPS)
    assert not imported(names) & set(HEAVY)


@pytest.mark.parametrize("step", ["claim_case", "close_case", "reserve_stock", "record_failure"])
def test_cedar_is_only_where_it_is_asked(step: str) -> None:
    assert "cedarpy" not in imported(f"redress.steps.{step}")
