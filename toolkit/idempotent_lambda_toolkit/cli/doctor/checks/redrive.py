"""The way of a message from the queue to its dead-letter queue.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html
"""

from collections.abc import Iterator

from idempotent_lambda_toolkit.cli.doctor.findings import Checks, Finding, failure, warning
from idempotent_lambda_toolkit.cli.doctor.inventory import Inventory


def _loop(inventory: Inventory) -> Iterator[Finding]:
    queue, dead = inventory.queue, inventory.dead_letter_queue
    remedy = "correct the redrive policy, or apply the module again"
    rule = "a dead letter must wait for you; otherwise it runs again, and again fails"
    if dead is None:
        return
    if inventory.shares_dead_letter_queue:
        yield failure("the queue is its own dead-letter queue", rule, remedy)
    elif queue and dead.dead_letter_arn == queue.arn:
        yield failure("the dead-letter queue moves its messages back to the queue", rule, remedy)
    elif dead.dead_letter_arn:
        value = f"the dead-letter queue moves its messages to {dead.dead_letter_arn}"
        rule = "each look with `inspect` is a receive, and after the last one the message is gone"
        yield warning(value, rule, "remove the redrive policy of the dead-letter queue")


def _allow_policy(inventory: Inventory) -> Iterator[Finding]:
    queue, dead = inventory.queue, inventory.dead_letter_queue
    if queue is None or dead is None or queue.dead_letter_arn != dead.arn:
        return
    permission = dead.redrive_permission
    if permission == "allowAll" or (permission == "byQueue" and queue.arn in dead.redrive_sources):
        return
    sources = f" for {', '.join(dead.redrive_sources)}" if permission == "byQueue" else ""
    value = f"the redrive allow policy of the dead-letter queue is {permission}{sources}"
    rule = f"it must allow {queue.arn}, whose messages come there"
    yield failure(value, rule, "add the queue to sourceQueueArns, or apply the module again")


def _queue_types(inventory: Inventory) -> Iterator[Finding]:
    queue, dead = inventory.queue, inventory.dead_letter_queue
    if queue and dead and queue.is_fifo != dead.is_fifo:
        kinds = ["FIFO" if part.is_fifo else "standard" for part in (queue, dead)]
        value = f"the queue is {kinds[0]}, the dead-letter queue {kinds[1]}"
        rule = "both must have one type; SQS moves no message to a queue of the other type"
        yield failure(value, rule, "use a dead-letter queue of the queue's type")


CHECKS: Checks = {
    "dead-letter-loop": _loop,
    "redrive-allow-policy": _allow_policy,
    "dead-letter-type": _queue_types,
}
