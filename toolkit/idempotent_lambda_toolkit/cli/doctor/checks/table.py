"""The table of records."""

from collections.abc import Iterator

from idempotent_lambda_toolkit.cli.doctor.findings import Checks, Finding, failure, note
from idempotent_lambda_toolkit.cli.doctor.inventory import Inventory

TTL_ATTRIBUTE = "expires_at"


def _existence(inventory: Inventory) -> Iterator[Finding]:
    for part, said in inventory.missing.items():
        rule = f"the {part} that the function uses must exist"
        remedy = "apply the module again; point-in-time recovery may restore a lost table"
        yield failure(f"there is no {part}: {said}", rule, remedy)


def _table_key(inventory: Inventory) -> Iterator[Finding]:
    if inventory.table and inventory.table.key != (("id", "S", "HASH"),):
        found = ", ".join(" ".join(part) for part in inventory.table.key)
        remedy = "create a table with this key, and use it"
        yield failure(f"the key is {found}", "a partition key id of type S, no sort key", remedy)


def _ttl(inventory: Inventory) -> Iterator[Finding]:
    if inventory.table and inventory.table.ttl_attribute != TTL_ATTRIBUTE:
        found = inventory.table.ttl_attribute
        value = f"TTL is on {found!r}" if found else "TTL is off"
        rule = f"TTL must be on for {TTL_ATTRIBUTE}; otherwise expired records stay and cost money"
        yield failure(value, rule, "switch it on, or apply the module again")


def _recovery(inventory: Inventory) -> Iterator[Finding]:
    if inventory.table and inventory.table.point_in_time_recovery is False:
        rule = "without it, a table that is deleted by mistake cannot be restored"
        yield note("point-in-time recovery is off", rule, "set table.point_in_time_recovery = true")


def _record_retention(inventory: Inventory) -> Iterator[Finding]:
    queue, kept = inventory.queue, inventory.record_seconds
    if queue is None or kept is None:
        return
    if kept < queue.retention_seconds:
        value = f"records are kept for {kept} s, messages for {queue.retention_seconds} s"
        rule = "a record must live as long as its message can be delivered again"
        yield failure(value, rule, "raise idempotency.retention_seconds, or set it to null")
    elif inventory.dead_letter_queue:
        whole = 2 * queue.retention_seconds + inventory.dead_letter_queue.retention_seconds
        if kept < whole:
            value = f"records are kept for {kept} s, below {whole} s"
            rule = "a message can be in the queue, in the dead-letter queue, and in the queue again"
            yield note(value, rule, "redrive sooner, or set idempotency.retention_seconds to null")


CHECKS: Checks = {
    "existence": _existence,
    "table-key": _table_key,
    "ttl": _ttl,
    "point-in-time-recovery": _recovery,
    "record-retention": _record_retention,
}
