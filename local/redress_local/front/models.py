"""What the front serves: HTTP and WebSocket APIs in the terms of API Gateway v2.

Every model says which property of which CloudFormation resource it comes from. ARNs are physical.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

import msgspec

_NOTHING: Mapping[str, str] = MappingProxyType({})


class FrontError(Exception):
    """Base of the front's errors."""


class UnsupportedApiError(FrontError):
    """An API asks for what the local front does not do; the message names it."""


class Throttle(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A token bucket: `DefaultRouteSettings` or one of `RouteSettings` of a stage.

    Attributes:
        rate: Requests per second (`ThrottlingRateLimit`).
        burst: Size of the bucket (`ThrottlingBurstLimit`).
    """

    rate: float
    burst: int


class AccessLog(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`AccessLogSettings` of a stage.

    Attributes:
        destination_arn: The log group's ARN.
        format: One line with `$context.` variables.
    """

    destination_arn: str
    format: str


class Stage(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`AWS::ApiGatewayV2::Stage`.

    Attributes:
        name: `StageName`; an HTTP API's `$default` lies at the root, others at `/{name}`.
        variables: `StageVariables`.
        throttle: `DefaultRouteSettings`; for each route a bucket of its own.
        route_throttles: `RouteSettings` by route key.
        access_log: `AccessLogSettings`.
    """

    name: str = "$default"
    variables: Mapping[str, str] = _NOTHING
    throttle: Throttle | None = None
    route_throttles: Mapping[str, Throttle] = MappingProxyType({})
    access_log: AccessLog | None = None


class JwtAuthorizer(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`AWS::ApiGatewayV2::Authorizer` with `AuthorizerType: JWT`.

    Attributes:
        name: `Name`, or its key in the OpenAPI `securitySchemes`.
        issuer: `JwtConfiguration.Issuer`.
        audience: `JwtConfiguration.Audience`; one of them must be the token's `aud` or
            `client_id`.
        identity_source: The one item of `IdentitySource`.
    """

    name: str
    issuer: str
    audience: tuple[str, ...]
    identity_source: str = "$request.header.Authorization"


class Cors(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`CorsConfiguration` of an HTTP API; the lists may hold `*`."""

    allow_origins: tuple[str, ...] = ()
    allow_methods: tuple[str, ...] = ()
    allow_headers: tuple[str, ...] = ()
    expose_headers: tuple[str, ...] = ()
    allow_credentials: bool = False
    max_age: int | None = None


class HttpRoute(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`AWS::ApiGatewayV2::Route` with its Lambda proxy integration.

    Attributes:
        route_key: `METHOD /path/{param}`, `ANY /path/{proxy+}` or `$default`.
        function_arn: The function that the integration calls.
        authorization_type: `AuthorizationType`. Only NONE, JWT and AWS_IAM are served: any other
            stops the start.
        authorizer: Needed by JWT.
        scopes: `AuthorizationScopes`; the token must hold one of them, if there are any.
        payload_version: `PayloadFormatVersion`; only 2.0 is served.
        timeout_ms: `TimeoutInMillis` of the integration.
    """

    route_key: str
    function_arn: str
    authorization_type: str = "NONE"
    authorizer: JwtAuthorizer | None = None
    scopes: tuple[str, ...] = ()
    payload_version: str = "2.0"
    timeout_ms: int = 30_000


class _Api(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    api_id: str
    name: str
    account: str
    region: str

    @property
    def domain_name(self) -> str:
        """The name that AWS gives the API's host."""
        return f"{self.api_id}.execute-api.{self.region}.amazonaws.com"


class HttpApi(_Api, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`AWS::ApiGatewayV2::Api` with `ProtocolType: HTTP`.

    Attributes:
        api_id: Its physical id (`Ref`).
        name: `Name`.
        account: 12 digits.
        region: Such as us-east-1.
        routes: Its routes.
        stages: Its stages; SAM's default is the one `$default`.
        cors: `CorsConfiguration`, if any.
    """

    routes: tuple[HttpRoute, ...]
    stages: tuple[Stage, ...] = (Stage(),)
    cors: Cors | None = None
    protocol: Literal["HTTP"] = "HTTP"


class WebSocketRoute(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A WebSocket API's `AWS::ApiGatewayV2::Route` with its Lambda proxy integration.

    Attributes:
        route_key: `$connect`, `$disconnect`, `$default` or a value of the selection expression.
        function_arn: The function that the integration calls.
        authorization_type: `AuthorizationType`. Only NONE is served: any other stops the start.
        answers: Whether the function's body goes back to the client:
            `RouteResponseSelectionExpression` is `$default` and there is a route response.
        timeout_ms: `TimeoutInMillis` of the integration; 29 s at most.
    """

    route_key: str
    function_arn: str
    authorization_type: str = "NONE"
    answers: bool = False
    timeout_ms: int = 29_000


class WebSocketApi(_Api, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`AWS::ApiGatewayV2::Api` with `ProtocolType: WEBSOCKET`.

    Attributes:
        api_id: Its physical id (`Ref`).
        name: `Name`.
        account: 12 digits.
        region: Such as us-east-1.
        routes: Its routes.
        stages: Its stages: a client connects to `ws://HOST/{stage}`. With one stage in the
            whole front, the root leads to it as well.
        route_selection_expression: `RouteSelectionExpression`, a path into the JSON body.
    """

    routes: tuple[WebSocketRoute, ...]
    stages: tuple[Stage, ...]
    route_selection_expression: str = "$request.body.action"
    protocol: Literal["WEBSOCKET"] = "WEBSOCKET"
