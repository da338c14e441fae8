"""API Gateway v2: ids only; `fronts` puts the APIs together when all parts are known."""

from __future__ import annotations

from redress_local.emulated.resources.making import Making, Table, kind
from redress_local.emulated.resources.names import api_id
from redress_local.emulated.resources.stack import Created
from redress_local.template_values import REGION


def _api(it: Making) -> Created:
    identity = api_id(it.stack.name, it.logical_id)
    it.services.hosts.add(f"{identity}.execute-api.{REGION}.amazonaws.com")
    endpoint = it.services.endpoint_url
    if it.get("ProtocolType", "HTTP") == "WEBSOCKET":
        endpoint = endpoint.replace("http", "ws", 1)
    # The endpoint is the local one, so that an output leads where the API is served.
    return Created(
        ref=identity,
        attributes={
            "ApiEndpoint": endpoint,
            "ApiId": identity,
            "ExecuteApiArn": it.arn("execute-api", identity),
        },
    )


def _part(it: Making) -> Created:
    identity = api_id(it.stack.name, it.logical_id)
    names = {
        "Route": "RouteId",
        "Integration": "IntegrationId",
        "Authorizer": "AuthorizerId",
        "RouteResponse": "RouteResponseId",
    }
    attribute = names.get(it.resource.type.rpartition("::")[2])
    return Created(ref=identity, attributes={attribute: identity} if attribute else {})


def _stage(it: Making) -> Created:
    return Created(ref=it.required("StageName"))


def _deployment(it: Making) -> Created:
    identity = api_id(it.stack.name, it.logical_id)
    return Created(ref=identity, attributes={"DeploymentId": identity})


KINDS: Table = {
    "AWS::ApiGatewayV2::Api": kind(
        _api,
        "Name ProtocolType Body CorsConfiguration RouteSelectionExpression",
        # Names, tags and what AWS alone offers beside the API itself.
        """ApiKeySelectionExpression BasePath CredentialsArn Description
        DisableExecuteApiEndpoint DisableSchemaValidation FailOnWarnings IpAddressType Tags
        Version""",
    ),
    "AWS::ApiGatewayV2::Route": kind(
        _part,
        """ApiId RouteKey Target AuthorizationType AuthorizerId AuthorizationScopes
        RouteResponseSelectionExpression""",
        "ApiKeyRequired OperationName",
    ),
    "AWS::ApiGatewayV2::RouteResponse": kind(
        _part, "ApiId RouteId RouteResponseKey", "ModelSelectionExpression ResponseModels"
    ),
    "AWS::ApiGatewayV2::Integration": kind(
        _part,
        "ApiId IntegrationType IntegrationUri PayloadFormatVersion TimeoutInMillis",
        # A Lambda proxy is always called by POST, with the caller's body as it is.
        """ConnectionType ContentHandlingStrategy CredentialsArn Description IntegrationMethod
        PassthroughBehavior""",
    ),
    "AWS::ApiGatewayV2::Authorizer": kind(
        _part,
        "ApiId AuthorizerType IdentitySource JwtConfiguration Name",
    ),
    "AWS::ApiGatewayV2::Stage": kind(
        _stage,
        """ApiId StageName StageVariables DefaultRouteSettings RouteSettings AccessLogSettings""",
        # Every change is deployed at once here.
        "AutoDeploy ClientCertificateId DeploymentId Description Tags",
    ),
    "AWS::ApiGatewayV2::Deployment": kind(_deployment, "ApiId", "Description StageName"),
}
