import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redress.sandbox.answer import canonical_json, encode_input, parse_answer
from redress.sandbox.errors import InvalidOutputError, OutputTooLargeError, SandboxUsageError

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(JSON, st.text(alphabet="ab\n{}[] ", max_size=20))
def test_any_json_on_the_last_line_is_read_back(value: Any, before: str) -> None:
    stdout = f"{before}\n{json.dumps(value)}\n"
    assert parse_answer(stdout, output_bytes=65536) == value


@given(st.text())
def test_any_text_is_an_answer_or_a_typed_error(text: str) -> None:
    try:
        value = parse_answer(text, output_bytes=50)
    except (InvalidOutputError, OutputTooLargeError):
        return
    assert json.loads(canonical_json(value)) == value


@pytest.mark.parametrize(
    "line",
    [
        "", "  ", "\n\n", "NaN", "[Infinity]", "-Infinity", "1e400", "{'a': 1}", "1 2", "[1,]",
        '{"a": 1, "a": 1}', '[{"a": {"b": 1, "b": 2}}]', '"\\ud800"', '{"\\udfff": 1}', "\ud800",
        "9223372036854775808", "-9223372036854775809", "1" * 5000, "[" * 65 + "]" * 65,
        "[" * 30000, "\ufeff1", "nan", "// 1", "1 // 2", "01", "+1", "'a'", '"a\tb"',
    ],
)  # fmt: skip
def test_what_is_not_strict_json_is_refused(line: str) -> None:
    with pytest.raises(InvalidOutputError):
        parse_answer(f"true\n{line}" if line.strip() else line, output_bytes=65536)


def test_a_line_separator_inside_a_string_is_no_line_end() -> None:
    assert parse_answer('x\n"a\u2028b"', output_bytes=100) == "a\u2028b"


def test_the_answer_is_measured_in_bytes() -> None:
    assert parse_answer('"éé"', output_bytes=6) == "éé"
    with pytest.raises(OutputTooLargeError):
        parse_answer('"éé"', output_bytes=5)


@pytest.mark.parametrize(
    "value", [float("nan"), float("inf"), {1, 2}, b"x", object(), "\ud800", {(1, 2): 3}]
)
def test_an_input_that_is_not_json_is_the_callers_mistake(value: Any) -> None:
    with pytest.raises(SandboxUsageError):
        encode_input([value])


def test_a_cyclic_or_bottomless_input_is_the_callers_mistake() -> None:
    cycle: list[Any] = []
    cycle.append(cycle)
    deep: Any = None
    for _ in range(200_000):
        deep = [deep]
    for value in (cycle, deep):
        with pytest.raises(SandboxUsageError):
            encode_input(value)
    while deep:
        deep = deep[0]
