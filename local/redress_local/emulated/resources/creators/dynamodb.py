"""DynamoDB tables."""

from redress_local.emulated.resources.coercion import boolean
from redress_local.emulated.resources.making import Making, Table, kind
from redress_local.emulated.resources.stack import Created


def _table(it: Making) -> Created:
    encryption = it.get("SSESpecification")
    if encryption is not None:
        # The API calls the template's SSEEnabled Enabled.
        encryption = {
            {"SSEEnabled": "Enabled"}.get(key, key): value for key, value in encryption.items()
        }
    stream = it.get("StreamSpecification")
    answer = it.call(
        "dynamodb",
        "create_table",
        TableName=it.name("TableName"),
        BillingMode=it.get("BillingMode", "PROVISIONED"),
        SSESpecification=encryption,
        StreamSpecification=stream and {"StreamEnabled": True, **stream},
        **it.take(
            "AttributeDefinitions",
            "KeySchema",
            "ProvisionedThroughput",
            "GlobalSecondaryIndexes",
            "LocalSecondaryIndexes",
            "DeletionProtectionEnabled",
            "TableClass",
            "Tags",
        ),
    )["TableDescription"]
    name = answer["TableName"]
    expiry = it.get("TimeToLiveSpecification")
    if expiry and boolean(expiry.get("Enabled", False)):
        it.call("dynamodb", "update_time_to_live", TableName=name, TimeToLiveSpecification=expiry)
    recovery = it.get("PointInTimeRecoverySpecification")
    if recovery and boolean(recovery.get("PointInTimeRecoveryEnabled", False)):
        it.call(
            "dynamodb",
            "update_continuous_backups",
            TableName=name,
            PointInTimeRecoverySpecification=recovery,
        )
    attributes = {"Arn": answer["TableArn"]}
    if "LatestStreamArn" in answer:
        attributes["StreamArn"] = answer["LatestStreamArn"]
    return Created(ref=name, attributes=attributes)


KINDS: Table = {
    "AWS::DynamoDB::Table": kind(
        _table,
        """TableName BillingMode SSESpecification StreamSpecification AttributeDefinitions KeySchema
        ProvisionedThroughput GlobalSecondaryIndexes LocalSecondaryIndexes
        DeletionProtectionEnabled TableClass Tags TimeToLiveSpecification
        PointInTimeRecoverySpecification""",
        # Observation and capacity: nothing here is throttled by either.
        "ContributorInsightsSpecification OnDemandThroughput WarmThroughput",
    ),
}
