"""The functions that read the queue and its dead-letter queue."""

from collections.abc import Iterable, Iterator

from idempotent_lambda_toolkit.cli.doctor.findings import Checks, Finding, failure
from idempotent_lambda_toolkit.cli.doctor.inventory import Inventory, SourceMapping

NAME = slice(6, None)
"""The function's name in its ARN, with a version or alias."""


def _queue_readers(inventory: Inventory) -> Iterator[Finding]:
    own = {mapping.uuid for mapping in inventory.mappings or ()}
    readers = [mapping for mapping in inventory.queue_readers or () if mapping.is_active]
    if own and ({mapping.uuid for mapping in readers} - own or len(readers) > 1):
        value = f"the queue is read by {_name_functions(readers)}"
        rule = "a message goes to only one of them, so each processes a part of the queue"
        yield failure(value, rule, "leave one mapping; give each consumer a queue, as with SNS")


def _dead_letter_readers(inventory: Inventory) -> Iterator[Finding]:
    readers = [mapping for mapping in inventory.dead_letter_readers or () if mapping.is_active]
    if not readers or inventory.shares_dead_letter_queue:
        return
    function = inventory.function_arn.split(":")[:7]
    if any(mapping.function_arn.split(":")[:7] == function for mapping in readers):
        value = "the function reads its own dead-letter queue"
        rule = "copies of parked messages must wait there for you, and these run at once"
    else:
        value = f"{_name_functions(readers)} reads the dead-letter queue"
        rule = "copies of parked messages must wait there for you, and a reader deletes them"
    remedy = "delete its mapping; redrive what you want to run again"
    yield failure(value, rule, remedy)


def _name_functions(mappings: Iterable[SourceMapping]) -> str:
    names = (":".join(mapping.function_arn.split(":")[NAME]) for mapping in mappings)
    return ", ".join(sorted(set(names)))


CHECKS: Checks = {
    "queue-readers": _queue_readers,
    "dead-letter-readers": _dead_letter_readers,
}
