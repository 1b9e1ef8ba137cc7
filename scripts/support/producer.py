"""What a producer does: sends messages to a queue, hands events to a function."""

import contextlib
import json
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, NamedTuple

from scripts.support.observation import Aws

BATCH: Final = 10
ANSWER_SECONDS: Final = 60.0
# Above the longest lease of the attacked stacks (5 s and a margin of 1 s). On AWS a mapping needs
# six times the function's timeout for what is throttled; nothing is here.
VISIBILITY_SECONDS: Final = 7


class Answer(NamedTuple):
    """What an invocation ended with.

    Attributes:
        error: the type of the error that ended it; None if it returned.
        payload: what it returned, or the error in Lambda's own JSON.
    """

    error: str | None
    payload: Any


def enqueue(
    aws: Aws, queue_url: str, bodies: Sequence[str], groups: Sequence[str] = ()
) -> Iterator[str]:
    """Send messages, ten at a time; the message id of each.

    Args:
        aws: of the queue's account.
        queue_url: where to.
        bodies: the texts to send.
        groups: of each its message group, if the queue is FIFO. Every message gets a deduplication
            id of its own, as from a producer that does not remember what it sent before.
    """
    for start in range(0, len(bodies), BATCH):
        entries = [
            {"Id": str(number), "MessageBody": body}
            for number, body in enumerate(bodies[start : start + BATCH])
        ]
        for entry, group in zip(entries, groups[start:], strict=False):
            entry |= {"MessageGroupId": group, "MessageDeduplicationId": uuid.uuid4().hex}
        answer = aws.sqs.send_message_batch(QueueUrl=queue_url, Entries=entries)
        ids = {entry["Id"]: entry["MessageId"] for entry in answer["Successful"]}
        yield from (ids[entry["Id"]] for entry in entries)


@contextlib.contextmanager
def redeliver_soon(aws: Aws, *queue_urls: str) -> Iterator[None]:
    """Have the queues deliver failed messages again soon, until the block is left."""
    name = "VisibilityTimeout"
    before = {}
    for url in queue_urls:
        answer = aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])
        before[url] = answer["Attributes"]
        soon = {name: str(VISIBILITY_SECONDS)}
        aws.sqs.set_queue_attributes(QueueUrl=url, Attributes=soon)
    try:
        yield
    finally:
        for url, attributes in before.items():
            aws.sqs.set_queue_attributes(QueueUrl=url, Attributes=attributes)


def invoke(aws: Aws, function_name: str, event: Any) -> Answer:
    """Invoke a function and wait for its answer."""
    answer = aws.functions.invoke(FunctionName=function_name, Payload=json.dumps(event).encode())
    payload = json.load(answer["Payload"])
    failed = "FunctionError" in answer
    # A process that was killed leaves a text.
    kind = payload.get("errorType", "unknown") if isinstance(payload, Mapping) else str(payload)
    return Answer(error=kind if failed else None, payload=payload)


def invoke_later(aws: Aws, function_name: str, event: Any) -> None:
    """Invoke a function asynchronously: Lambda keeps the event and retries it."""
    aws.functions.invoke(
        FunctionName=function_name, InvocationType="Event", Payload=json.dumps(event).encode()
    )


def hand_over(aws: Aws, function_name: str, event: Any, *, at_once: int) -> list[Any]:
    """Hand one event to several invocations at the same time, and insist until one is done.

    Returns:
        What those invocations returned that were done.

    Raises:
        TimeoutError: none was, again and again.
    """
    deadline = time.monotonic() + ANSWER_SECONDS
    with ThreadPoolExecutor(at_once) as threads:
        answers = list(threads.map(lambda _: invoke(aws, function_name, event), range(at_once)))
    while True:
        if done := [answer.payload for answer in answers if answer.error is None]:
            return done
        if time.monotonic() > deadline:
            raise TimeoutError(
                f"{function_name} did not accept an event within {ANSWER_SECONDS:g} s; "
                f"it said {answers[-1].payload}"
            )
        time.sleep(1)
        answers = [invoke(aws, function_name, event)]
