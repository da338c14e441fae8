"""The function host: files, the JSON boundary, rights and errors."""

import logging
from pathlib import Path
from textwrap import dedent

import pytest
from redress.config import Config
from redress.errors import ConflictError
from redress.runtime import Runtime
from redress_local.embedded.functions import (
    FunctionHost,
    FunctionLoadError,
    FunctionNotFoundError,
)
from redress_local.template import Function


def make(folder: Path, code: str, name: str = "Work") -> Function:
    handler = folder / name / "handler.py"
    handler.parent.mkdir()
    handler.write_text(dedent(code))
    return Function(
        logical_id=name,
        arn=f"arn:aws:lambda:us-east-1:000000000000:function:{name}",
        name=f"redress-{name}",
        handler=handler,
        entry="handler",
        environment={},
        timeout=3,
    )


def host(*functions: Function) -> FunctionHost:
    by_arn = {function.arn: function for function in functions}
    return FunctionHost(by_arn, lambda function: Runtime(Config(bus_name=function.logical_id)))


def test_it_is_called_by_arn_name_or_logical_id(tmp_path: Path) -> None:
    function = make(tmp_path, "def handler(event, context): return [event, context.function_name]")
    made = host(function)
    for name in (function.arn, function.name, function.logical_id):
        assert made.invoke(name, b'{"a":1}') == b'[{"a":1},"redress-Work"]'


def test_nothing_but_json_crosses_the_boundary(tmp_path: Path) -> None:
    keep = make(tmp_path, "kept = []\ndef handler(event, _): kept.append(event); return kept[0]")
    made = host(keep)
    assert made.invoke("Work", b'{"a":[1]}') == b'{"a":[1]}'
    bad = host(make(tmp_path, "def handler(event, _): return {'a': handler}", "Bad"))
    with pytest.raises(TypeError):
        bad.invoke("Bad", b"{}")


def test_each_function_has_its_own_module_and_runtime(tmp_path: Path) -> None:
    code = """
    from redress.runtime import runtime
    def handler(event, _): return [__name__, runtime().config.bus_name]
    """
    made = host(make(tmp_path, code, "One"), make(tmp_path, code, "Two"))
    assert made.invoke("One", b"{}") == b'["redress_function_One","One"]'
    assert made.invoke("Two", b"{}") == b'["redress_function_Two","Two"]'


def test_an_expected_error_is_raised_and_not_logged(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    code = """
    from redress.errors import ConflictError
    def handler(event, _): raise ConflictError("moved on")
    """
    with caplog.at_level(logging.ERROR), pytest.raises(ConflictError, match="moved on"):
        host(make(tmp_path, code)).invoke("Work", b"{}")
    assert not caplog.records


def test_an_unexpected_error_is_raised_and_logged_with_its_trace(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR), pytest.raises(ZeroDivisionError):
        host(make(tmp_path, "def handler(event, _): return 1 / 0")).invoke("Work", b"{}")
    assert caplog.records[0].exc_info


def test_unknown_functions_and_broken_files_are_named(tmp_path: Path) -> None:
    broken = make(tmp_path, "raise ValueError('at import')", "Broken")
    empty = make(tmp_path, "", "Empty")
    made = host(broken, empty)
    with pytest.raises(FunctionNotFoundError, match="Nope"):
        made.invoke("Nope", b"{}")
    with pytest.raises(FunctionLoadError, match="at import"):
        made.invoke("Broken", b"{}")
    with pytest.raises(FunctionLoadError, match="Empty"):
        made.invoke("Empty", b"{}")
    empty.handler.unlink()
    with pytest.raises(FunctionLoadError, match="there is no"):
        made.invoke("Empty", b"{}")
