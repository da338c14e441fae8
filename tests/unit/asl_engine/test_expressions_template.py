"""Templates: JSON values that hold expressions."""

from __future__ import annotations

from typing import Any

import jsonatapy
import pytest
from asl_engine.expressions import ExpressionError, compile_template
from hypothesis import given
from hypothesis import strategies as st


def test_shape_is_kept_and_expressions_are_replaced() -> None:
    template = compile_template(
        {
            "id": "{% $states.input.id %}",
            "lines": [{"sum": "{% $sum($v) %}"}, 1, "{% $v[0] + 1 %}", "plain"],
            "static": {"a": [None, True, 1.5]},
            "whole": "{% $v %}",
        }
    )
    assert template.evaluate({"states": {"input": {"id": "x"}}, "v": [1, 2]}) == {
        "id": "x",
        "lines": [{"sum": 3}, 1, 2, "plain"],
        "static": {"a": [None, True, 1.5]},
        "whole": [1, 2],
    }
    assert [pointer for pointer, _ in template.expressions] == [
        "/id",
        "/lines/0/sum",
        "/lines/2",
        "/whole",
    ]
    assert template.references.variables == {"v"}
    assert template.references.states_fields == {"input"}


@pytest.mark.parametrize("value", [None, True, 3, "text", "a {% $x %} b", [], {}, {"{% $k %}": 1}])
def test_values_without_expressions_are_themselves(value: Any) -> None:
    template = compile_template(value)
    assert template.evaluate({}) == value
    assert template.is_static
    assert template.expressions == ()


def test_a_whole_string() -> None:
    assert compile_template("{%$x%}").evaluate({"x": {"a": 1}}) == {"a": 1}
    assert compile_template("{% \n $x \n %}").evaluate({"x": 1}) == 1


@pytest.mark.parametrize("text", ["{% $x", "$x %}", " {% $x %}", "{% $x %} ", "{%}"])
def test_half_open_expressions_are_refused(text: str) -> None:
    with pytest.raises(ExpressionError, match=r"begin with \{%") as failure:
        compile_template({"a": [text]})
    assert failure.value.pointer == "/a/0"


def test_the_place_of_a_syntax_error() -> None:
    with pytest.raises(ExpressionError, match="does not compile") as failure:
        compile_template({"a/b": [0, {"c~d": "{% 1 + %}"}]})
    assert failure.value.pointer == "/a~1b/1/c~0d"
    assert failure.value.expression == "1 +"


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("{% $nope %}", "returned nothing"),
        ("{% $v[7] %}", "returned nothing"),
        ("{% $sum('x') %}", "T0412"),
        ("{% 1 / 0 %}", "infinity"),
        ("{% {'f': $sum} %}", "function"),
    ],
)
def test_the_place_of_a_failure(bad: str, reason: str) -> None:
    template = compile_template({"ok": "{% $sum($v) %}", "list": ["{% $v[0] %}", bad]})
    with pytest.raises(ExpressionError, match=reason) as failure:
        template.evaluate({"v": [1]})
    assert failure.value.pointer == "/list/1"
    assert failure.value.expression == bad[3:-3]


def test_expressions_evaluated_together_do_not_see_each_other() -> None:
    template = compile_template(
        {"a": "{% ($x := 1; $x + $n) %}", "b": "{% $exists($x) or $n > 9 %}"}
    )
    assert template.evaluate({"n": 1}) == {"a": 2, "b": False}


def test_one_call_of_the_library_for_many_fields(monkeypatch: pytest.MonkeyPatch) -> None:
    template = compile_template({f"f{i}": f"{{% $n + {i} %}}" for i in range(50)})
    calls = 0
    evaluate = jsonatapy.JsonataExpression.evaluate

    def counted(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        return evaluate(*args, **kwargs)

    monkeypatch.setattr(jsonatapy.JsonataExpression, "evaluate", counted)
    assert template.evaluate({"n": 1})["f49"] == 50
    assert calls == 1


def test_paths_and_literals_need_no_library(monkeypatch: pytest.MonkeyPatch) -> None:
    template = compile_template({"a": "{% $states.input.x %}", "b": "{% 'lit' %}"})

    def refuse(*_args: Any, **_kwargs: Any) -> Any:
        raise AssertionError("the library was called")

    monkeypatch.setattr(jsonatapy.JsonataExpression, "evaluate", refuse)
    assert template.evaluate({"states": {"input": {"x": 1}}}) == {"a": 1, "b": "lit"}


@given(
    st.lists(
        st.sampled_from(
            ["$a.x", "$sum($a.y)", "$a.y[$ > 1]", "$a.y[0]", "'k'", "$a", "$count($a.y) & 'n'",
             "$a.nope", "[$a.x]", "{'q': $a.x}", "$a.y.$string($)", "/* c */ $a.x"]
        ),
        max_size=8,
    )
)  # fmt: skip
def test_together_is_as_one_by_one(texts: list[str]) -> None:
    bindings = {"a": {"x": None, "y": [1, 2, 3]}}
    strings = [f"{{% {text} %}}" for text in texts]

    def run(value: Any) -> Any:
        try:
            return compile_template(value).evaluate(bindings)
        except ExpressionError as error:
            return error.reason

    one_by_one = [run(text) for text in strings]
    together = run(strings)
    failed = [reason for reason in one_by_one if reason == "returned nothing (undefined)"]
    assert together == (failed[0] if failed else one_by_one)
