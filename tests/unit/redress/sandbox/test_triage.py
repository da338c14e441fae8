import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redress.sandbox.errors import CodeTooLargeError, ForbiddenImportError, ProgramSyntaxError
from redress.sandbox.triage import check, imported_modules


@pytest.mark.parametrize(
    ("code", "modules"),
    [
        ("import json", ["json"]),
        ("import json as j, os.path as p, re", ["json", "os.path", "re"]),
        ("from os import path as p, sep", ["os"]),
        ("from collections.abc import (\n  Mapping,\n  Sequence,\n)", ["collections.abc"]),
        ("x = 1; import os; import re", ["os", "re"]),
        ("def f():\n  import os\n", ["os"]),
        ("if 1: import os", ["os"]),
        ("class A: from os import sep", ["os"]),
        ("import\\\n  os", ["os"]),
        ("from . import x", ["."]),
        ("from ..a import x", ["..a"]),
        ("import os", ["os"]),
        ("'''\nimport os\n'''", []),
        ("# import os", []),
        ("x = {'import': 1}\nimportant = 'from os'", []),
        ("raise ValueError from error", []),
        ("def f(): yield from g()", []),
        ("x = f'{1:>3} import os'", []),
        ("", []),
        ("import os\nx = '''open", ["os"]),
    ],
)
def test_imports_are_found_where_they_are_statements(code: str, modules: list[str]) -> None:
    assert [module for module, _ in imported_modules(code)] == modules


@given(st.text(max_size=200))
def test_no_text_breaks_the_triage(code: str) -> None:
    with contextlib.suppress(CodeTooLargeError, ForbiddenImportError, ProgramSyntaxError):
        check(code, code_bytes=100)


def test_lines_are_named() -> None:
    with pytest.raises(ForbiddenImportError, match="'socket' in line 3"):
        check("import json\n\nimport socket", code_bytes=100)


def test_length_is_counted_in_bytes() -> None:
    assert check("é" * 5, code_bytes=10) == "é".encode() * 5
    with pytest.raises(CodeTooLargeError):
        check("é" * 6, code_bytes=10)


@pytest.mark.parametrize("code", ["x = '\0'", "x = '\ud800'"])
def test_what_is_no_text_is_refused(code: str) -> None:
    with pytest.raises(ProgramSyntaxError):
        check(code, code_bytes=100)


@pytest.mark.parametrize("code", ["(" * 30000, "-" * 30000 + "1", "if 1:\n" * 5000, "f'{" * 9000])
def test_nesting_does_not_harm_the_host(code: str) -> None:
    check(code, code_bytes=32768)
