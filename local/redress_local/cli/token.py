"""`redress token`: an access token from the running local cloud."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import urlsplit

from cyclopts import Parameter
from redress_local.cli.endpoint import DEFAULT_ENDPOINT, endpoint, nothing_there
from redress_local.cli.errors import EXIT_USAGE, UsageError, tell
from redress_local.cli.output import print_json, write
from redress_local.cli.pairs import pairs_of
from redress_local.cli.stores import JsonOption

_PATH = "/_redress/token"
_SECONDS = 10.0
_MAX_ANSWER = 64 * 1024

Repeated = Parameter(negative="", consume_multiple=False)


def token(
    *,
    scope: Annotated[list[str] | None, Repeated] = None,
    sub: str | None = None,
    client: str | None = None,
    pool: str | None = None,
    ttl: int = 3600,
    group: Annotated[list[str] | None, Repeated] = None,
    claim: Annotated[list[str] | None, Repeated] = None,
    endpoint_url: str | None = None,
    as_json: JsonOption = False,
) -> int:
    """Print an access token for the local cloud's APIs.

    Args:
        scope: A scope that the token is to have; all that the client may have by default.
        sub: The customer who it is for; the client itself by default.
        client: A user pool client's id or name; the first by default.
        pool: A user pool's id; the first by default.
        ttl: Seconds that it is good for, at most 3600.
        group: A group that the customer is in.
        claim: One more claim, as NAME=TEXT.
        endpoint_url: The local cloud; $AWS_ENDPOINT_URL or http://127.0.0.1:4566 by default.
        as_json: Print one JSON object and nothing else.
    """
    request: dict[str, Any] = {
        "sub": sub,
        "client": client,
        "pool": pool,
        "scopes": [name for text in scope for name in text.split()] if scope else None,
        "ttl": ttl,
        "groups": group or [],
        "claims": pairs_of(claim or [], "--claim", "NAME=TEXT"),
    }
    url = endpoint(endpoint_url)
    host, port = _address(url)
    try:
        status, answer = _post(host, port, request)
    except OSError:
        return nothing_there(url, as_json=as_json)
    if status == 200 and isinstance(answer.get("access_token"), str):
        if as_json:
            print_json(answer)
        else:
            write(f"{answer['access_token']}\n".encode())
        return 0
    error = answer.get("error")
    if not isinstance(error, dict):
        return nothing_there(url, as_json=as_json)
    known = ", ".join(str(name) for name in error.get("known") or ())
    kind = str(error.get("type"))
    hint = f"known are: {known}" if known else _HINTS.get(kind, "see `redress token --help`")
    tell(f"{kind}Error", str(error.get("message")), hint, as_json=as_json)
    return EXIT_USAGE


_HINTS = {"UnknownPool": "tokens need an AWS::Cognito::UserPool in template.yaml"}


def _address(url: str) -> tuple[str, int]:
    from redress_local.front.local_only import is_loopback

    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if host is None or parts.scheme != "http" or not is_loopback(host):
        raise UsageError(
            f"{url:.200} is no local cloud", f"give it as --endpoint-url {DEFAULT_ENDPOINT}"
        )
    return host, port or 80


def _post(host: str, port: int, request: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """Ask, past any proxy: the status and the JSON object, an empty one where there is none."""
    from http.client import HTTPConnection, HTTPException

    import msgspec

    connection = HTTPConnection(host, port, timeout=_SECONDS)
    try:
        headers = {"content-type": "application/json", "x-redress-token-request": "1"}
        connection.request("POST", _PATH, msgspec.json.encode(request), headers)
        response = connection.getresponse()
        answer = msgspec.json.decode(response.read(_MAX_ANSWER))
    except (HTTPException, msgspec.DecodeError, UnicodeDecodeError):
        return 502, {}
    finally:
        connection.close()
    return response.status, answer if isinstance(answer, dict) else {}
