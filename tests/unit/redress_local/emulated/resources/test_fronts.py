"""APIs and user pools as the front and the issuer get them."""

from collections.abc import Callable
from typing import Any

import pytest
from redress_local.emulated.resources.create import create_all
from redress_local.emulated.resources.errors import ResourceError
from redress_local.emulated.resources.fronts import http_apis, user_pools, websocket_apis
from redress_local.emulated.resources.making import Making
from redress_local.emulated.resources.stack import Stack
from redress_local.front.models import Stage, Throttle

Make = Callable[..., Stack]

SAM = """
Transform: AWS::Serverless-2016-10-31
Globals: {Function: {Runtime: python3.13, Handler: handler.handler, CodeUri: work}}
Resources:
  Pool: {Type: 'AWS::Cognito::UserPool', Properties: {UserPoolName: p, MfaConfiguration: 'OFF'}}
  Scopes:
    Type: AWS::Cognito::UserPoolResourceServer
    Properties:
      UserPoolId: !Ref Pool
      Identifier: redress
      Name: Redress
      Scopes: [{ScopeName: read, ScopeDescription: x}, {ScopeName: write, ScopeDescription: x}]
  Web:
    Type: AWS::Cognito::UserPoolClient
    Properties: {UserPoolId: !Ref Pool, ClientName: web, AllowedOAuthScopes: [openid, redress/read]}
  Machine:
    Type: AWS::Cognito::UserPoolClient
    Properties: {UserPoolId: !Ref Pool, GenerateSecret: true}
  Page: {Type: 'AWS::Cognito::UserPoolDomain', Properties: {UserPoolId: !Ref Pool, Domain: mine}}
  Http:
    Type: AWS::Serverless::HttpApi
    Properties:
      Auth:
        DefaultAuthorizer: People
        Authorizers:
          People:
            IdentitySource: $request.header.Authorization
            JwtConfiguration:
              issuer: !GetAtt Pool.ProviderURL
              audience: [!Ref Web]
      CorsConfiguration:
        AllowOrigins: ['https://example.com']
        AllowMethods: [GET]
        AllowCredentials: true
        MaxAge: 60
      DefaultRouteSettings: {ThrottlingBurstLimit: 5, ThrottlingRateLimit: 10}
      RouteSettings: {'GET /cases/{id}': {ThrottlingRateLimit: 1}}
      StageVariables: {Colour: red}
  Work:
    Type: AWS::Serverless::Function
    Properties:
      Role: arn:aws:iam::000000000000:role/x
      Environment:
        Variables:
          CONNECTIONS: !Sub https://${Socket}.execute-api.${AWS::Region}.${AWS::URLSuffix}/live
          ELSEWHERE: https://abcdefghij.execute-api.us-east-1.amazonaws.com/live
      Events:
        Read:
          Type: HttpApi
          Properties:
            {ApiId: !Ref Http, Path: '/cases/{id}', Method: get, Auth: {AuthorizationScopes: [r]}}
        Open:
          Type: HttpApi
          Properties: {ApiId: !Ref Http, Path: /open, Method: ANY, Auth: {Authorizer: NONE}}
        Rest: {Type: HttpApi, Properties: {ApiId: !Ref Http}}
  Listener:
    Type: AWS::Serverless::Function
    Properties: {Role: 'arn:aws:iam::000000000000:role/x'}
  Socket:
    Type: AWS::Serverless::WebSocketApi
    Properties:
      RouteSelectionExpression: $request.body.do
      StageName: live
      Routes:
        $connect: {FunctionArn: !GetAtt Listener.Arn}
        watch: {FunctionArn: !GetAtt Listener.Arn, IntegrationTimeout: 5000}
Outputs:
  Http: {Value: !GetAtt Http.ApiEndpoint}
  Socket: {Value: !Sub 'wss://${Socket}.execute-api.${AWS::Region}.amazonaws.com/live'}
  Page: {Value: !Sub 'https://${Page}.auth.${AWS::Region}.amazoncognito.com/login'}
"""


@pytest.fixture
def sam(stack_of: Make, services: Any) -> Stack:
    (services.folder.parent / "work").mkdir()
    stack = stack_of(SAM)
    create_all(stack, services)
    return stack


def test_an_http_api_of_sam(sam: Stack, services: Any) -> None:
    (api,) = http_apis(sam)
    assert api.api_id == sam.created["Http"].ref
    arn = services.recorder.specs["Work"].arn
    routes = {route.route_key: route for route in api.routes}
    assert set(routes) == {"GET /cases/{id}", "ANY /open", "$default"}
    assert {route.function_arn for route in api.routes} == {arn}
    read = routes["GET /cases/{id}"]
    assert read.authorization_type == "JWT"
    assert read.scopes == ("r",)
    assert read.authorizer is not None
    assert read.authorizer.issuer == sam.attribute("Pool", "ProviderURL")
    assert read.authorizer.audience == (sam.created["Web"].ref,)
    assert routes["ANY /open"].authorizer is None
    assert routes["ANY /open"].authorization_type == "NONE"
    assert routes["$default"].authorizer == read.authorizer
    assert api.cors is not None
    assert (api.cors.allow_origins, api.cors.max_age) == (("https://example.com",), 60)
    assert api.cors.allow_credentials
    assert api.stages == (
        Stage(
            name="$default",
            variables={"Colour": "red"},
            throttle=Throttle(rate=10, burst=5),
            route_throttles={"GET /cases/{id}": Throttle(rate=1, burst=5000)},
        ),
    )


def test_a_websocket_api_of_sam(sam: Stack, services: Any) -> None:
    (api,) = websocket_apis(sam)
    arn = services.recorder.specs["Listener"].arn
    assert {route.route_key for route in api.routes} == {"$connect", "watch"}
    assert {route.function_arn for route in api.routes} == {arn}
    assert {route.timeout_ms for route in api.routes} == {29_000, 5000}
    assert api.route_selection_expression == "$request.body.do"
    assert [stage.name for stage in api.stages] == ["live"]


def test_user_pools_reach_the_issuer(sam: Stack, services: Any) -> None:
    (pool,) = services.recorder.pools
    assert [pool] == user_pools(sam)
    assert pool.issuer == sam.attribute("Pool", "ProviderURL")
    assert pool.scopes == ("redress/read", "redress/write")
    web, machine = sorted(pool.clients, key=lambda client: client.name, reverse=True)
    assert (web.name, web.secret, web.scopes) == ("web", None, ("openid", "redress/read"))
    assert web.client_id == sam.created["Web"].ref
    assert machine.name == "Machine"
    assert machine.secret == sam.attribute("Machine", "ClientSecret")


def test_own_addresses_lead_to_the_gateway(sam: Stack, services: Any) -> None:
    assert sam.outputs == {
        "Http": "http://127.0.0.1:4566",
        "Socket": "ws://127.0.0.1:4566/live",
        "Page": "http://127.0.0.1:4566/login",
    }
    environment = services.recorder.specs["Work"].environment
    assert environment["CONNECTIONS"] == "http://127.0.0.1:4566/live"
    assert environment["ELSEWHERE"].startswith("https://abcdefghij.")


PLAIN = """
Resources:
  Api: {Type: 'AWS::ApiGatewayV2::Api', Properties: {Name: plain, ProtocolType: HTTP}}
  Guard:
    Type: AWS::ApiGatewayV2::Authorizer
    Properties:
      ApiId: !Ref Api
      Name: guard
      AuthorizerType: JWT
      IdentitySource: [$request.header.X]
      JwtConfiguration: {Issuer: 'https://issuer', Audience: [a]}
  Integration:
    Type: AWS::ApiGatewayV2::Integration
    Properties:
      ApiId: !Ref Api
      IntegrationType: AWS_PROXY
      IntegrationUri: arn:aws:lambda:us-east-1:000000000000:function:f
      PayloadFormatVersion: '2.0'
      TimeoutInMillis: 1000
  Route:
    Type: AWS::ApiGatewayV2::Route
    Properties:
      ApiId: !Ref Api
      RouteKey: GET /x
      AuthorizationType: JWT
      AuthorizerId: !Ref Guard
      AuthorizationScopes: [s]
      Target: !Sub integrations/${Integration}
  Stage:
    Type: AWS::ApiGatewayV2::Stage
    Properties:
      ApiId: !Ref Api
      StageName: v1
      AutoDeploy: true
      AccessLogSettings: {DestinationArn: 'arn:logs', Format: $context.requestId}
  Socket:
    Type: AWS::ApiGatewayV2::Api
    Properties: {Name: s, ProtocolType: WEBSOCKET, RouteSelectionExpression: $request.body.x}
  SocketIntegration:
    Type: AWS::ApiGatewayV2::Integration
    Properties:
      ApiId: !Ref Socket
      IntegrationType: AWS_PROXY
      IntegrationUri: arn:aws:lambda:us-east-1:000000000000:function:f
  SocketRoute:
    Type: AWS::ApiGatewayV2::Route
    Properties:
      ApiId: !Ref Socket
      RouteKey: $default
      RouteResponseSelectionExpression: $default
      Target: !Join [/, [integrations, !Ref SocketIntegration]]
  SocketAnswer:
    Type: AWS::ApiGatewayV2::RouteResponse
    Properties: {ApiId: !Ref Socket, RouteId: !Ref SocketRoute, RouteResponseKey: $default}
"""


def test_apis_of_plain_resources(stack_of: Make, services: Any) -> None:
    stack = stack_of(PLAIN)
    create_all(stack, services)
    (api,), (socket,) = http_apis(stack), websocket_apis(stack)
    (route,) = api.routes
    assert (route.route_key, route.scopes, route.timeout_ms) == ("GET /x", ("s",), 1000)
    assert route.authorizer is not None
    assert route.authorizer.name == "guard"
    assert route.authorizer.identity_source == "$request.header.X"
    (stage,) = api.stages
    assert stage.name == "v1"
    assert stage.access_log is not None
    assert [route.answers for route in socket.routes] == [True]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("AuthorizerType: JWT", "AuthorizerType: REQUEST", r"Authorizer \(Guard\).*REQUEST"),
        ("IntegrationType: AWS_PROXY", "IntegrationType: HTTP_PROXY", "AWS_PROXY only"),
        ("Target: !Sub", "Target: !Sub nowhere/", r"Route \(Route\): it has no integration"),
        ("[$request.header.X]", "[a, b]", "one identity source"),
        ("IntegrationUri: arn:aws:lambda:", "IntegrationUri: arn:aws:sqs:", "Lambda functions"),
    ],
)
def test_what_the_front_cannot_serve_is_named(
    stack_of: Make, services: Any, old: str, new: str, message: str
) -> None:
    stack = stack_of(PLAIN.replace(old, new))
    create_all(stack, services)
    with pytest.raises(ResourceError, match=message):
        http_apis(stack)


def test_apis_of_nested_stacks_are_found(stack_of: Make, services: Any) -> None:
    (services.folder.parent / "child.yaml").write_text(PLAIN)
    stack = stack_of(
        "Resources: {S: {Type: 'AWS::CloudFormation::Stack', "
        "Properties: {TemplateURL: child.yaml}}}"
    )
    create_all(stack, services)
    assert [api.name for api in http_apis(stack)] == ["plain"]


@pytest.fixture(autouse=True)
def _no_calls_but_permissions(monkeypatch: pytest.MonkeyPatch) -> None:
    """Functions and APIs need no service but Lambda's own."""
    original = Making.call

    def call(self: Making, service: str, operation: str, /, **parameters: Any) -> Any:
        assert (service, operation) == ("lambda", "add_permission")
        return original(self, service, operation, **parameters)

    monkeypatch.setattr(Making, "call", call)
