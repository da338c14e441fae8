import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from redress.sandbox import wasi_module
from redress.sandbox.errors import SandboxUnavailableError


def pretend_to_compile(target: Path) -> None:
    log = target.parent / "log"
    with log.open("a") as file:
        file.write("compiled\n")
    time.sleep(0.1)
    target.write_bytes(b"module")


def test_many_at_once_compile_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # The lock belongs to an open file, so threads wait for one another as processes do.
    monkeypatch.setattr(wasi_module, "compile_module", pretend_to_compile)
    with ThreadPoolExecutor(8) as pool:
        modules = list(pool.map(lambda _: wasi_module.ensure_compiled(tmp_path), range(8)))
    assert len(set(modules)) == 1
    assert (tmp_path / "log").read_text() == "compiled\n"


def test_the_name_tells_interpreter_and_engine() -> None:
    source, digest = wasi_module.wasm_source()
    assert source.is_file()
    assert len(digest) == 12
    assert wasi_module.module_name() == f"cpython-wasi-{digest}-wasmtime-50.0.1-x86_64.cwasm"


def test_the_folder_is_made_for_this_user_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wasi_module, "compile_module", pretend_to_compile)
    module = wasi_module.ensure_compiled(tmp_path / "a" / "b")
    assert module.parent.stat().st_mode & 0o777 == 0o700


def test_a_folder_that_others_can_write_is_refused(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    with pytest.raises(SandboxUnavailableError, match="chmod 700"):
        wasi_module.ensure_compiled(tmp_path)


def test_a_failed_compile_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    broken = tmp_path / "broken.wasm"
    broken.write_bytes(b"\0asm broken")
    monkeypatch.setattr(wasi_module, "wasm_source", lambda: (broken, "0" * 12))
    folder = tmp_path / "cache"
    with pytest.raises(SandboxUnavailableError, match="did not compile"):
        wasi_module.ensure_compiled(folder)
    assert os.listdir(folder) == ["compile.lock"]  # noqa: PTH208


@pytest.mark.parametrize(("system", "machine"), [("linux", "aarch64"), ("darwin", "x86_64")])
def test_other_machines_are_refused(
    monkeypatch: pytest.MonkeyPatch, system: str, machine: str
) -> None:
    monkeypatch.setattr("sys.platform", system)
    monkeypatch.setattr("platform.machine", lambda: machine)
    with pytest.raises(SandboxUnavailableError, match="Linux on x86_64"):
        wasi_module.check_platform()
