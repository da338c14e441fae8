"""CloudWatch log groups."""

from redress_local.emulated.resources.making import Making, Table, kind
from redress_local.emulated.resources.stack import Created


def _group(it: Making) -> Created:
    name = it.name("LogGroupName", limit=512)
    tags = {tag["Key"]: tag["Value"] for tag in it.get("Tags", [])}
    it.call(
        "logs",
        "create_log_group",
        logGroupName=name,
        kmsKeyId=it.get("KmsKeyId"),
        logGroupClass=it.get("LogGroupClass"),
        tags=tags or None,
    )
    if it.get("RetentionInDays"):
        it.call(
            "logs",
            "put_retention_policy",
            logGroupName=name,
            retentionInDays=it.get("RetentionInDays"),
        )
    return Created(ref=name, attributes={"Arn": it.arn("logs", f"log-group:{name}:*")})


KINDS: Table = {
    "AWS::Logs::LogGroup": kind(
        _group,
        "LogGroupName RetentionInDays KmsKeyId LogGroupClass Tags",
        # Masking on reading, indexes for Insights, and a guard against deletion.
        "DataProtectionPolicy DeletionProtectionEnabled FieldIndexPolicies",
    ),
}
