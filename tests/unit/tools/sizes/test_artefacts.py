"""Copies are as Lambda has them; what was built stays as it was."""

import os
import stat

import pytest

from tools.sizes.artefacts import Artefacts, as_lambda_has_it, zip_bytes


@pytest.fixture
def artefacts(tmp_path):
    for layer, text in (("OneLayer", "first"), ("TwoLayer", "second")):
        package = tmp_path / "build" / layer / "python" / "package"
        package.mkdir(parents=True)
        (package / "__init__.py").write_text(text)
        (package / f"{layer}.py").write_text("x" * 1_000_000)
    tool = tmp_path / "build/OneLayer/python/tool"
    tool.write_text("#!/bin/sh\n")
    tool.chmod(0o755)
    sources = {name: tmp_path / "build" / name for name in ("OneLayer", "TwoLayer")}
    return Artefacts(sources, tmp_path / "copies")


def test_a_copy_is_of_1980_and_read_only(artefacts):
    folder = artefacts.folder("OneLayer")
    for path in [folder, *folder.rglob("*")]:
        assert path.stat().st_mtime == 315_532_800
        assert not stat.S_IMODE(path.stat().st_mode) & 0o222


def test_what_can_be_run_can_still_be_run(artefacts):
    assert os.access(artefacts.folder("OneLayer") / "python/tool", os.X_OK)
    module = artefacts.folder("OneLayer") / "python/package/__init__.py"
    assert not module.stat().st_mode & 0o111


def test_what_was_built_stays_as_it_was(artefacts, tmp_path):
    built = tmp_path / "build/OneLayer/python/package/__init__.py"
    assert built.stat().st_mtime > 315_532_800
    assert built.stat().st_mode & 0o200


def test_layers_are_merged_and_the_last_wins(artefacts):
    package = artefacts.merged(("OneLayer", "TwoLayer")) / "python/package"
    assert (package / "__init__.py").read_text() == "second"
    assert {path.name for path in package.glob("*Layer.py")} == {"OneLayer.py", "TwoLayer.py"}
    assert artefacts.merged(("OneLayer", "TwoLayer")) / "python/package" == package


def test_megabytes_are_of_all_parts(artefacts):
    assert artefacts.megabytes(["OneLayer"]) == pytest.approx(1.0, abs=0.001)
    assert artefacts.megabytes(["OneLayer", "TwoLayer"]) == pytest.approx(2.0, abs=0.001)
    assert 0 < artefacts.zip_megabytes(["OneLayer", "TwoLayer"]) < 0.01


def test_a_link_keeps_its_targets_date(tmp_path):
    (tmp_path / "target").write_text("x")
    before = (tmp_path / "target").stat()
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "link").symlink_to(tmp_path / "target")
    as_lambda_has_it(folder)
    assert (tmp_path / "target").stat() == before


def test_an_archive_is_deflated(tmp_path):
    (tmp_path / "large").write_text("a" * 100_000)
    assert zip_bytes(tmp_path) < 1_000
