"""Definition files and their substitutions."""

from __future__ import annotations

from pathlib import Path

import pytest
from asl_engine import DefinitionFileError, compile_machine, load_definition, substitute


def test_yaml_keeps_words_that_look_like_booleans_or_dates(tmp_path: Path) -> None:
    file = tmp_path / "m.asl.yaml"
    file.write_text(
        "StartAt: No\nStates:\n  No: {Type: Pass, Next: on, Output: 2026-01-01}\n"
        "  on: {Type: Succeed}\nEnd: true\nn: 1\n"
    )
    assert load_definition(file) == {
        "StartAt": "No",
        "States": {
            "No": {"Type": "Pass", "Next": "on", "Output": "2026-01-01"},
            "on": {"Type": "Succeed"},
        },
        "End": True,
        "n": 1,
    }


def test_json_files(tmp_path: Path) -> None:
    file = tmp_path / "m.asl.json"
    file.write_text('{"StartAt": "é"}', encoding="utf-8")
    assert load_definition(str(file)) == {"StartAt": "é"}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.asl.json", b"{"),
        ("a.asl.yaml", b"a: [1"),
        ("a.asl.yaml", b"a: !!python/object:os.system x"),
        ("a.asl.yaml", b"- 1"),
        ("a.asl.json", b'"text"'),
        ("a.asl.json", b"\xff\xfe"),
        ("a.asl.yaml", b""),
    ],
)
def test_files_that_hold_no_definition_are_refused(
    tmp_path: Path, name: str, content: bytes
) -> None:
    file = tmp_path / name
    file.write_bytes(content)
    with pytest.raises(DefinitionFileError) as error:
        load_definition(file)
    assert str(file) in str(error.value)
    assert "\n" not in str(error.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DefinitionFileError, match="cannot be read"):
        load_definition(tmp_path / "none.asl.yaml")


def test_substitutions_fill_strings_everywhere_and_leave_expressions() -> None:
    definition = {"a": ["${X}-${Y}", {"b": "{% ${'k': $states.input} %}"}], "n": 1}
    assert substitute(definition, {"X": "x", "Y": 2}) == {
        "a": ["x-2", {"b": "{% ${'k': $states.input} %}"}],
        "n": 1,
    }
    assert definition["a"][0] == "${X}-${Y}"  # type: ignore[index]
    with pytest.raises(DefinitionFileError, match=r"\$\{X\}"):
        substitute(definition, {"Y": 1})


def test_compile_machine_substitutes_first() -> None:
    definition = {
        "QueryLanguage": "JSONata",
        "StartAt": "T",
        "States": {
            "T": {
                "Type": "Task",
                "Resource": "arn:aws:states:::lambda:invoke",
                "Arguments": {"FunctionName": "${FunctionArn}"},
                "End": True,
            }
        },
    }
    built = compile_machine(definition, name="m", substitutions={"FunctionArn": "arn:f"})
    assert b"arn:f" in built.definition


def test_yaml_aliases_are_refused_before_they_fill_the_memory(tmp_path: Path) -> None:
    levels = [f"x{n}: &x{n} [{', '.join([f'*x{n - 1}'] * 9)}]" for n in range(1, 12)]
    file = tmp_path / "bomb.asl.yaml"
    file.write_text("\n".join(["x0: &x0 lol", *levels]))
    with pytest.raises(DefinitionFileError, match="aliases"):
        load_definition(file)
