"""A queue feeds a function that reports which messages of a batch failed."""

import json

from faults_world import FaultsWorld
from stack_world import until


def test_reported_messages_come_again_and_end_in_the_dead_letter_queue(
    faults: FaultsWorld,
) -> None:
    work, dead = faults.queue_of("Work"), faults.queue_of("WorkDeadLetters")
    # A cold start must not outlast the messages' visibility time-out.
    faults.functions.invoke(FunctionName=faults.function("Takes"), Payload='{"Records": []}')
    good = [faults.name("item") for _ in range(3)]
    slow, hopeless = faults.name("slow"), faults.name("hopeless")
    bodies = [{"key": key, "times": 0} for key in good]
    bodies += [{"key": slow, "times": 1}, {"key": hopeless, "times": 99}]
    answer = faults.sqs.send_message_batch(
        QueueUrl=work,
        Entries=[{"Id": body["key"], "MessageBody": json.dumps(body)} for body in bodies],
    )
    assert not answer.get("Failed")
    ids = {sent["Id"]: sent["MessageId"] for sent in answer["Successful"]}

    letter = faults.receive(dead, "the hopeless message", holds=hopeless)
    assert json.loads(letter["Body"]) == {"key": hopeless, "times": 99}
    assert letter["MessageId"] == ids[hopeless]
    until(lambda: faults.depth(work) == 0, "an empty queue")
    assert faults.depth(dead) == 1
    assert {key: len(faults.attempts(key)) for key in [*good, slow, hopeless]} == {
        **dict.fromkeys(good, 1),
        slow: 2,
        hopeless: 3,
    }
    (mapping,) = faults.functions.list_event_source_mappings(FunctionName=faults.function("Takes"))[
        "EventSourceMappings"
    ]
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["State"] == "Enabled"
