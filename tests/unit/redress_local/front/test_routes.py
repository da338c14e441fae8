"""Route keys and their precedence."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redress_local.front.models import HttpApi, HttpRoute, UnsupportedApiError
from redress_local.front.routes import RouteTable


def _table(*keys: str) -> RouteTable:
    routes = tuple(HttpRoute(route_key=key, function_arn=key) for key in keys)
    api = HttpApi(api_id="a", name="Api", account="0", region="r", routes=routes)
    return RouteTable(api)


AWS_EXAMPLE = (
    "$default",
    "ANY /{proxy+}",
    "GET /pets/{proxy+}",
    "GET /pets/dog/{id}",
    "GET /pets/dog/1",
)


@pytest.mark.parametrize(
    ("method", "path", "key"),
    [
        ("GET", "/pets/dog/1", "GET /pets/dog/1"),
        ("GET", "/pets/dog/2", "GET /pets/dog/{id}"),
        ("GET", "/pets/cat/1", "GET /pets/{proxy+}"),
        ("POST", "/test/5", "ANY /{proxy+}"),
        ("POST", "/pets/dog/1", "ANY /{proxy+}"),
        ("GET", "/pets/dog/1/more", "GET /pets/{proxy+}"),
        ("GET", "/", "$default"),
    ],
)
def test_the_most_specific_route_wins(method: str, path: str, key: str) -> None:
    for keys in (AWS_EXAMPLE, AWS_EXAMPLE[::-1]):
        found = _table(*keys).match(method, path)
        assert found is not None
        assert found.route.route_key == key


def test_a_method_goes_before_any() -> None:
    table = _table("ANY /a/{x}", "PUT /a/{y}")
    put, get = table.match("PUT", "/a/1"), table.match("GET", "/a/1")
    assert put is not None
    assert put.parameters == {"y": "1"}
    assert get is not None
    assert get.parameters == {"x": "1"}


def test_an_earlier_literal_goes_before_a_later_one() -> None:
    found = _table("GET /{a}/two", "GET /one/{b}").match("GET", "/one/two")
    assert found is not None
    assert found.parameters == {"b": "two"}


def test_the_root() -> None:
    assert _table("GET /").match("GET", "/") is not None
    assert _table("GET /").match("GET", "//") is None


@pytest.mark.parametrize(
    "key",
    [
        "/a", "GET", "GET a", "FETCH /a", "get /a", "GET /{a", "GET /a}", "GET /x{a}", "GET /{}",
        "GET /{a+}/b", "$connect", "",
    ],
)  # fmt: skip
def test_what_is_no_route_key(key: str) -> None:
    with pytest.raises(UnsupportedApiError, match="Api"):
        _table(key)


@pytest.mark.parametrize(
    "keys", [("GET /a", "GET /a"), ("GET /{a}", "GET /{b}"), ("$default", "$default")]
)
def test_two_routes_that_are_one(keys: tuple[str, str]) -> None:
    with pytest.raises(UnsupportedApiError, match="twice"):
        _table(*keys)


@given(st.lists(st.text(min_size=1).filter(lambda text: "/" not in text), min_size=1, max_size=5))
def test_parameters_give_the_path_back(parts: list[str]) -> None:
    path = "/" + "/".join(parts)
    greedy = _table("GET /{all+}").match("GET", path)
    assert greedy is not None
    assert greedy.parameters == {"all": path[1:]}
    key = "GET /" + "/".join(f"{{p{index}}}" for index in range(len(parts)))
    named = _table(key).match("GET", path)
    assert named is not None
    assert list(named.parameters.values()) == parts
