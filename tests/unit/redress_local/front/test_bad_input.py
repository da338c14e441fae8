"""Whatever comes in is either read or refused as bad, never an exception of another kind."""

import contextlib
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from redress_local.front.access_log import log_line
from redress_local.front.http_answers import MalformedAnswerError, read_answer
from redress_local.front.http_events import http_event
from redress_local.front.issuer import Client, Issuer, UserPool
from redress_local.front.jwt import JwtVerifier, TokenError
from redress_local.front.models import HttpApi, HttpRoute, JwtAuthorizer, Stage, WebSocketApi
from redress_local.front.requests import BadRequestError, read
from redress_local.front.routes import Match
from redress_local.front.websocket_events import RouteSelection

ROUTE = HttpRoute(route_key="$default", function_arn="f")
API = HttpApi(api_id="a", name="a", account="0", region="r", routes=(ROUTE,))
SELECTION = RouteSelection(
    WebSocketApi(
        api_id="w",
        name="w",
        account="0",
        region="r",
        routes=(),
        stages=(),
        route_selection_expression="${request.body.a.b}",
    )
)
POOL = UserPool(pool_id="p", region="r", clients=(Client(client_id="c"),))
ISSUER = Issuer()
ISSUER.register(POOL)
VERIFIER = JwtVerifier(
    JwtAuthorizer(name="j", issuer=POOL.issuer, audience=("c",)), ISSUER.keys, ISSUER.clock
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-600, 600) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from(["statusCode", "headers", "body", "cookies", "isBase64Encoded", "other"])


@given(
    path=st.binary(max_size=40),
    query=st.binary(max_size=40),
    headers=st.lists(st.tuples(st.binary(max_size=10), st.binary(max_size=20)), max_size=4),
    body=st.binary(max_size=40),
)
def test_any_request_becomes_an_event_or_is_refused(
    path: bytes, query: bytes, headers: list[tuple[bytes, bytes]], body: bytes
) -> None:
    scope: dict[str, Any] = {
        "type": "http",
        "method": "POST",
        "raw_path": b"/" + path,
        "query_string": query,
        "headers": headers,
    }
    try:
        request = read(scope)
    except BadRequestError:
        return
    event = http_event(
        API,
        Stage(),
        Match(ROUTE, {}),
        request,
        body,
        request_id="r",
        now=0.0,
        authorizer=None,
    )
    assert json.loads(event)["requestContext"]["timeEpoch"] == 0


@given(st.dictionaries(KEYS, JSON, max_size=5) | JSON)
def test_any_json_is_an_answer_or_malformed(value: Any) -> None:
    with contextlib.suppress(MalformedAnswerError):
        answer = read_answer(msgspec.json.encode(value))
        assert 200 <= answer.status <= 599
        for name, text in answer.headers:
            assert name
            assert not {"\r", "\n", "\0"} & set(name + text)


@given(st.binary(max_size=100))
def test_any_payload_is_an_answer_or_malformed(payload: bytes) -> None:
    with contextlib.suppress(MalformedAnswerError):
        read_answer(payload)


@given(st.text(max_size=60) | JSON.map(lambda value: json.dumps({"a": value})))
def test_any_message_finds_no_route(text: str) -> None:
    assert SELECTION.choose(text) is None


@given(st.text(max_size=100) | st.from_regex(r"[\w-]{1,20}\.[\w-]{1,20}\.[\w-]{0,20}"))
def test_any_text_is_no_token(text: str) -> None:
    with pytest.raises(TokenError):
        VERIFIER.verify(text)


@given(st.integers(0, 2**32))
def test_a_token_with_any_bit_changed_is_refused(position: int) -> None:
    token = ISSUER.mint()
    VERIFIER.verify(token)
    at = position % len(token)
    changed = token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]
    if _same_bytes(token, changed):
        return
    with pytest.raises(TokenError):
        VERIFIER.verify(changed)


def _same_bytes(token: str, changed: str) -> bool:
    """The last character of base64 holds bits that mean nothing."""
    return token[:-1] == changed[:-1]


@given(st.text(), st.text())
def test_a_log_line_is_one_line_of_json(path: str, agent: str) -> None:
    line = log_line(
        '{"p":"$context.path","a":"$context.identity.userAgent"}',
        {"path": path, "identity.userAgent": agent},
    )
    assert len(line.splitlines()) == 1
    assert set(json.loads(line)) == {"p", "a"}
