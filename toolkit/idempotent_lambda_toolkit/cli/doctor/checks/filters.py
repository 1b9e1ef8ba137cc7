"""The filters of event source mappings."""

from collections.abc import Iterator

from idempotent_lambda_toolkit.cli.doctor.filter_patterns import explain_impossible
from idempotent_lambda_toolkit.cli.doctor.findings import Checks, Finding, failure, note, warning
from idempotent_lambda_toolkit.cli.doctor.inventory import Inventory, SourceMapping


def _filters(inventory: Inventory) -> Iterator[Finding]:
    for mapping in inventory.every_mapping:
        if mapping.filters:
            yield from _judge_filters(mapping)


def _judge_filters(mapping: SourceMapping) -> Iterator[Finding]:
    reasons = {pattern: explain_impossible(pattern, mapping) for pattern in mapping.filters}
    impossible = [f"{pattern}: {reason}" for pattern, reason in reasons.items() if reason]
    is_queue = mapping.service == "sqs"
    effect = "Lambda deletes the other messages" if is_queue else "Lambda skips the other records"
    if impossible:
        value = f"{mapping.label} has a filter that matches nothing: {'; '.join(impossible)}"
        remedy = f"correct {'queue.filters' if is_queue else 'streams.*.filters'}"
        if len(impossible) == len(reasons):
            yield failure(value, f"a filter must match what you process; {effect}: all", remedy)
        else:
            yield warning(value, f"each filter must match something; {effect}", remedy)
    elif is_queue:
        value = f"{mapping.label} has a filter: {'; '.join(mapping.filters)}"
        yield note(value, effect, "make sure that nobody needs the messages that do not match")


CHECKS: Checks = {
    "filters": _filters,
}
