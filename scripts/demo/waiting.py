"""Waits until what was sent is settled."""

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Final

from scripts.demo.scenario import Site
from scripts.support import observation

DRAIN_SECONDS: Final = 180.0
STILL_POLLS: Final = 3
# Above the longest lease of the overlays (5 s and a margin of 1 s). On AWS a mapping needs six
# times the function's timeout for what is throttled; nothing is here.
HURRY_SECONDS: Final = 7


def wait_until_empty(site: Site, queues: Mapping[str, str]) -> list[str]:
    """Wait until no queue holds a message; one line for each that does when the time is up.

    Args:
        site: where the queues are.
        queues: their URLs by what to call them.
    """
    deadline = time.monotonic() + DRAIN_SECONDS
    still = 0
    while time.monotonic() < deadline:
        left = {name: observation.backlog(site.aws, url) for name, url in queues.items()}
        site.progress.note(
            "still in the queues: " + ", ".join(f"{number} {name}" for name, number in left.items())
        )
        # A message between two receives can be missing from one count.
        still = 0 if any(left.values()) else still + 1
        if still == STILL_POLLS:
            return []
        time.sleep(1)
    return [
        f"{name}: {number} messages still in the queue after {DRAIN_SECONDS:g} s"
        for name, number in left.items()
    ]


def wait_until(what: str, contains: Callable[[], bool], seconds: float) -> list[str]:
    """Wait until something holds; one line if it does not when the time is up."""
    deadline = time.monotonic() + seconds
    while not contains():
        if time.monotonic() > deadline:
            return [f"not within {seconds:g} s: {what}"]
        time.sleep(0.5)
    return []


@contextlib.contextmanager
def stop_waiting_early(site: Site, *queue_urls: str) -> Iterator[None]:
    """Have redeliveries come sooner; the queues are as they were when the block is left."""
    name = "VisibilityTimeout"
    before = {
        url: site.aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])["Attributes"]
        for url in queue_urls
    }
    for url in queue_urls:
        site.aws.sqs.set_queue_attributes(QueueUrl=url, Attributes={name: str(HURRY_SECONDS)})
    try:
        yield
    finally:
        for url, attributes in before.items():
            site.aws.sqs.set_queue_attributes(QueueUrl=url, Attributes=attributes)
