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


def test_a_package_without_a_wheel_that_fits_stops_it():
    given = lock(package("cedarpy", "cedarpy-1.0-cp313-cp313-manylinux_2_38_x86_64.whl"))
    with pytest.raises(RequirementsError, match="cedarpy has no wheel"):
        text_of(given, "policies/requirements.txt")
