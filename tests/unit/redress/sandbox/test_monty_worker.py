"""The worker is found wherever its package was installed."""

import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest
from redress.sandbox import monty_engine
from redress.sandbox.errors import SandboxUnavailableError

NAME = "pydantic_monty_runtime"


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    monty_engine._binary_path.cache_clear()
    yield
    monty_engine._binary_path.cache_clear()


@pytest.fixture
def layer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The package as `pip install --target` leaves it, without the worker."""
    folder = tmp_path / "opt" / "python"
    info = folder / f"{NAME}-1.4.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: pydantic-monty-runtime\n")
    (info / "RECORD").write_text(f"../../bin/monty,,\n{info.name}/METADATA,,\n")
    monkeypatch.setattr(sys, "path", [str(folder), *sys.path])
    return folder


def test_in_this_environment() -> None:
    path = monty_engine._binary_path()
    assert path.is_file()
    listed = metadata.files("pydantic-monty-runtime") or []
    assert path in {Path(str(file.locate())).resolve() for file in listed}


def test_in_a_layer(layer: Path) -> None:
    worker = layer / "bin" / "monty"
    worker.parent.mkdir()
    worker.write_text("")
    assert monty_engine._binary_path() == worker.resolve()


def test_a_worker_that_is_not_there_is_never_looked_for_elsewhere(
    layer: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    decoy = tmp_path / "decoy"
    decoy.mkdir()
    (decoy / "monty").write_text("")
    monkeypatch.setenv("PATH", str(decoy))
    with pytest.raises(SandboxUnavailableError, match="missing"):
        monty_engine._binary_path()
