"""Puts the parts of APIs and user pools together, as the front and the issuer want them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from redress_local.emulated.resources.coercion import boolean, text
from redress_local.emulated.resources.errors import ResourceError, UnsupportedResourceError
from redress_local.emulated.resources.stack import Stack
from redress_local.front.issuer import Client, UserPool
from redress_local.front.models import (
    AccessLog,
    Cors,
    HttpApi,
    HttpRoute,
    JwtAuthorizer,
    Stage,
    Throttle,
    WebSocketApi,
    WebSocketRoute,
)
from redress_local.template_values import ACCOUNT, REGION

_FUNCTION = re.compile(r":path/2015-03-31/functions/(arn:[^/]+)/invocations$")
_METHODS = {"get", "put", "post", "delete", "patch", "head", "options"}
_ANY = "x-amazon-apigateway-any-method"
_V2 = "AWS::ApiGatewayV2::"


def http_apis(stack: Stack, local: Callable[[str], str] = str) -> list[HttpApi]:
    """The HTTP APIs of a stack that exists, and of those nested in it.

    Args:
        stack: What exists.
        local: Turns addresses of the stack's APIs in AWS into those that they have here.

    Raises:
        ResourceError: An API holds what the local front cannot serve; the message names it.
    """
    return [
        _http_api(one, logical_id, properties, created.ref, local)
        for one in _all(stack)
        for logical_id, properties, created in one.of(f"{_V2}Api")
        if properties.get("ProtocolType", "HTTP") == "HTTP"
    ]


def websocket_apis(stack: Stack) -> list[WebSocketApi]:
    """The WebSocket APIs of a stack that exists, and of those nested in it.

    Raises:
        ResourceError: An API holds what the local front cannot serve; the message names it.
    """
    return [
        _websocket_api(one, logical_id, properties, created.ref)
        for one in _all(stack)
        for logical_id, properties, created in one.of(f"{_V2}Api")
        if properties.get("ProtocolType", "HTTP") == "WEBSOCKET"
    ]


def user_pools(stack: Stack) -> list[UserPool]:
    """The user pools of a stack that exists, and of those nested in it."""
    every = list(_all(stack))
    return [
        UserPool(
            pool_id=created.ref,
            region=REGION,
            clients=tuple(
                Client(
                    client_id=client.ref,
                    name=client.attributes["Name"],
                    secret=client.attributes["ClientSecret"]
                    if boolean(settings.get("GenerateSecret", False))
                    else None,
                    scopes=tuple(settings.get("AllowedOAuthScopes", [])),
                )
                for other in every
                for _, settings, client in other.of("AWS::Cognito::UserPoolClient")
                if settings.get("UserPoolId") == created.ref
            ),
            scopes=tuple(
                f"{server['Identifier']}/{scope['ScopeName']}"
                for other in every
                for _, server, _ in other.of("AWS::Cognito::UserPoolResourceServer")
                if server.get("UserPoolId") == created.ref
                for scope in server.get("Scopes", [])
            ),
        )
        for one in every
        for _, _, created in one.of("AWS::Cognito::UserPool")
    ]


def _all(stack: Stack) -> Iterator[Stack]:
    yield stack
    for child in stack.nested.values():
        yield from _all(child)


def _parts(stack: Stack, kind: str, api: str) -> Iterator[tuple[str, dict[str, Any], str]]:
    for logical_id, properties, created in stack.of(_V2 + kind):
        if properties.get("ApiId") == api:
            yield logical_id, properties, created.ref


def _http_api(
    stack: Stack, logical_id: str, properties: dict[str, Any], api: str, local: Callable[[str], str]
) -> HttpApi:
    body = properties.get("Body") or {}
    given = properties.get("CorsConfiguration")
    cors = _lower(given) if isinstance(given, dict) else body.get("x-amazon-apigateway-cors")
    authorizers = {
        identity: _authorizer(properties.get("Name", name), name, properties)
        for name, properties, identity in _parts(stack, "Authorizer", api)
    }
    routes = [*_body_routes(logical_id, body)]
    for name, route, _ in _parts(stack, "Route", api):
        routes.append(_http_route(stack, name, route, api, authorizers))
    return HttpApi(
        api_id=api,
        name=text(properties.get("Name") or (body.get("info") or {}).get("title") or logical_id),
        account=ACCOUNT,
        region=REGION,
        routes=tuple(routes),
        stages=_stages(stack, api, local),
        cors=_cors(logical_id, cors) if cors else None,
    )


def _body_routes(logical_id: str, body: dict[str, Any]) -> Iterator[HttpRoute]:
    schemes = (body.get("components") or {}).get("securitySchemes") or {}
    for path, operations in (body.get("paths") or {}).items():
        for method, operation in operations.items():
            if method.lower() not in _METHODS and method != _ANY:
                continue
            where = f"{_V2}Api ({logical_id}): {method} {path}"
            integration = operation.get("x-amazon-apigateway-integration") or {}
            verb = "ANY" if method == _ANY else method.upper()
            security = operation.get("security", body.get("security")) or []
            by_iam = any(_is_sigv4(schemes.get(name)) for each in security for name in each)
            authorizer, scopes = (None, ()) if by_iam else _security(where, security, schemes)
            yield HttpRoute(
                route_key="$default" if path in {"$default", "/$default"} else f"{verb} {path}",
                function_arn=_function(where, integration.get("uri")),
                authorization_type="AWS_IAM" if by_iam else "JWT" if authorizer else "NONE",
                authorizer=authorizer,
                scopes=scopes,
                payload_version=text(integration.get("payloadFormatVersion", "2.0")),
                timeout_ms=int(integration.get("timeoutInMillis", 30_000)),
            )


def _is_sigv4(scheme: Any) -> bool:
    return (scheme or {}).get("x-amazon-apigateway-authtype") == "awsSigv4"


def _security(
    where: str, security: list[dict[str, list[str]]], schemes: dict[str, Any]
) -> tuple[JwtAuthorizer | None, tuple[str, ...]]:
    for requirement in security:
        for name, scopes in requirement.items():
            if name == "NONE":
                continue
            body = (schemes.get(name) or {}).get("x-amazon-apigateway-authorizer")
            if not body or body.get("type") != "jwt":
                raise UnsupportedResourceError(
                    f"{where}: the local front knows JWT authorizers only, not {name}"
                )
            settings = body.get("jwtConfiguration") or {}
            authorizer = JwtAuthorizer(
                name=name,
                issuer=settings["issuer"],
                audience=tuple(settings.get("audience") or ()),
                identity_source=_one_source(where, body.get("identitySource")),
            )
            return authorizer, tuple(scopes)
    return None, ()


def _authorizer(name: str, logical_id: str, properties: dict[str, Any]) -> JwtAuthorizer:
    where = f"{_V2}Authorizer ({logical_id})"
    if properties.get("AuthorizerType") != "JWT":
        kind = properties.get("AuthorizerType")
        raise UnsupportedResourceError(f"{where}: the local front knows JWT only, not {kind}")
    settings = properties.get("JwtConfiguration") or {}
    return JwtAuthorizer(
        name=name,
        issuer=settings["Issuer"],
        audience=tuple(settings.get("Audience") or ()),
        identity_source=_one_source(where, properties.get("IdentitySource")),
    )


def _one_source(where: str, given: Any) -> str:
    sources = [given] if isinstance(given, str) else given or ["$request.header.Authorization"]
    if len(sources) != 1:
        raise UnsupportedResourceError(f"{where}: a JWT authorizer has one identity source")
    return str(sources[0])


def _http_route(
    stack: Stack,
    logical_id: str,
    route: dict[str, Any],
    api: str,
    authorizers: dict[str, JwtAuthorizer],
) -> HttpRoute:
    where = f"{_V2}Route ({logical_id})"
    integration = _integration(stack, where, route, api)
    authorizer = None
    if route.get("AuthorizerId"):
        authorizer = authorizers.get(route["AuthorizerId"])
        if authorizer is None:
            raise ResourceError(f"{where}: its authorizer belongs to another API")
    return HttpRoute(
        route_key=route["RouteKey"],
        function_arn=_function(where, integration.get("IntegrationUri")),
        authorization_type=route.get("AuthorizationType", "NONE"),
        authorizer=authorizer,
        scopes=tuple(route.get("AuthorizationScopes") or ()),
        payload_version=text(integration.get("PayloadFormatVersion", "2.0")),
        timeout_ms=int(integration.get("TimeoutInMillis", 30_000)),
    )


def _websocket_api(
    stack: Stack, logical_id: str, properties: dict[str, Any], api: str
) -> WebSocketApi:
    routes = []
    answering = {
        response.get("RouteId")
        for _, response, _ in _parts(stack, "RouteResponse", api)
        if response.get("RouteResponseKey") == "$default"
    }
    for name, route, route_id in _parts(stack, "Route", api):
        where = f"{_V2}Route ({name})"
        integration = _integration(stack, where, route, api)
        routes.append(
            WebSocketRoute(
                route_key=route["RouteKey"],
                function_arn=_function(where, integration.get("IntegrationUri")),
                authorization_type=route.get("AuthorizationType", "NONE"),
                answers=route.get("RouteResponseSelectionExpression") == "$default"
                and route_id in answering,
                timeout_ms=int(integration.get("TimeoutInMillis", 29_000)),
            )
        )
    return WebSocketApi(
        api_id=api,
        name=text(properties.get("Name", logical_id)),
        account=ACCOUNT,
        region=REGION,
        routes=tuple(routes),
        stages=_stages(stack, api),
        route_selection_expression=properties.get(
            "RouteSelectionExpression", "$request.body.action"
        ),
    )


def _integration(stack: Stack, where: str, route: dict[str, Any], api: str) -> dict[str, Any]:
    wanted = str(route.get("Target", "")).removeprefix("integrations/")
    for name, integration, identity in _parts(stack, "Integration", api):
        if identity == wanted:
            if integration.get("IntegrationType") != "AWS_PROXY":
                kind = integration.get("IntegrationType")
                raise UnsupportedResourceError(
                    f"{_V2}Integration ({name}): the local front knows AWS_PROXY only, not {kind}"
                )
            return integration
    raise ResourceError(f"{where}: it has no integration; give it a Target")


def _function(where: str, uri: Any) -> str:
    found = _FUNCTION.search(str(uri))
    if found:
        return found.group(1)
    if str(uri).startswith("arn:aws:lambda:"):
        return str(uri)
    raise UnsupportedResourceError(f"{where}: the local front calls Lambda functions only")


def _stages(stack: Stack, api: str, local: Callable[[str], str] = str) -> tuple[Stage, ...]:
    return tuple(
        Stage(
            name=stage["StageName"],
            variables={
                key: local(text(value)) for key, value in stage.get("StageVariables", {}).items()
            },
            throttle=_throttle(stage.get("DefaultRouteSettings") or {}),
            route_throttles={
                key: throttle
                for key, settings in stage.get("RouteSettings", {}).items()
                if (throttle := _throttle(settings)) is not None
            },
            access_log=_access_log(stage.get("AccessLogSettings") or {}),
        )
        for _, stage, _ in _parts(stack, "Stage", api)
    )


def _throttle(settings: dict[str, Any]) -> Throttle | None:
    if "ThrottlingRateLimit" not in settings and "ThrottlingBurstLimit" not in settings:
        return None
    # What is not given is the account's own limit.
    return Throttle(
        rate=float(settings.get("ThrottlingRateLimit", 10_000)),
        burst=int(settings.get("ThrottlingBurstLimit", 5_000)),
    )


def _access_log(settings: dict[str, Any]) -> AccessLog | None:
    if not settings:
        return None
    return AccessLog(destination_arn=settings["DestinationArn"], format=settings["Format"])


def _cors(logical_id: str, given: dict[str, Any]) -> Cors:
    names = {
        "allowOrigins": "allow_origins",
        "allowMethods": "allow_methods",
        "allowHeaders": "allow_headers",
        "exposeHeaders": "expose_headers",
    }
    unknown = sorted(set(given) - {*names, "allowCredentials", "maxAge"})
    if unknown:
        raise UnsupportedResourceError(f"{_V2}Api ({logical_id}): CORS has no {unknown[0]}")
    lists = {new: tuple(given[old] or ()) for old, new in names.items() if old in given}
    return Cors(
        **lists,
        allow_credentials=boolean(given.get("allowCredentials", False)),
        max_age=int(given["maxAge"]) if given.get("maxAge") is not None else None,
    )


def _lower(value: dict[str, Any]) -> dict[str, Any]:
    return {key[:1].lower() + key[1:]: item for key, item in value.items()}
