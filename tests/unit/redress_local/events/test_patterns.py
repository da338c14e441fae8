"""Event patterns: AWS's documented examples, and moto's matcher as an oracle."""

import copy
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from redress_local.events.errors import InvalidPatternError
from redress_local.events.patterns import compile_pattern

EC2 = {
    "version": "0",
    "id": "6a7e8feb-b491-4cf7-a9f1-bf3703467718",
    "detail-type": "EC2 Instance State-change Notification",
    "source": "aws.ec2",
    "account": "111122223333",
    "time": "2017-12-22T18:43:48Z",
    "region": "us-west-1",
    "resources": [
        "arn:aws:ec2:us-west-1:123456789012:instance/i-1234567890abcdef0",
        "arn:aws:autoscaling:us-east-1:123456789012:autoScalingGroup:x/ASGTerminate",
    ],
    "detail": {
        "state": "terminated",
        "eventName": "",
        "location": "us-east",
        "FileName": "photo.png",
        "source-ip": "10.0.0.177",
        "c-count": 5,
        "d-count": 9,
        "x-limit": 3.018e2,
        "missing": None,
        "flag": True,
        "empty": [],
        "lines": [{"sku": "a", "count": 1}, {"sku": "b", "count": 2}],
        "path": "dir/sub/file.txt",
    },
}


def nested(depth: int) -> object:
    pattern: object = ["x"]
    for _ in range(depth):
        pattern = {"a": pattern}
    return pattern


@pytest.mark.parametrize(
    ("detail", "expected"),
    [
        ({"state": ["terminated"]}, True),
        ({"state": ["running"]}, False),
        ({"state": ["running", "terminated"]}, True),
        ({"eventName": [""]}, True),
        ({"missing": [None]}, True),
        ({"absent": [None]}, False),
        ({"flag": [True]}, True),
        ({"flag": [1]}, False),
        ({"c-count": [5]}, True),
        ({"c-count": [5.0]}, False),
        ({"location": [{"prefix": "us-"}]}, True),
        ({"location": [{"prefix": {"equals-ignore-case": "US-"}}]}, True),
        ({"location": [{"prefix": "eu-"}]}, False),
        ({"FileName": [{"suffix": ".png"}]}, True),
        ({"FileName": [{"suffix": {"equals-ignore-case": ".PNG"}}]}, True),
        ({"state": [{"equals-ignore-case": "TERMINATED"}]}, True),
        ({"state": [{"anything-but": "initializing"}]}, True),
        ({"state": [{"anything-but": ["terminated", "initializing"]}]}, False),
        ({"x-limit": [{"anything-but": [100, 200, 300]}]}, True),
        ({"state": [{"anything-but": {"prefix": "term"}}]}, False),
        ({"FileName": [{"anything-but": {"suffix": [".txt", ".rtf"]}}]}, True),
        ({"state": [{"anything-but": {"equals-ignore-case": ["TERMINATED"]}}]}, False),
        ({"path": [{"anything-but": {"wildcard": "*/sub/*"}}]}, False),
        ({"absent": [{"anything-but": "x"}]}, False),
        ({"c-count": [{"numeric": [">", 0, "<=", 5]}]}, True),
        ({"d-count": [{"numeric": ["<", 9]}]}, False),
        ({"x-limit": [{"numeric": ["=", 301.8]}]}, True),
        ({"source-ip": [{"cidr": "10.0.0.0/24"}]}, True),
        ({"source-ip": [{"cidr": "10.0.1.0/24"}]}, False),
        ({"state": [{"exists": True}]}, True),
        ({"state": [{"exists": False}]}, False),
        ({"absent": [{"exists": False}]}, True),
        ({"absent": {"deeper": [{"exists": False}]}}, True),
        ({"empty": [{"exists": True}]}, False),
        ({"path": [{"wildcard": "dir/*/file.txt"}]}, True),
        ({"path": [{"wildcard": "dir/*.png"}]}, False),
        ({"lines": {"sku": ["b"]}}, True),
        ({"lines": {"sku": ["a"], "count": [2]}}, False),
        ({"$or": [{"c-count": [{"numeric": [">", 9]}]}, {"d-count": [9]}]}, True),
        ({"$or": [{"c-count": [1]}, {"d-count": [1]}]}, False),
        ({"state": ["terminated"], "c-count": [6]}, False),
    ],
)
def test_documented_filters(detail: dict[str, object], expected: bool) -> None:
    assert compile_pattern({"detail": detail})(EC2) is expected


def test_a_list_in_the_event_matches_by_intersection() -> None:
    resources = EC2["resources"]
    assert compile_pattern({"resources": ["other", resources[1]]})(EC2)  # type: ignore[index]
    assert not compile_pattern({"resources": ["other"]})(EC2)


@pytest.mark.parametrize(
    "pattern",
    [
        {},
        [],
        "x",
        {"source": "aws.ec2"},
        {"source": []},
        {"detail": {}},
        {"detail": {"a": [{}]}},
        {"detail": {"a": [{"prefix": 1}]}},
        {"detail": {"a": [{"unknown": 1}]}},
        {"detail": {"a": [{"prefix": "a", "suffix": "b"}]}},
        {"detail": {"a": [["nested"]]}},
        {"detail": {"a": [{"exists": "yes"}]}},
        {"detail": {"a": [{"numeric": [">"]}]}},
        {"detail": {"a": [{"numeric": ["~", 1]}]}},
        {"detail": {"a": [{"numeric": [">", "1"]}]}},
        {"detail": {"a": [{"numeric": [">", 6e9]}]}},
        {"detail": {"a": [{"cidr": "10.0.0.0/99"}]}},
        {"detail": {"a": [{"wildcard": "a**b"}]}},
        {"detail": {"a": [{"wildcard": "a\\b"}]}},
        {"detail": {"a": [{"anything-but": []}]}},
        {"detail": {"a": [{"anything-but": {"numeric": [">", 1]}}]}},
        {"$or": [{"a": [1]}]},
        nested(101),
    ],
)
def test_what_eventbridge_refuses_is_refused(pattern: object) -> None:
    with pytest.raises(InvalidPatternError):
        compile_pattern(pattern)


def test_depth() -> None:
    pattern = nested(95)
    assert compile_pattern(pattern)(json.loads(json.dumps(pattern)))
    deep: object = "x"
    for _ in range(5000):
        deep = [deep]
    assert compile_pattern({"a": ["x"]})({"a": deep})


def test_the_refusal_names_the_place() -> None:
    with pytest.raises(InvalidPatternError, match=r"\$\.detail\.status"):
        compile_pattern({"detail": {"status": "FAILED"}})


words = st.sampled_from(["", "a", "ab", "abc", "b", "B", "ba", "10.0.0.1", "x*y", "a\\b"])
numbers = st.integers(-3, 3)
scalars = st.one_of(words, numbers, st.none())
names = st.sampled_from(["p", "q", "r"])
texts = words.filter(lambda text: "*" not in text and "\\" not in text)
filters = st.one_of(
    words.map(lambda text: {"prefix": text}),
    words.map(lambda text: {"suffix": text}),
    words.map(lambda text: {"equals-ignore-case": text}),
    words.map(lambda text: {"prefix": {"equals-ignore-case": text}}),
    texts.map(lambda text: {"wildcard": f"{text}*"}),
    texts.map(lambda text: {"wildcard": f"*{text}"}),
    st.lists(words, min_size=1, max_size=3).map(lambda values: {"anything-but": values}),
    st.lists(numbers, min_size=1, max_size=3).map(lambda values: {"anything-but": values}),
    words.map(lambda text: {"anything-but": {"prefix": text}}),
    st.tuples(st.sampled_from(["<", "<=", "=", ">", ">="]), numbers).map(
        lambda pair: {"numeric": list(pair)}
    ),
    st.booleans().map(lambda value: {"exists": value}),
    st.just({"cidr": "10.0.0.0/8"}),
)
leaves = st.lists(st.one_of(scalars, filters), min_size=1, max_size=3)
events = st.dictionaries(
    names,
    st.one_of(
        scalars,
        st.lists(scalars, min_size=1, max_size=3),
        st.dictionaries(names, scalars, min_size=1, max_size=3),
    ),
    max_size=3,
)


@settings(max_examples=400, deadline=None)
@given(event=events, data=st.data())
def test_agrees_with_moto(event: dict[str, object], data: st.DataObject) -> None:
    from moto.events.models import EventPattern

    # Patterns of the event's own shape: on the rest moto is not an oracle (an object where the
    # pattern has values, arrays of objects).
    pattern: dict[str, object] = {}
    for name in data.draw(st.lists(names, min_size=1, max_size=3, unique=True)):
        if isinstance(event.get(name), dict):
            pattern[name] = data.draw(st.dictionaries(names, leaves, min_size=1, max_size=2))
        else:
            pattern[name] = data.draw(leaves)
    if data.draw(st.booleans()):
        pattern = {"$or": [pattern, {"p": data.draw(leaves)}]}
        if isinstance(event.get("p"), dict):
            return
    before = copy.deepcopy(event)
    assert compile_pattern(pattern)(event) == EventPattern(None, pattern).matches_event(event)
    assert event == before
