"""Expressions: values, errors, Step Functions' functions, bounds, threads, and the quick path."""

from __future__ import annotations

import contextlib
import hashlib
import json
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import jsonatapy
import pytest
from asl_engine.expressions import (
    ExpressionError,
    Randomness,
    compile_expression,
    compile_template,
)
from asl_engine.expressions import program as expressions_program
from hypothesis import given
from hypothesis import strategies as st

ORDER = {
    "id": "o-1",
    "total": 2.0,
    "note": None,
    "lines": [{"sku": "a", "qty": 2}, {"sku": "b", "qty": 1}],
    "tags": ["gift"],
    "none": [],
    "a b": {"c": 3},
}
BINDINGS = {"states": {"input": {"order": ORDER}, "context": {}}, "n": 3, "nothing": None}


def evaluate(text: str, bindings: dict[str, Any] | None = None) -> Any:
    return compile_expression(text).evaluate(BINDINGS if bindings is None else bindings)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("$states.input.order.id", "o-1"),
        ("$states.input.order.total", 2),
        ("$states.input.order.note", None),
        ("$nothing", None),
        ("$states.input.order.tags", ["gift"]),
        ("$states.input.order.none", []),
        ("$states.input.order.lines.sku", ["a", "b"]),
        ("$states.input.order.lines[sku = 'b'].qty", 1),
        ("$states.input.order.lines[sku = 'b']", {"sku": "b", "qty": 1}),
        ("$states.input.order.lines[sku = 'b'][]", [{"sku": "b", "qty": 1}]),
        ("[$states.input.order.lines[0].qty]", [2]),
        ("$states.input.order.`a b`.c", 3),
        ("$states.input.order.'a b'.c", 3),
        ("$sum($states.input.order.lines.qty) * $n", 9),
        ("{'a': $nope, 'b': $nothing}", {"b": None}),
        ("$exists($nope)", False),
        ("$n > 2 and $states.input.order.id = 'o-1'", True),
        ("7 / 2", 3.5),
        ("1e20", 100000000000000000000),
        ("'caf\\u00e9'", "café"),
        ("'\\uD834\\uDD1E'", "\U0001d11e"),
        ("/* why */ 5", 5),
        ("$map([1, 2], function($x) { null })", [None, None]),
        ("$states.input.order.lines.$string(qty)", ["2", "1"]),
        ("$sort($states.input.order.lines, function($l, $r) { $l.qty > $r.qty }).sku", ["b", "a"]),
        ("$states.input.order.lines^(qty).sku", ["b", "a"]),
        ("$states.input.order.lines{sku: qty}", {"a": 2, "b": 1}),
        ("$states.input.order ~> |$|{'id': 'x'}, ['lines', 'tags', 'a b', 'none']|",
         {"id": "x", "total": 2, "note": None}),
        ("$reduce([1..4], function($a, $b) { $a * $b })", 24),
        ("$states.input.order.lines.qty.%.sku", ["a", "b"]),
    ],
)  # fmt: skip
def test_value(text: str, value: Any) -> None:
    got = evaluate(text)
    assert got == value
    assert json.dumps(got) == json.dumps(value)  # 2, not 2.0; true, not 1


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("$nope", "returned nothing"),
        ("$states.input.order.nope", "returned nothing"),
        ("$states.input.order.id.deeper", "returned nothing"),
        ("$nothing.x", "returned nothing"),
        ("$sum('x')", "T0412"),
        ("'a' + 1", "T2001"),
        ("1 / 0", "infinity"),
        ("[1, {'a': -1 / 0}]", "infinity"),
        ("$sum", "gave a function"),
        ("{'a': [null, $sum]}", "gave a function"),
        ("function($x) { $x }", "gave a function"),
        ("/ab/", "gave a function"),
        ("$error('stop')", "stop"),
        ("$hash('a', 'SHA-3')", "algorithms MD5"),
        ("$hash(1, 'MD5')", "string"),
        ("$parse('{')", "not JSON"),
        ("$parse(1)", "string"),
        ("$partition([1], 0)", "at least 1"),
        ("$partition(1, 1)", "array"),
        ("$range(0, 10, 0)", "other than 0"),
        ("$range(0, 1e12, 1)", "limit"),
        ("$uuid(1)", "0 arguments"),
        ("$random('x')", "number"),
    ],
)
def test_failing_evaluation(text: str, reason: str) -> None:
    with pytest.raises(ExpressionError, match=reason) as failure:
        evaluate(text)
    assert failure.value.expression == text
    assert str(failure.value).startswith(f"The JSONata expression '{text}'")


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "S0207"),
        ("1 +", "S0207"),
        ("1; 2", "S0201"),
        ("1) + (2", "S0201"),
        ("$eval('1')", r"\$eval is not allowed"),
        ("($e := $eval; $e('1'))", r"\$eval is not allowed"),
        ("$n ?? 1", "2.0.6"),
        ("$n ?: 1", "2.0.6"),
        ("$", "top level"),
        ("$$.input", "top level"),
        ("[$]", "top level"),
        ("($x := $; $x)", "top level"),
        ("order.id", "begin at a variable"),
        ("$n + order", r"\$states.input.order"),
        ("[" * 2000 + "]" * 2000, "nesting depth"),
    ],
)
def test_refused_when_compiled(text: str, reason: str) -> None:
    with pytest.raises(ExpressionError, match=reason):
        compile_expression(text)


@pytest.mark.parametrize(
    "text",
    [
        "$states.input.order.lines[$.qty > 1]",
        "$states.input.order.lines.(qty * $n)",
        "$states.input.order.lines.$string($)",
        "$map($states.input.order.lines, function($l) { $l.qty })",
        "$states.input.order.{'id': id}",
        "$states.input.order.lines@$l.$l.sku",
        "function($a)<n:n>{ $a }(1)",
        "$states.input.order.and",
    ],
)
def test_names_with_something_to_apply_to_are_accepted(text: str) -> None:
    compile_expression(text)


def test_references() -> None:
    references = compile_expression(
        "($x := $a + 1; $map($b.c, function($v) { $v * $x }) ~> $sum) + $states.input.q"
        " & $states.context.Execution.Id & 'no $c' & $hash(/* $d */ $e, 'MD5')"
    ).references
    assert references.variables == {"a", "b", "e"}
    assert references.states_fields == {"input", "context"}
    assert references.functions == {"map", "sum", "hash"}
    assert compile_expression("$states").references.states_fields == {"*"}


def test_static() -> None:
    assert compile_expression("'x'").is_static
    assert not compile_expression("$n").is_static
    assert not compile_expression("$uuid()").is_static
    assert compile_template({"a": ["{% 1 %}", "b"]}).is_static
    assert not compile_template({"a": ["{% $n %}"]}).is_static


class TestStepFunctionsFunctions:
    def test_partition(self) -> None:
        assert evaluate("$partition([1..7], 3)") == [[1, 2, 3], [4, 5, 6], [7]]
        assert evaluate("$partition([], 3)") == []

    def test_range(self) -> None:
        assert evaluate("$range(0, 10, 2)") == [0, 2, 4, 6, 8, 10]
        assert evaluate("$range(3, 0, -2)") == [3, 1]
        assert evaluate("$range(1, 9, 9)") == 1
        assert evaluate("[$range(1, 9, 9)]") == [1]
        assert evaluate("$range(1, 0, 1)") == []

    @pytest.mark.parametrize(
        ("name", "algorithm"),
        [
            ("MD5", "md5"),
            ("SHA-1", "sha1"),
            ("SHA-256", "sha256"),
            ("SHA-384", "sha384"),
            ("SHA-512", "sha512"),
        ],
    )
    def test_hash(self, name: str, algorithm: str) -> None:
        digest = hashlib.new(algorithm, "añb".encode()).hexdigest()
        assert evaluate(f"$hash('añb', '{name}')") == digest

    def test_parse(self) -> None:
        text = '{"a": [1.0, null, "é", 123456789012345678901234567890]}'
        assert evaluate("$parse($text)", {"text": text}) == {
            "a": [1, None, "é", 1.2345678901234568e29]
        }

    def test_injected_randomness(self) -> None:
        fixed = Randomness(random=lambda: 0.25, uuid=lambda: "u-1")
        expression = compile_expression("[$random(), $uuid()]", fixed)
        assert expression.evaluate({}) == [0.25, "u-1"]

    def test_system_randomness(self) -> None:
        first, second = evaluate("$uuid()"), evaluate("$uuid()")
        assert first != second
        assert first[14] == "4"
        assert 0 <= evaluate("$random()") < 1

    def test_seeded_random_repeats(self) -> None:
        assert evaluate("$random(7)") == evaluate("$random(7)") != evaluate("$random(8)")

    def test_pad_is_jsonatas(self) -> None:
        assert evaluate("$pad('ab', -5, '#-')") == "#-#ab"
        assert evaluate("$pad('ab', 4)") == "ab  "
        with pytest.raises(ExpressionError, match="at most"):
            evaluate("$pad('x', 1000000000)")


class TestBounds:
    @pytest.mark.parametrize(
        "text",
        [
            "($f := function() { $f() }; $f())",
            "($f := function($n) { 1 + $f($n) }; $f(1))",
            "($f := function($n) { $map([$n], $f) }; $f(1))",
            "[1..20000000]",
            "$sum([1..5000000])",
            "$count([1..200000].[1..1000])",
            "$power(10, 400)",
        ],
    )
    def test_hostile_expression_ends_in_an_error(
        self, text: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert expressions_program._LIMITS["timeout"] == expressions_program.TIMEOUT_MS
        monkeypatch.setitem(expressions_program._LIMITS, "timeout", 100)
        start = time.monotonic()
        with pytest.raises(ExpressionError):
            evaluate(text)
        assert time.monotonic() - start < 5
        assert evaluate("1 + 1") == 2

    def test_recursion_in_a_thread_with_a_small_stack(self) -> None:
        errors: list[BaseException] = []

        def work() -> None:
            try:
                evaluate("($f := function($n) { [$f([$n])] }; $f(1))")
            except ExpressionError as error:
                errors.append(error)

        previous = threading.stack_size(256 * 1024)
        try:
            thread = threading.Thread(target=work)
            thread.start()
        finally:
            threading.stack_size(previous)
        thread.join()
        assert len(errors) == 1

    @pytest.mark.parametrize(
        "value",
        ["\ud800", 10**400, float("nan"), float("inf"), object(), {1: 2}, b"x"],
        ids=lambda value: type(value).__name__,
    )
    def test_bindings_that_are_not_json(self, value: Any) -> None:
        with pytest.raises(ExpressionError):
            evaluate("[$value]", {"value": value})

    def test_deep_and_big_data(self) -> None:
        deep: Any = 10**30
        for _ in range(100_000):
            deep = [deep]
        with pytest.raises(ExpressionError, match="recursion"):
            evaluate("$count($deep)", {"deep": deep})
        shallow: Any = 1
        for _ in range(500):
            shallow = [shallow]
        assert evaluate("$length($string($deep))", {"deep": shallow}) == 1001

    def test_integers_keep_64_bits_and_become_floats_beyond(self) -> None:
        assert evaluate("[$n]", {"n": 2**63 - 1}) == [2**63 - 1]
        assert evaluate("[$n]", {"n": 2**64}) == [2**64]
        assert evaluate("$n + 1", {"n": 10**22}) == 1e22


def test_one_expression_in_many_threads() -> None:
    expression = compile_expression("$sum($items.qty) + $n")
    template = compile_template({"a": "{% $n * 2 %}", "b": ["{% $items[0].qty + $n %}"]})

    def work(n: int) -> bool:
        bindings = {"n": n, "items": [{"qty": n}, {"qty": 1}]}
        return expression.evaluate(bindings) == 2 * n + 1 and template.evaluate(bindings) == {
            "a": 2 * n,
            "b": [2 * n],
        }

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(work, range(2000)))


def test_bindings_are_not_changed() -> None:
    before = json.dumps(BINDINGS)
    evaluate("$states.input.order ~> |lines|{'qty': 9}|")
    evaluate("$append($states.input.order.lines, 1)")
    assert json.dumps(BINDINGS) == before


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(-1e6, 1e6).filter(lambda x: not x.is_integer())
    | st.text(st.characters(codec="utf-8"), max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b", "c", "a b"]), inner, max_size=3)
    ),
    max_leaves=12,
)
STEP = st.sampled_from(["a", "b", "c", "`a b`", "'a b'"])
UNDEFINED = object()


def _by_library(text: str, bindings: dict[str, Any]) -> Any:
    """Asks the library alone, with everything bound and nothing pruned."""
    answer = jsonatapy.compile(f'{{"r": ({text})}}').evaluate(None, bindings)
    return answer.get("r", UNDEFINED)


def _by_us(evaluate: Callable[[], Any]) -> Any:
    try:
        return evaluate()
    except ExpressionError as error:
        if "returned nothing" not in error.reason:
            raise
        return UNDEFINED


@given(value=JSON, steps=st.lists(STEP, max_size=4), name=st.sampled_from(["states", "v", "w"]))
def test_plain_paths_equal_the_library(value: Any, steps: list[str], name: str) -> None:
    bindings = {"states": value, "v": value}
    text = ".".join([f"${name}", *steps])
    ours = _by_us(lambda: compile_expression(text).evaluate(bindings))
    theirs = _by_library(text, bindings)
    assert type(ours) is type(theirs)
    assert ours == theirs


@given(value=JSON, steps=st.lists(STEP, min_size=1, max_size=3), tail=st.sampled_from(
    ["", "[0]", "[-1]", ".*", ".**", "[a = b]", ".(a)", "{'k': $count($)}", "^($string($))",
     ".$string($)", "[$ = 1]", "[]", ".%", "@$x.$x.a", "#$i.$i"]
))  # fmt: skip
def test_handing_over_only_what_is_read_changes_nothing(
    value: Any, steps: list[str], tail: str
) -> None:
    bindings = {"states": {"input": value, "other": value}, "v": value}
    text = f"[{'.'.join(['$states.input', *steps])}{tail}, $v.a, $exists($states.other.b)]"

    def both(action: Callable[[], Any]) -> Any:
        try:
            return action()
        except (ExpressionError, ValueError):
            return "refused"

    ours = both(lambda: compile_expression(text).evaluate(bindings))
    assert ours == both(lambda: _by_library(text, bindings))


LITERAL = st.integers(0, 10**15).map(str) | st.floats(0, 1e6).map(repr) | st.sampled_from(
    ["true", "false", "null", "'it'", r"'a\nb'", r'"A\"\\"', r"'\uD834\uDD1E'", "0.5"]
)  # fmt: skip


@given(text=LITERAL)
def test_literals_equal_the_library(text: str) -> None:
    ours, theirs = compile_expression(text).evaluate({}), _by_library(text, {})
    assert type(ours) is type(theirs)
    assert ours == theirs


@given(text=st.text(max_size=30) | st.text("$.()[]{}'\"/*:=%abn1, |~>?@#^&", max_size=20))
def test_any_text_compiles_or_is_refused(text: str) -> None:
    try:
        expression = compile_expression(text)
    except ExpressionError:
        return
    with contextlib.suppress(ExpressionError):
        json.dumps(expression.evaluate({"a": [1, {"b": 2}], "n": "x"}), allow_nan=False)


def test_random_default_is_the_modules_generator() -> None:
    random.seed(1)
    first = evaluate("$random()")
    random.seed(1)
    assert evaluate("$random()") == first
