"""Reconcile: runs the agent's program over the evidence in the sandbox."""

from pathlib import Path

from redress.models.base import dump
from redress.models.investigation import ReconcileRequest, Reconciliation
from redress.sandbox import run_program

NO_PROGRAM = {"type": "ProgramMissing", "message": "the investigation holds no program"}


def reconcile(request: ReconcileRequest, wasi_cache_dir: str = "") -> Reconciliation:
    """Run the program with INPUT = {"evidence": [...]}; its answer is untrusted.

    A program that fails, or no program at all, is an answer too: the ruling asks a human then.
    """
    if not request.program.strip():
        return Reconciliation(ok=False, error=NO_PROGRAM)
    result = run_program(
        request.program,
        {"evidence": dump(request.evidence)},
        cache_folder=Path(wasi_cache_dir) if wasi_cache_dir else None,
    )
    return Reconciliation(
        ok=result.ok,
        value=result.value,
        error=dump(result.error),
        engine=result.engine or "",
        engine_version=result.engine_version or "",
        code_sha256=result.code_sha256,
        input_sha256=result.input_sha256,
        output_sha256=result.output_sha256 or "",
    )
