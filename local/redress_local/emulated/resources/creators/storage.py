"""S3 buckets, SSM parameters, KMS keys and Secrets Manager's secrets."""

import json
from typing import Any

from redress_local.emulated.moto.custom_id import CUSTOM_ID
from redress_local.emulated.resources.coercion import boolean
from redress_local.emulated.resources.errors import UnsupportedResourceError
from redress_local.emulated.resources.making import Making, Table, kind
from redress_local.emulated.resources.names import key_id
from redress_local.emulated.resources.stack import Created


def _bucket(it: Making) -> Created:
    name = str(it.get("BucketName") or it.made_up_name(limit=63).lower())
    it.call("s3", "create_bucket", Bucket=name)
    settings = {
        "put_bucket_versioning": {"VersioningConfiguration": it.get("VersioningConfiguration")},
        "put_bucket_encryption": {"ServerSideEncryptionConfiguration": _encryption(it)},
        "put_public_access_block": {
            "PublicAccessBlockConfiguration": it.get("PublicAccessBlockConfiguration")
        },
        "put_bucket_ownership_controls": {"OwnershipControls": it.get("OwnershipControls")},
        "put_bucket_cors": {"CORSConfiguration": _cors(it)},
        "put_bucket_tagging": {"Tagging": _tagging(it)},
    }
    for operation, parameters in settings.items():
        if all(parameters.values()):
            it.call("s3", operation, Bucket=name, **parameters)
    host = "s3.amazonaws.com"
    region = "us-east-1"
    return Created(
        ref=name,
        attributes={
            "Arn": f"arn:aws:s3:::{name}",
            "DomainName": f"{name}.{host}",
            "DualStackDomainName": f"{name}.s3.dualstack.{region}.amazonaws.com",
            "RegionalDomainName": f"{name}.s3.{region}.amazonaws.com",
        },
    )


def _encryption(it: Making) -> Any:
    given = it.get("BucketEncryption")
    if not given:
        return None
    return {
        "Rules": [
            {
                {"ServerSideEncryptionByDefault": "ApplyServerSideEncryptionByDefault"}.get(
                    key, key
                ): value
                for key, value in rule.items()
            }
            for rule in given["ServerSideEncryptionConfiguration"]
        ]
    }


def _cors(it: Making) -> Any:
    given = it.get("CorsConfiguration")
    if not given:
        return None
    names = {"ExposedHeaders": "ExposeHeaders", "MaxAge": "MaxAgeSeconds", "Id": "ID"}
    return {
        "CORSRules": [
            {names.get(key, key): value for key, value in rule.items()}
            for rule in given["CorsRules"]
        ]
    }


def _tagging(it: Making) -> Any:
    return {"TagSet": it.get("Tags")} if it.get("Tags") else None


def _bucket_policy(it: Making) -> Created:
    bucket = it.required("Bucket")
    it.call("s3", "put_bucket_policy", Bucket=bucket, Policy=it.required("PolicyDocument"))
    return Created(ref=bucket)


def _parameter(it: Making) -> Created:
    name = it.get("Name") or f"CFN-{it.logical_id}-{it.suffix('name', length=12)}"
    kind_, value = it.required("Type"), it.required("Value")
    if kind_ == "SecureString":
        raise UnsupportedResourceError(f"{it.resource}: CloudFormation makes no SecureString")
    it.call(
        "ssm",
        "put_parameter",
        Name=name,
        Type=kind_,
        Value=value,
        Tags=[{"Key": key, "Value": item} for key, item in it.get("Tags", {}).items()],
        **it.take("Description", "AllowedPattern", "Tier", "DataType"),
    )
    return Created(
        ref=name,
        attributes={
            "Arn": it.arn("ssm", f"parameter/{name.removeprefix('/')}"),
            "Type": kind_,
            "Value": value,
        },
    )


def _key(it: Making) -> Created:
    tags = [{"TagKey": tag["Key"], "TagValue": tag["Value"]} for tag in it.get("Tags", [])]
    wide = boolean(it.get("MultiRegion", False))
    wanted = key_id(it.stack.name, it.logical_id, multi_region=wide)
    tags.append({"TagKey": CUSTOM_ID, "TagValue": wanted})
    answer = it.call(
        "kms",
        "create_key",
        Policy=it.get("KeyPolicy"),
        Tags=tags,
        **it.take("Description", "KeySpec", "KeyUsage", "MultiRegion"),
    )["KeyMetadata"]
    made = answer["KeyId"]
    if boolean(it.get("EnableKeyRotation", False)):
        it.call("kms", "enable_key_rotation", KeyId=made)
    if not boolean(it.get("Enabled", True)):
        it.call("kms", "disable_key", KeyId=made)
    return Created(ref=made, attributes={"Arn": answer["Arn"], "KeyId": made})


def _alias(it: Making) -> Created:
    name = it.required("AliasName")
    it.call("kms", "create_alias", AliasName=name, TargetKeyId=it.required("TargetKeyId"))
    return Created(ref=name)


_RANDOM_PASSWORD = (
    "ExcludeCharacters",
    "ExcludeLowercase",
    "ExcludeNumbers",
    "ExcludePunctuation",
    "ExcludeUppercase",
    "IncludeSpace",
    "PasswordLength",
    "RequireEachIncludedType",
)


def _secret(it: Making) -> Created:
    value = it.get("SecretString")
    wanted = it.get("GenerateSecretString")
    if wanted is not None:
        known = {*_RANDOM_PASSWORD, "SecretStringTemplate", "GenerateStringKey"}
        unknown = sorted(set(wanted) - known)
        if unknown:
            raise UnsupportedResourceError(
                f"{it.resource}: GenerateSecretString has no {unknown[0]}"
            )
        value = it.call(
            "secretsmanager",
            "get_random_password",
            **{key: wanted[key] for key in _RANDOM_PASSWORD if key in wanted},
        )["RandomPassword"]
        if "GenerateStringKey" in wanted:
            template = json.loads(wanted.get("SecretStringTemplate", "{}"))
            value = json.dumps({**template, wanted["GenerateStringKey"]: value})
    answer = it.call(
        "secretsmanager",
        "create_secret",
        Name=it.name("Name"),
        SecretString=value,
        **it.take("Description", "KmsKeyId", "Tags"),
    )
    return Created(ref=answer["ARN"], attributes={"Id": answer["ARN"]})


KINDS: Table = {
    "AWS::S3::Bucket": kind(
        _bucket,
        """BucketName VersioningConfiguration BucketEncryption PublicAccessBlockConfiguration
        OwnershipControls CorsConfiguration Tags""",
        # Housekeeping and observation over days: the local bucket lives as long as one run.
        """AccelerateConfiguration AnalyticsConfigurations IntelligentTieringConfigurations
        InventoryConfigurations LifecycleConfiguration LoggingConfiguration
        MetricsConfigurations""",
    ),
    "AWS::S3::BucketPolicy": kind(_bucket_policy, "Bucket PolicyDocument"),
    "AWS::SSM::Parameter": kind(
        _parameter,
        "Name Type Value Description AllowedPattern Tier DataType Tags",
        # Expiry and its notices take days.
        "Policies",
    ),
    "AWS::KMS::Key": kind(
        _key,
        "Description EnableKeyRotation Enabled KeyPolicy KeySpec KeyUsage MultiRegion Tags",
        # About deletion and yearly rotation, and a check of the policy that AWS makes.
        "BypassPolicyLockoutSafetyCheck PendingWindowInDays RotationPeriodInDays",
    ),
    "AWS::KMS::Alias": kind(_alias, "AliasName TargetKeyId"),
    "AWS::SecretsManager::Secret": kind(
        _secret, "Name SecretString GenerateSecretString Description KmsKeyId Tags"
    ),
}
