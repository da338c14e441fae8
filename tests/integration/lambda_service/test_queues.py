"""Event source mappings and dead letters over moto's queues."""

import json
import threading
import time
import uuid

import pytest
from botocore.exceptions import ClientError
from lambda_world import QUEUE, HandlerError, spec


def until(question, seconds=15):
    """Ask until the answer is true; the last answer."""
    end = time.monotonic() + seconds
    while not (answer := question()) and time.monotonic() < end:
        time.sleep(0.02)
    return answer


class Queue:
    def __init__(self, sqs, **attributes):
        self.sqs = sqs
        self.name = f"q-{uuid.uuid4().hex}"
        made = sqs.create_queue(QueueName=self.name, Attributes=attributes)
        self.url = made["QueueUrl"]
        self.arn = sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["QueueArn"])[
            "Attributes"
        ]["QueueArn"]

    def send(self, *bodies):
        for body in bodies:
            self.sqs.send_message(QueueUrl=self.url, MessageBody=body)

    def counts(self):
        """Messages visible and in flight."""
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=names)
        return tuple(int(found["Attributes"][name]) for name in names)

    def receive(self):
        return self.sqs.receive_message(
            QueueUrl=self.url, MaxNumberOfMessages=10, MessageAttributeNames=["All"]
        ).get("Messages", [])


@pytest.fixture
def queue(sqs):
    return Queue(sqs, VisibilityTimeout="60")


@pytest.fixture
def work(service, pool):
    """A function that keeps its events, and what it answers next."""
    seen = []
    pool.handlers["work"] = lambda event: seen.append(event)
    service.create_function(spec("work"))
    return seen


def test_messages_are_handed_over_and_deleted(aws, queue, work):
    mapping = aws.create_event_source_mapping(
        FunctionName="work", EventSourceArn=queue.arn, BatchSize=10
    )
    assert (mapping["State"], mapping["BatchSize"]) == ("Creating", 10)
    queue.send(*(f"m{number}" for number in range(12)))
    assert until(lambda: sum(len(event["Records"]) for event in work) == 12)
    bodies = sorted(record["body"] for event in work for record in event["Records"])
    assert bodies == sorted(f"m{number}" for number in range(12))
    assert work[0]["Records"][0]["eventSourceARN"] == queue.arn
    assert work[0]["Records"][0]["attributes"]["ApproximateReceiveCount"] == "1"
    assert until(lambda: queue.counts() == (0, 0))
    seen = aws.get_event_source_mapping(UUID=mapping["UUID"])
    assert (seen["State"], seen["LastProcessingResult"]) == ("Enabled", "OK")


def test_a_failed_batch_goes_to_the_dead_letter_queue(aws, sqs, service, pool):
    dead = Queue(sqs)
    queue = Queue(
        sqs,
        VisibilityTimeout="1",
        RedrivePolicy=json.dumps({"deadLetterTargetArn": dead.arn, "maxReceiveCount": 2}),
    )
    calls = []

    def fail(event):
        calls.append(event)
        raise HandlerError("no")

    pool.handlers["work"] = fail
    service.create_function(spec("work"))
    aws.create_event_source_mapping(FunctionName="work", EventSourceArn=queue.arn)
    queue.send("poison")
    assert until(lambda: dead.counts()[0] == 1)
    assert [event["Records"][0]["attributes"]["ApproximateReceiveCount"] for event in calls] == [
        "1",
        "2",
    ]


def test_only_the_reported_messages_stay(aws, queue, service, pool):
    def half(event):
        bad = [each for each in event["Records"] if each["body"].startswith("bad")]
        return {"batchItemFailures": [{"itemIdentifier": each["messageId"]} for each in bad]}

    pool.handlers["work"] = half
    service.create_function(spec("work"))
    queue.send("good1", "bad1", "good2")
    mapping = aws.create_event_source_mapping(
        FunctionName="work",
        EventSourceArn=queue.arn,
        FunctionResponseTypes=["ReportBatchItemFailures"],
    )
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert until(lambda: queue.counts() == (0, 1))


def test_filtered_messages_are_deleted_unseen(aws, queue, work):
    aws.create_event_source_mapping(
        FunctionName="work",
        EventSourceArn=queue.arn,
        FilterCriteria={"Filters": [{"Pattern": '{"body": {"kind": ["refund"]}}'}]},
    )
    queue.send('{"kind": "other"}', "text", '{"kind": "refund"}')
    assert until(lambda: work)
    assert until(lambda: queue.counts() == (0, 0))
    [record] = [record for event in work for record in event["Records"]]
    assert record["body"] == '{"kind": "refund"}'


def test_a_window_gathers_a_batch(aws, queue, work):
    aws.create_event_source_mapping(
        FunctionName="work",
        EventSourceArn=queue.arn,
        BatchSize=25,
        MaximumBatchingWindowInSeconds=10,
    )
    queue.send(*(str(number) for number in range(25)))
    # Full before its window is over.
    assert until(lambda: work, seconds=8)
    assert len(work[0]["Records"]) == 25


def test_concurrency_is_bounded(aws, queue, service, pool):
    running, most, lock = [0], [0], threading.Lock()

    def slow(event):
        with lock:
            running[0] += 1
            most[0] = max(most[0], running[0])
        time.sleep(0.05)
        with lock:
            running[0] -= 1

    pool.handlers["work"] = slow
    service.create_function(spec("work"))
    queue.send(*(str(number) for number in range(12)))
    aws.create_event_source_mapping(
        FunctionName="work",
        EventSourceArn=queue.arn,
        BatchSize=1,
        ScalingConfig={"MaximumConcurrency": 2},
    )
    assert until(lambda: queue.counts() == (0, 0))
    assert most == [2]


def test_disabled_it_is_silent_and_stops_at_once(aws, queue, work, service):
    mapping = aws.create_event_source_mapping(
        FunctionName="work", EventSourceArn=queue.arn, Enabled=False
    )
    queue.send("waits")
    assert aws.get_event_source_mapping(UUID=mapping["UUID"])["State"] == "Disabled"
    assert queue.counts() == (1, 0)
    changed = aws.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True, BatchSize=3)
    assert (changed["State"], changed["BatchSize"]) == ("Enabling", 3)
    assert until(lambda: work)
    begin = time.monotonic()
    assert aws.delete_event_source_mapping(UUID=mapping["UUID"])["State"] == "Deleting"
    assert time.monotonic() - begin < 0.5
    with pytest.raises(ClientError, match="ResourceNotFound"):
        aws.get_event_source_mapping(UUID=mapping["UUID"])
    queue.send("late")
    # The poll that was under way may still bring it: then it is put back.
    assert until(lambda: queue.counts() == (1, 0))
    assert len(work) == 1


def test_mappings_are_listed_and_unique(aws, queue, work, service):
    given = {"FunctionName": "work", "EventSourceArn": queue.arn, "Enabled": False}
    made = aws.create_event_source_mapping(**given)
    with pytest.raises(aws.exceptions.ResourceConflictException, match="already exists"):
        aws.create_event_source_mapping(**given)
    assert [
        each["UUID"]
        for each in aws.list_event_source_mappings(FunctionName="work")["EventSourceMappings"]
    ] == [made["UUID"]]
    other = aws.list_event_source_mappings(EventSourceArn=QUEUE + "other")
    assert other["EventSourceMappings"] == []


@pytest.mark.parametrize(
    "given",
    [
        {"EventSourceArn": "arn:aws:kinesis:us-east-1:000000000000:stream/s"},
        {"BatchSize": 11},
        {"StartingPosition": "LATEST"},
        {"FilterCriteria": {"Filters": [{"Pattern": "{"}]}},
        {"ScalingConfig": {"MaximumConcurrency": 1}},
    ],
)
def test_mappings_that_cannot_be(aws, queue, work, given):
    with pytest.raises(aws.exceptions.InvalidParameterValueException):
        aws.create_event_source_mapping(
            **{"FunctionName": "work", "EventSourceArn": queue.arn, **given}
        )
    assert aws.list_event_source_mappings()["EventSourceMappings"] == []


def test_a_queue_that_comes_later_is_polled_then(aws, sqs, work, service):
    name = f"late-{uuid.uuid4().hex}"
    aws.create_event_source_mapping(FunctionName="work", EventSourceArn=QUEUE + name)
    [mapping] = service.event_source_mappings()
    assert until(lambda: service.last_processing_result(mapping.uuid).startswith("PROBLEM"))
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="x")
    assert until(lambda: work)


def test_records_and_dead_letters_reach_real_queues(aws, sqs, service, pool):
    failed, dead = Queue(sqs), Queue(sqs)

    def fail(event):
        raise HandlerError("no")

    pool.handlers["work"] = fail
    service.create_function(spec("work", dead_letter_arn=dead.arn))
    aws.put_function_event_invoke_config(
        FunctionName="work",
        MaximumRetryAttempts=1,
        DestinationConfig={"OnFailure": {"Destination": failed.arn}},
    )
    aws.invoke(FunctionName="work", InvocationType="Event", Payload=b'{"case": 1}')
    assert service.wait_for_events(10)
    [record] = failed.receive()
    assert json.loads(record["Body"])["requestContext"]["approximateInvokeCount"] == 2
    [letter] = dead.receive()
    assert json.loads(letter["Body"]) == {"case": 1}
    attributes = letter["MessageAttributes"]
    assert attributes["ErrorCode"] == {"DataType": "Number", "StringValue": "200"}
    assert attributes["ErrorMessage"]["StringValue"] == "no"
