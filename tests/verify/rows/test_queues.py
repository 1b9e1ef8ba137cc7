"""What Lambda and SQS do with the messages of a queue."""

from collections import Counter
from typing import Any

import pytest
from botocore.exceptions import ClientError

from .conftest import Site

pytestmark = [pytest.mark.aws, pytest.mark.timeout(600)]

ATTRIBUTES = {
    "idempotency-token": {"DataType": "String", "StringValue": "a token"},
    "count": {"DataType": "Number", "StringValue": "7"},
}
TRACE = "Root=1-5e1b4151-5ac6c58f9f1a7d2c3b4a5d6e"
GROUP = "customer-7"
MESSAGE: dict[str, Any] = {
    "MessageAttributes": ATTRIBUTES,
    "MessageGroupId": GROUP,
    "MessageSystemAttributes": {"AWSTraceHeader": {"DataType": "String", "StringValue": TRACE}},
}


def receive(site: Site, url: str, **arguments: Any) -> list[dict[str, Any]]:
    """Receive what is there, with all attributes."""
    answer = site.aws.sqs.receive_message(
        QueueUrl=url,
        MaxNumberOfMessages=10,
        WaitTimeSeconds=1,
        MessageAttributeNames=["All"],
        MessageSystemAttributeNames=["All"],
        **arguments,
    )
    found: list[dict[str, Any]] = answer.get("Messages", [])
    return found


def read_arn(site: Site, url: str) -> str:
    """Read a queue's ARN."""
    answer = site.aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    return str(answer["Attributes"]["QueueArn"])


def describe(message: dict[str, Any], first_id: str) -> dict[str, bool]:
    """Say what of a message came through a redrive."""
    attributes = {
        name: {key: value[key] for key in ("DataType", "StringValue")}
        for name, value in message.get("MessageAttributes", {}).items()
    }
    return {
        "attributes": attributes == ATTRIBUTES,
        "message group": message["Attributes"].get("MessageGroupId") == GROUP,
        "trace header": message["Attributes"].get("AWSTraceHeader") == TRACE,
        "message id": message["MessageId"] == first_id,
    }


def test_redrive(site: Site) -> None:
    """Do message attributes, group and trace header survive SQS's own redrive?"""
    source, dead = site.outputs["queues"]["moved"], site.outputs["dead_letters"]["moved"]
    # As the package sends a copy, and as SQS moves a message after its last receive.
    ids = {
        "copy": site.aws.sqs.send_message(QueueUrl=dead, MessageBody="copy", **MESSAGE),
        "moved": site.aws.sqs.send_message(QueueUrl=source, MessageBody="moved", **MESSAGE),
    }

    def is_dead() -> bool:
        receive(site, source, VisibilityTimeout=0)
        name = "ApproximateNumberOfMessages"
        answer = site.aws.sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=[name])
        return answer["Attributes"][name] == "2"

    assert site.wait(is_dead, aws=120, emulator=90) is not None, "the queue moved no message"
    try:
        site.aws.sqs.start_message_move_task(
            SourceArn=read_arn(site, dead), DestinationArn=read_arn(site, source)
        )
    except ClientError as error:
        if site.is_aws:
            raise
        code = error.response["Error"]["Code"]
        site.answer(f"StartMessageMoveTask is refused: {code}", relied_on=None)
        return
    came: dict[str, dict[str, bool]] = {}

    def is_back() -> bool:
        for message in receive(site, source):
            body = message["Body"]
            came[body] = describe(message, ids[body]["MessageId"])
        return len(came) == len(ids)

    seconds = site.wait(is_back, aws=180, emulator=20)
    assert seconds is not None, f"only {sorted(came)} came back"
    lines = [
        f"{body}: "
        + ", ".join(f"{fact} {'kept' if kept else 'lost'}" for fact, kept in facts.items())
        for body, facts in sorted(came.items())
    ]
    survived = all(
        kept for facts in came.values() for fact, kept in facts.items() if "id" not in fact
    )
    site.answer("; ".join(lines), relied_on=survived)


def test_changed_visibility(site: Site) -> None:
    """Does Lambda keep a visibility timeout that the function changed of a reported message?"""
    url = site.outputs["queues"]["postpone"]
    site.aws.sqs.send_message(QueueUrl=url, MessageBody="late")
    seconds = site.wait(lambda: len(site.read_notes("postpone")) > 1, aws=150, emulator=90)
    assert seconds is not None, f"{len(site.read_notes('postpone'))} deliveries"
    first, second = (float(note["at"]) for note in site.read_notes("postpone")[:2])
    site.answer(
        f"changed to 30 s in a queue of 10 s, it came again after {second - first:.1f} s",
        relied_on=second - first >= 25,
    )


def test_malformed_response(site: Site) -> None:
    """Does a response with an empty item identifier return the whole batch?"""
    url = site.outputs["queues"]["malformed"]
    bodies = ["a", "b", "c"]
    entries = [{"Id": body, "MessageBody": body} for body in bodies]
    site.aws.sqs.send_message_batch(QueueUrl=url, Entries=entries)

    def count() -> Counter[str]:
        notes = site.read_notes("malformed")
        return Counter(body for note in notes for body in note["entries"])

    is_twice = site.wait(lambda: min(count()[body] for body in bodies) > 1, aws=90, emulator=25)
    counts = count()
    deliveries = ", ".join(f"{body} {counts[body]} times" for body in bodies)
    assert set(counts) == set(bodies), deliveries
    site.answer(f"delivered: {deliveries}", relied_on=is_twice is not None)


def test_smaller_dead_letter_queue(site: Site) -> None:
    """Does SQS move a message to a dead-letter queue whose largest message is smaller?"""
    source, dead = site.outputs["queues"]["sized"], site.outputs["dead_letters"]["sized"]
    body = "x" * 2048  # the dead-letter queue takes 1024 bytes
    site.aws.sqs.send_message(QueueUrl=source, MessageBody=body)
    found: list[str] = []

    def is_moved() -> bool:
        receive(site, source)
        found.extend(message["Body"] for message in receive(site, dead))
        return bool(found)

    seconds = site.wait(is_moved, aws=60, emulator=60)
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    answer = site.aws.sqs.get_queue_attributes(QueueUrl=source, AttributeNames=names)
    left = sum(int(value) for value in answer["Attributes"].values())
    if seconds is None:
        where = "its source has it" if left else "neither queue has it"
        site.answer(f"2048 bytes were not moved to a queue for 1024; {where}", relied_on=None)
    else:
        site.answer(f"2048 bytes were moved to a queue for 1024 in {seconds:.0f} s", relied_on=None)
