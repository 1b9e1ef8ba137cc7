"""Acts as a producer: sends messages to a queue, and events to a function."""

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
# six times the function's timeout for throttled messages; the emulator does not throttle.
VISIBILITY_SECONDS: Final = 7


class Answer(NamedTuple):
    """The result of an invocation: the type of its error, and its payload."""

    error: str | None  # None if it returned
    payload: Any  # the answer, or the error in Lambda's JSON


def enqueue(
    aws: Aws, queue_url: str, bodies: Sequence[str], groups: Sequence[str] = ()
) -> Iterator[str]:
    """Send messages, ten at a time; yield their ids. A FIFO queue needs a group for each message.

    Every message gets a different deduplication id, as from a producer without a memory.
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
    """Make the queues deliver failed messages again soon, until the block ends."""
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
    # After a kill the payload is a text.
    kind = payload.get("errorType", "unknown") if isinstance(payload, Mapping) else str(payload)
    return Answer(error=kind if failed else None, payload=payload)


def invoke_later(aws: Aws, function_name: str, event: Any) -> None:
    """Invoke a function asynchronously: Lambda keeps the event and retries it."""
    aws.functions.invoke(
        FunctionName=function_name, InvocationType="Event", Payload=json.dumps(event).encode()
    )


def hand_over(aws: Aws, function_name: str, event: Any, *, at_once: int) -> list[Any]:
    """Send an event to several invocations at once; retry until one returns, or time is over.

    Return the answers of the invocations that did not fail.
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
