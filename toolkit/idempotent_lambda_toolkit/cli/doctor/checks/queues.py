"""The queue and its dead-letter queue."""

import re
from collections.abc import Iterator
from math import ceil

from idempotent_lambda.settings import DEFAULT_MAX_RECEIVE_COUNT
from idempotent_lambda_toolkit.cli.doctor.findings import Checks, Finding, failure, warning
from idempotent_lambda_toolkit.cli.doctor.inventory import Inventory, parse_whole

LEAST_RECEIVES = 3
MAX_RETENTION_SECONDS = 1_209_600
"""https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SetQueueAttributes.html"""

_REGION = re.compile(r"//(?:sqs(?:-fips)?\.([\w-]+)|([\w-]+)\.queue)\.amazonaws\.")

VISIBILITY_FACTOR = 6
"""https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html"""


def _visibility(inventory: Inventory) -> Iterator[Finding]:
    if inventory.queue is None or inventory.margin_millis is None:
        return
    found, timeout = inventory.queue.visibility_seconds, inventory.timeout_seconds
    lease = timeout + inventory.margin_millis / 1000
    window = max((each.window_seconds for each in inventory.mappings or ()), default=0)
    advised = VISIBILITY_FACTOR * timeout + window
    value = f"the visibility timeout is {found} s"
    remedy = f"set it to {max(advised, ceil(lease + 1))} s"
    if found <= lease:
        rule = f"above the longest lease, {lease:g} s: function timeout plus lease margin"
        yield failure(value, rule, remedy)
    elif found < advised:
        rule = f"at least 6 times the function timeout plus the batching window: {advised} s"
        yield warning(value, rule, remedy)


def _retries_fit(inventory: Inventory) -> Iterator[Finding]:
    queue = inventory.queue
    if queue is None or queue.max_receive_count is None:
        return
    least = queue.delay_seconds + queue.max_receive_count * queue.visibility_seconds
    if queue.retention_seconds <= least:
        value = f"messages are kept for {queue.retention_seconds} s, but receives take {least} s"
        rule = "a failing message must reach the dead-letter queue before it expires"
        yield failure(value, rule, "raise the queue's retention, or lower the receives")


def _dead_letter_queue(inventory: Inventory) -> Iterator[Finding]:
    if inventory.queue is None:
        return
    if inventory.queue.dead_letter_arn is None:
        rule = (
            "a message that always fails must go to a dead-letter queue; otherwise it is delivered "
            "until it expires"
        )
        yield failure("the queue has no redrive policy", rule, "apply the module again")


def _dead_letter_url(inventory: Inventory) -> Iterator[Finding]:
    url = inventory.environment.get("IDEMPOTENCY_DEAD_LETTER_QUEUE_URL")
    if not url:
        park_interrupted = inventory.environment.get("IDEMPOTENCY_ON_INTERRUPTED") == "park"
        kind = failure if park_interrupted else warning
        if inventory.uses_entry_point:
            rule = "the function sends copies of parked messages there"
            remedy = "set IDEMPOTENCY_DEAD_LETTER_QUEUE_URL, or apply the module again"
            yield kind("IDEMPOTENCY_DEAD_LETTER_QUEUE_URL is not set", rule, remedy)
        return
    target = inventory.queue.dead_letter_arn if inventory.queue else None
    if inventory.shares_dead_letter_queue:
        return
    if target and not _is_queue(target, url):
        value = f"copies go to {url}, but the redrive policy names {target}"
        remedy = "apply the module again, or correct queue.existing.dead_letter_queue"
        yield failure(value, "both must name the same dead-letter queue", remedy)


def _is_queue(arn: str, url: str) -> bool:
    """Whether a queue's URL is the one of an ARN, as far as the URL names account and Region.

    https://docs.aws.amazon.com/general/latest/gr/sqs-service.html
    """
    region, account, name = arn.split(":")[3:]
    in_url = _REGION.search(url)
    return url.split("/")[-2:] == [account, name] and (not in_url or region in in_url.groups())


def _dead_letter_retention(inventory: Inventory) -> Iterator[Finding]:
    queue, dead = inventory.queue, inventory.dead_letter_queue
    if queue is None or dead is None or queue.is_fifo or inventory.shares_dead_letter_queue:
        return
    if dead.retention_seconds <= queue.retention_seconds:
        value = f"the dead-letter queue keeps messages for {dead.retention_seconds} s"
        value += f", the queue for {queue.retention_seconds} s"
        rule = "longer than the queue, because SQS counts a message's age from when it was sent"
        if dead.retention_seconds >= MAX_RETENTION_SECONDS:
            remedy = "lower the queue's retention, or redrive soon: SQS keeps no message longer"
            yield warning(value, rule, remedy)
        else:
            most = f"{MAX_RETENTION_SECONDS} s at most"
            yield failure(value, rule, f"raise the dead-letter queue's retention, {most}")


def _dead_letter_size(inventory: Inventory) -> Iterator[Finding]:
    queue, dead = inventory.queue, inventory.dead_letter_queue
    if queue and dead and dead.max_message_bytes < queue.max_message_bytes:
        value = f"the dead-letter queue takes {dead.max_message_bytes} bytes"
        value += f", the queue {queue.max_message_bytes}"
        rule = "at least as many: SQS refuses the copy of a larger message, so it cannot be parked"
        yield warning(value, rule, "raise MaximumMessageSize of the dead-letter queue")


def _max_receive_count(inventory: Inventory) -> Iterator[Finding]:
    if inventory.queue is None or inventory.queue.max_receive_count is None:
        return
    found = inventory.queue.max_receive_count
    default = str(DEFAULT_MAX_RECEIVE_COUNT)
    said = parse_whole(inventory.environment.get("IDEMPOTENCY_MAX_RECEIVE_COUNT", default))
    if found < LEAST_RECEIVES:
        remedy = "raise maxReceiveCount in the redrive policy"
        rule = f"at least {LEAST_RECEIVES}: a delivery that meets a live claim uses one up, too"
        yield failure(f"maxReceiveCount is {found}", rule, remedy)
    elif said is not None and said != found and inventory.uses_entry_point:
        value = f"maxReceiveCount is {found}, IDEMPOTENCY_MAX_RECEIVE_COUNT is {said}"
        rule = "the function must know which receive is the last"
        yield warning(value, rule, "apply the module again, or correct queue.existing")


CHECKS: Checks = {
    "visibility-timeout": _visibility,
    "retries-fit": _retries_fit,
    "dead-letter-queue": _dead_letter_queue,
    "dead-letter-url": _dead_letter_url,
    "dead-letter-retention": _dead_letter_retention,
    "dead-letter-size": _dead_letter_size,
    "max-receive-count": _max_receive_count,
}
