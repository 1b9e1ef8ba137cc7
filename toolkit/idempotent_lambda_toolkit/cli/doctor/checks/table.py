"""The table of records."""

from collections.abc import Iterator

from idempotent_lambda_toolkit.cli.doctor.findings import Checks, Finding, failure, note, warning
from idempotent_lambda_toolkit.cli.doctor.inventory import Inventory

TTL_ATTRIBUTE = "expires_at"

USABLE = frozenset({"ACTIVE", "UPDATING"})
"""The statuses in which a table takes reads and writes.

https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TableDescription.html"""


def _existence(inventory: Inventory) -> Iterator[Finding]:
    for part, said in inventory.missing.items():
        rule = f"the {part} that the function uses must exist"
        remedy = "apply the module again; point-in-time recovery may restore a lost table"
        yield failure(f"there is no {part}: {said}", rule, remedy)


def _status(inventory: Inventory) -> Iterator[Finding]:
    table = inventory.table
    # A key that cannot be used has another finding.
    is_explained = any(key.part == "table" and not key.is_usable for key in inventory.keys)
    if table and table.status not in USABLE and not is_explained:
        rule = "only an active table takes claims; until then, every message fails"
        remedy = "see the table's status in DynamoDB; AWS restores an archived table from a backup"
        yield failure(f"the table is {table.status}", rule, remedy)


def _replicas(inventory: Inventory) -> Iterator[Finding]:
    # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/V2globaltables_HowItWorks.html
    table = inventory.table
    if table and table.replicas and not table.is_strongly_consistent:
        value = f"the table has eventually consistent replicas in {', '.join(table.replicas)}"
        rule = "a conditional write sees its own Region only, so two Regions can claim one key"
        yield warning(value, rule, "let consumers in one Region use it, or use a table in each")


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
    "table-status": _status,
    "replicas": _replicas,
    "table-key": _table_key,
    "ttl": _ttl,
    "point-in-time-recovery": _recovery,
    "record-retention": _record_retention,
}
