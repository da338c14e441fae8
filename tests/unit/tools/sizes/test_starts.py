"""A function is started as Lambda does it, in a process of its own."""

import pytest

from tools.sizes.starts import Startable, StartError, start, variables_of

RUNTIME = """
import os

class Runtime:
    @property
    def orders(self):
        assert os.environ["REDRESS_POLICIES"].endswith("/opt-folder/policies")
        import colorsys
        return colorsys

    @property
    def model_factory(self):
        return made

def made():
    import turtledemo

def runtime():
    return Runtime()
"""


@pytest.fixture
def function(tmp_path):
    task, opt = tmp_path / "task", tmp_path / "opt-folder"
    (opt / "python/redress").mkdir(parents=True)
    (opt / "python/redress/runtime.py").write_text(RUNTIME)
    task.mkdir()
    (task / "handler.py").write_text("import this_is_there\n")
    (opt / "python/this_is_there.py").write_text("sum(range(100_000))")
    variables = {"REDRESS_POLICIES": "/opt/policies", "NAME": "a/opt/b"}
    return Startable([task, opt / "python"], opt, [], variables)


def test_what_it_costs_is_measured(function):
    found = start(function)
    assert 0 < found.imported <= found.ready < 5
    assert found.modules >= 2


def test_what_it_needs_is_made(function):
    assert start(function._replace(ports=["orders"])).modules > start(function).modules


def test_a_factory_is_called(function):
    before = start(function)
    found = start(function._replace(ports=["model_factory"]))
    assert (found.ready, found.modules) > (before.imported, before.modules)


def test_nothing_but_its_paths_is_found(function):
    (function.paths[0] / "handler.py").write_text("import msgspec\n")
    with pytest.raises(StartError, match="No module named 'msgspec'"):
        start(function)


def test_no_bytecode_is_written(function):
    start(function)
    assert not list(function.opt.rglob("*.pyc"))


def test_a_port_that_fails_is_told(function):
    with pytest.raises(StartError, match="AssertionError"):
        start(function._replace(ports=["orders"], variables={"REDRESS_POLICIES": "/elsewhere"}))


def test_variables_are_texts_that_are_likely():
    given = {
        "Environment": {
            "Variables": {
                "REDRESS_POLICIES": "/opt/policies",
                "REDRESS_ORDERS_TABLE": {"Ref": "OrdersTable"},
                "REDRESS_MODEL": {"Fn::If": []},
            }
        }
    }
    assert variables_of(given) == {
        "REDRESS_POLICIES": "/opt/policies",
        "REDRESS_ORDERS_TABLE": "a-name",
        "REDRESS_MODEL": "bedrock:amazon.nova-pro-v1:0",
    }
    assert variables_of({}) == {}
