"""The check of what was built: wheels with too new a glibc, two versions of one, lost files."""

import shutil
from pathlib import Path

import pytest

from tools.check_bundles import Bundle, BundleError, bundles_of, faults, main

TEMPLATE = """
Parameters:
  Architecture: {Type: String, Default: x86_64}
Globals:
  Function:
    Architectures: [{Ref: Architecture}]
    Layers: [{Ref: CommonLayer}]
Resources:
  CommonLayer:
    Type: AWS::Serverless::LayerVersion
    Metadata: {BuildArchitecture: {Ref: Architecture}}
    Properties: {ContentUri: CommonLayer}
  HeavyLayer:
    Type: AWS::Serverless::LayerVersion
    Metadata: {BuildArchitecture: {Ref: Architecture}}
    Properties: {ContentUri: HeavyLayer}
  OneFunction:
    Type: AWS::Serverless::Function
    Properties: {CodeUri: OneFunction, Layers: [{Ref: HeavyLayer}]}
  Table:
    Type: AWS::DynamoDB::Table
"""


def put(folder: Path, name: str, version: str, *tags: str) -> None:
    info = folder / f"{name.replace('-', '_')}-{version}.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.4\nName: {name}\nVersion: {version}\n")
    lines = ["Wheel-Version: 1.0", "Root-Is-Purelib: false", *(f"Tag: {tag}" for tag in tags)]
    (info / "WHEEL").write_text("\n".join(lines) + "\n")


@pytest.fixture
def build(tmp_path: Path) -> Path:
    (tmp_path / "template.yaml").write_text(TEMPLATE)
    (tmp_path / "OneFunction").mkdir()
    put(tmp_path / "CommonLayer/python", "pure", "1.0", "py3-none-any")
    put(tmp_path / "HeavyLayer/python", "fast", "2.0", "cp313-cp313-manylinux_2_34_x86_64")
    return tmp_path


def check(build: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr("sys.argv", ["check_bundles", str(build)])
    return main()


def test_a_good_build_passes(build, monkeypatch, capsys):
    assert check(build, monkeypatch) == 0
    assert capsys.readouterr().out == "bundles: 3 functions and layers, 0 faults\n"


@pytest.mark.parametrize(
    "tag",
    [
        "cp313-cp313-manylinux_2_35_x86_64",
        "cp313-cp313-manylinux_2_28_aarch64",
        "cp313-cp313-macosx_11_0_arm64",
        "cp313-cp313-musllinux_1_2_x86_64",
        "cp312-cp312-manylinux_2_17_x86_64",
        "cp313-cp313t-manylinux_2_17_x86_64",
    ],
)
def test_a_wheel_that_lambda_cannot_run_is_a_fault(build, monkeypatch, capsys, tag):
    put(build / "HeavyLayer/python", "alien", "3.1", tag)
    assert check(build, monkeypatch) == 1
    told = capsys.readouterr()
    assert f"HeavyLayer: alien 3.1 is built for {tag}" in told.err
    assert f"OneFunction: alien 3.1 is built for {tag}" in told.err
    assert "CommonLayer" not in told.err


@pytest.mark.parametrize(
    "tags",
    [
        ("cp313-cp313-manylinux_2_17_x86_64", "cp313-cp313-manylinux2014_x86_64"),
        # One that fits is enough.
        ("cp313-cp313-manylinux_2_39_x86_64", "cp313-cp313-manylinux_2_28_x86_64"),
        ("cp39-abi3-manylinux_2_28_x86_64",),
        ("py2-none-any", "py3-none-any"),
        ("py3-none-manylinux1_x86_64",),
    ],
)
def test_a_wheel_that_lambda_runs_is_none(tmp_path, tags):
    put(tmp_path, "some", "1.0", *tags)
    assert list(faults("Layer", Bundle([tmp_path], "x86_64"))) == []


def test_a_file_that_was_not_installed_is_a_fault(build, monkeypatch, capsys):
    info = build / "HeavyLayer/python/fast-2.0.dist-info"
    (info / "entry_points.txt").write_text("[console_scripts]\nlauncher = fast:main\n")
    (info / "RECORD").write_text(
        "fast-2.0.dist-info/METADATA,,\nfast.cpython-313.pyc,,\n../../bin/launcher,,\n"
        "../../bin/worker,sha256=abc,12\n"
    )
    assert check(build, monkeypatch) == 1
    said = capsys.readouterr().err
    assert "HeavyLayer: bin/worker of fast 2.0 was not installed" in said
    assert "launcher" not in said
    assert "METADATA" not in said
    (build / "HeavyLayer/python/bin").mkdir()
    (build / "HeavyLayer/python/bin/worker").touch()
    assert check(build, monkeypatch) == 0


def test_a_package_that_does_not_say_what_it_is_built_for_is_a_fault(tmp_path):
    put(tmp_path, "some", "1.0")
    (fault,) = faults("Layer", Bundle([tmp_path], "x86_64"))
    assert "an unknown platform" in fault


def test_two_versions_in_one_folder_are_a_fault(build, monkeypatch, capsys):
    put(build / "HeavyLayer/python", "fast", "2.1", "py3-none-any")
    assert check(build, monkeypatch) == 1
    assert "HeavyLayer: fast is there in versions 2.0, 2.1\n" in capsys.readouterr().err


def test_two_versions_in_a_functions_layers_are_a_fault(build, monkeypatch, capsys):
    """Under names that are spelt otherwise, too."""
    put(build / "HeavyLayer/python", "Some.Thing", "1.0", "py3-none-any")
    put(build / "CommonLayer/python", "some-thing", "1.1", "py3-none-any")
    assert check(build, monkeypatch) == 1
    told = capsys.readouterr().err
    assert told == "OneFunction: some-thing is there in versions 1.0, 1.1\n"


def test_the_same_version_twice_is_none(build):
    put(build / "OneFunction", "pure", "1.0", "py3-none-any")
    bundles = bundles_of(build)
    assert list(faults("OneFunction", bundles["OneFunction"])) == []


def test_nothing_built_is_told(tmp_path, monkeypatch, capsys):
    assert check(tmp_path, monkeypatch) == 1
    assert "run `make build` first" in capsys.readouterr().err
    with pytest.raises(BundleError):
        bundles_of(tmp_path)


def test_half_a_build_is_told(build):
    (build / "OneFunction").rmdir()
    with pytest.raises(BundleError, match="OneFunction is missing"):
        bundles_of(build)


@pytest.fixture
def arm_build(build: Path) -> Path:
    """All for arm64 but the function, which brings what it needs for x86_64."""
    given = (build / "template.yaml").read_text()
    given = given.replace("Default: x86_64", "Default: arm64").replace(
        "{CodeUri: OneFunction,", "{CodeUri: OneFunction, Architectures: [x86_64],"
    )
    (build / "template.yaml").write_text(given)
    shutil.rmtree(build / "HeavyLayer/python")
    put(build / "HeavyLayer/python", "fast", "2.0", "cp313-cp313-manylinux_2_28_aarch64")
    put(build / "OneFunction", "fast", "2.0", "cp313-cp313-manylinux_2_28_x86_64")
    return build


def test_each_is_judged_for_its_own_architecture(arm_build, monkeypatch, capsys):
    assert check(arm_build, monkeypatch) == 0
    assert {name: each.architecture for name, each in bundles_of(arm_build).items()} == {
        "CommonLayer": "arm64",
        "HeavyLayer": "arm64",
        "OneFunction": "x86_64",
    }


def test_a_layer_of_the_other_architecture_is_a_fault(arm_build, monkeypatch, capsys):
    shutil.rmtree(arm_build / "OneFunction/fast-2.0.dist-info")
    assert check(arm_build, monkeypatch) == 1
    told = capsys.readouterr().err
    assert told == (
        "OneFunction: fast 2.0 is built for cp313-cp313-manylinux_2_28_aarch64, which CPython "
        "3.13 on x86_64 with glibc 2.34 cannot run\n"
    )


def test_the_layer_that_comes_last_is_judged(build, monkeypatch, capsys):
    """Its files are those that stay when Lambda merges layers."""
    put(build / "CommonLayer/python", "fast", "2.0", "cp313-cp313-manylinux_2_17_x86_64")
    shutil.rmtree(build / "HeavyLayer/python")
    put(build / "HeavyLayer/python", "fast", "2.0", "cp313-cp313-manylinux_2_35_x86_64")
    assert check(build, monkeypatch) == 1
    assert "OneFunction: fast 2.0" in capsys.readouterr().err
