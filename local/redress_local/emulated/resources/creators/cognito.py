"""Cognito: ids only; `fronts` tells the local issuer of pools when all parts are known."""

from __future__ import annotations

from redress_local.emulated.resources.making import Making, Table, kind
from redress_local.emulated.resources.stack import Created
from redress_local.template_values import REGION


def _pool(it: Making) -> Created:
    pool_id = f"{REGION}_{it.suffix('pool', length=9)}"
    provider = f"cognito-idp.{REGION}.amazonaws.com/{pool_id}"
    return Created(
        ref=pool_id,
        attributes={
            "Arn": it.arn("cognito-idp", f"userpool/{pool_id}"),
            "ProviderName": provider,
            "ProviderURL": f"https://{provider}",
            "UserPoolId": pool_id,
        },
    )


def _client(it: Making) -> Created:
    client_id = it.suffix("client", length=26).lower()
    secret = it.suffix("secret", length=51).lower()
    return Created(
        ref=client_id,
        attributes={
            "ClientId": client_id,
            "ClientSecret": secret,
            "Name": it.get("ClientName", it.logical_id),
        },
    )


def _resource_server(it: Making) -> Created:
    return Created(ref=it.required("Identifier"))


def _domain(it: Making) -> Created:
    domain = it.required("Domain")
    it.services.hosts.add(f"{domain}.auth.{REGION}.amazoncognito.com")
    return Created(ref=domain)


def _group(it: Making) -> Created:
    return Created(ref=it.name("GroupName"))


KINDS: Table = {
    "AWS::Cognito::UserPool": kind(
        _pool,
        "UserPoolName",
        # How people sign up and in: here the issuer gives tokens to whoever runs the machine.
        """AccountRecoverySetting AdminCreateUserConfig AliasAttributes AutoVerifiedAttributes
        DeletionProtection DeviceConfiguration EmailConfiguration EmailVerificationMessage
        EmailVerificationSubject EnabledMfas MfaConfiguration Policies Schema
        SmsAuthenticationMessage SmsConfiguration SmsVerificationMessage
        UserAttributeUpdateSettings UsernameAttributes UsernameConfiguration UserPoolAddOns
        UserPoolTags UserPoolTier VerificationMessageTemplate WebAuthnRelyingPartyID
        WebAuthnUserVerification""",
    ),
    "AWS::Cognito::UserPoolClient": kind(
        _client,
        "UserPoolId ClientName AllowedOAuthScopes GenerateSecret",
        # Sign-in flows and lifetimes: `redress token` says how long its tokens live.
        """AccessTokenValidity AllowedOAuthFlows AllowedOAuthFlowsUserPoolClient AuthSessionValidity
        CallbackURLs DefaultRedirectURI EnablePropagateAdditionalUserContextData
        EnableTokenRevocation ExplicitAuthFlows IdTokenValidity LogoutURLs
        PreventUserExistenceErrors ReadAttributes RefreshTokenRotation RefreshTokenValidity
        SupportedIdentityProviders TokenValidityUnits WriteAttributes""",
    ),
    "AWS::Cognito::UserPoolResourceServer": kind(
        _resource_server, "UserPoolId Identifier Scopes", "Name"
    ),
    "AWS::Cognito::UserPoolDomain": kind(
        _domain, "Domain UserPoolId", "CustomDomainConfig ManagedLoginVersion Routing"
    ),
    "AWS::Cognito::UserPoolGroup": kind(
        _group, "GroupName UserPoolId", "Description Precedence RoleArn"
    ),
}
