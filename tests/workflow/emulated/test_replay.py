"""CaseOpened to CaseResolved in the archive, and a replay that pays nothing twice."""

from datetime import timedelta

from stack_world import StackWorld, until


def test_a_replay_changes_nothing(world: StackWorld) -> None:
    label = next(c for c in world.labels.cases[40:] if c.kind == "combined")
    before = world.ledger(label.order_id)
    execution = world.started_by(world.put(world.opened(label))[0])
    assert world.ended(execution)["status"] == "SUCCEEDED"
    paid = world.ledger(label.order_id)
    assert paid != before
    kept = until(
        lambda: [e for e in world.archived(label.case_id) if e["detail-type"] == "CaseResolved"],
        "CaseResolved in the archive",
    )
    assert len(kept) == 1

    archive = world.events.describe_archive(ArchiveName=world.cloud.stack.outputs["ArchiveName"])
    assert archive["State"] == "ENABLED"
    started = len(world.executions())
    replay = f"again-{label.case_id}"
    world.events.start_replay(
        ReplayName=replay,
        EventSourceArn=archive["ArchiveArn"],
        EventStartTime=world.labels.as_of - timedelta(seconds=1),
        EventEndTime=world.labels.as_of + timedelta(seconds=1),
        Destination={"Arn": archive["EventSourceArn"]},
    )
    done = until(
        lambda: (
            found := world.events.describe_replay(ReplayName=replay),
            found if found["State"] == "COMPLETED" else None,
        )[1],
        "the replay's end",
    )
    assert done["EventStartTime"] < done["EventEndTime"]

    def settled_again() -> bool:
        found = world.executions()
        return len(found) > started and all(e["status"] != "RUNNING" for e in found)

    until(settled_again, "the replayed events' executions")
    again = [e for e in world.executions() if e["executionArn"] != execution]
    assert again
    assert {e["status"] for e in again} == {"SUCCEEDED"}
    assert world.ledger(label.order_id) == paid
    resolved = [e for e in world.archived(label.case_id) if e["detail-type"] == "CaseResolved"]
    assert resolved == kept
