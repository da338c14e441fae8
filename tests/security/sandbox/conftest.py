"""One attack on one tier: run it, and check that the host is as it was."""

import contextlib
import os
import resource
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import psutil
import pytest
from redress.sandbox import Limits, close, run_program, triage, warm_up

sys.path.insert(0, str(Path(__file__).parent))

from processes import note_others, sandbox_children

SECRET = "canary-7b1f0c55"
PEAK_KIB = 32 * 1024


def children() -> list[str]:
    """Return the names of this process's children, once those that are ending have ended."""
    deadline = time.monotonic() + 2
    while True:
        names = []
        for child in sandbox_children(recursive=True):
            with contextlib.suppress(psutil.NoSuchProcess):
                names.append(child.name())
        if len(names) <= 1 or time.monotonic() > deadline:
            return names
        time.sleep(0.02)


@pytest.fixture(autouse=True)
def _others() -> None:
    note_others()


@pytest.fixture(scope="session", autouse=True)
def _compiled() -> None:
    warm_up(("monty", "wasi"))


@pytest.fixture(scope="session")
def _canaries(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    # A worker started from here on would inherit the secret, if anything were inherited.
    os.environ["SANDBOX_CANARY"] = SECRET
    close()
    warm_up()
    path = tmp_path_factory.mktemp("canary") / "secret"
    path.write_text(SECRET)
    yield path
    del os.environ["SANDBOX_CANARY"]


@pytest.fixture
def attack(_canaries: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., object]:
    """Give `attack(code, tier, short)` -> the error's name, or [value]."""
    monkeypatch.setattr(triage, "imported_modules", lambda _code: [])

    def run(code: str, tier: str, *, short: bool) -> object:
        wall = (0.3 if tier == "monty" else 1.0) if short else 20.0
        code = code.replace("FILE_CANARY", str(_canaries))
        environment = dict(os.environ)
        folder = Path.cwd()
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        started = time.monotonic()
        result = run_program(code, {"a": 1}, Limits(wall_seconds=wall), engines=(tier,))
        assert time.monotonic() - started < wall + 3
        assert SECRET not in str(msgspec.to_builtins(result))
        assert "root:" not in str(msgspec.to_builtins(result))
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak < PEAK_KIB
        # Tier 1 keeps one idle worker, which has run no program yet.
        assert children() in ([], ["monty"])
        assert dict(os.environ) == environment
        assert Path.cwd() == folder
        assert result.ok is (result.error is None)
        return [result.value] if result.error is None else result.error.type

    return run
