"""EventBridge: buses, rules with their targets, archives and permissions."""

from redress_local.emulated.resources.errors import ResourceError
from redress_local.emulated.resources.making import Making, Table, kind
from redress_local.emulated.resources.stack import Created


def _bus(it: Making) -> Created:
    name = it.required("Name")
    arn = it.call(
        "events",
        "create_event_bus",
        Name=name,
        **it.take("Description", "DeadLetterConfig", "Tags"),
    )["EventBusArn"]
    if it.get("Policy"):
        it.call("events", "put_permission", EventBusName=name, Policy=it.get("Policy"))
    return Created(ref=name, attributes={"Arn": arn, "Name": name})


def _rule(it: Making) -> Created:
    name = it.name("Name", limit=64)
    bus = str(it.get("EventBusName") or "default").rpartition("/")[2]
    # The bus is left out for the default one, on which alone schedules are allowed.
    on = {} if bus == "default" else {"EventBusName": bus}
    if not it.get("EventPattern") and not it.get("ScheduleExpression"):
        raise ResourceError(f"{it.resource}: a rule has an EventPattern or a ScheduleExpression")
    arn = it.call(
        "events",
        "put_rule",
        Name=name,
        **on,
        **it.take("Description", "EventPattern", "RoleArn", "ScheduleExpression", "State", "Tags"),
    )["RuleArn"]
    targets = it.get("Targets", [])
    if targets:
        answer = it.call("events", "put_targets", Rule=name, Targets=targets, **on)
        for failed in answer.get("FailedEntries", []):
            raise ResourceError(
                f"{it.resource}: target {failed.get('TargetId')}: {failed.get('ErrorMessage')}"
            )
    ref = name if bus == "default" else f"{bus}|{name}"
    return Created(ref=ref, attributes={"Arn": arn, "RuleName": name})


def _archive(it: Making) -> Created:
    name = it.name("ArchiveName", limit=48)
    arn = it.call(
        "events",
        "create_archive",
        ArchiveName=name,
        EventSourceArn=it.required("SourceArn"),
        **it.take("Description", "EventPattern", "RetentionDays"),
    )["ArchiveArn"]
    return Created(ref=name, attributes={"ArchiveName": name, "Arn": arn})


def _bus_policy(it: Making) -> Created:
    statement_id = it.required("StatementId")
    policy = it.get("Statement")
    if policy is not None:
        policy = {
            "Version": "2012-10-17",
            "Statement": [{"Sid": statement_id, **policy}],
        }
    it.call(
        "events",
        "put_permission",
        StatementId=None if policy else statement_id,
        Policy=policy,
        **it.take("EventBusName", "Action", "Principal", "Condition"),
    )
    return Created(ref=it.made_up_name())


KINDS: Table = {
    "AWS::Events::EventBus": kind(
        _bus,
        "Name Description DeadLetterConfig Policy Tags",
        # What AWS encrypts and logs of its own.
        "KmsKeyIdentifier LogConfig",
    ),
    "AWS::Events::Rule": kind(
        _rule,
        """Name Description EventBusName EventPattern RoleArn ScheduleExpression State Tags
        Targets""",
    ),
    "AWS::Events::Archive": kind(
        _archive,
        "ArchiveName SourceArn Description EventPattern RetentionDays",
        "KmsKeyIdentifier",
    ),
    "AWS::Events::EventBusPolicy": kind(
        _bus_policy, "StatementId Statement EventBusName Action Principal Condition"
    ),
}
