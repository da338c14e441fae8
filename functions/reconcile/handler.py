"""Reconcile: the agent's program over the evidence, in the sandbox."""

from typing import Any

from redress.logs import logged
from redress.models.base import dump, parse
from redress.models.investigation import ReconcileRequest
from redress.runtime import runtime
from redress.steps.reconcile import reconcile


@logged
def handler(event: dict[str, Any], _context: object) -> Any:
    """Run the program; its answer is untrusted."""
    here = runtime()
    return dump(reconcile(parse(ReconcileRequest, event), here.config.wasi_cache_dir))
