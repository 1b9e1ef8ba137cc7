"""The event source mappings."""

from collections.abc import Iterator

from idempotent_lambda_toolkit.cli.doctor.findings import Checks, Finding, failure, warning
from idempotent_lambda_toolkit.cli.doctor.inventory import Inventory

LEAST_CONCURRENCY = 2
"""The least maximum concurrency of a mapping.

https://docs.aws.amazon.com/lambda/latest/api/API_ScalingConfig.html"""

LEAST_POLLERS = 2
"""https://docs.aws.amazon.com/lambda/latest/api/API_ProvisionedPollerConfig.html"""

POLLER_CONCURRENCY = 10
"""The most invocations of a provisioned poller at a time, which excludes a maximum concurrency.

https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html"""


def _mapping(inventory: Inventory) -> Iterator[Finding]:
    if inventory.queue and inventory.mappings == ():
        remedy = "if an alias has one, set --function name:alias; otherwise apply the module again"
        yield failure("no mapping reads the queue", "the queue needs a mapping", remedy)
    yield from _state(inventory)


def _state(inventory: Inventory) -> Iterator[Finding]:
    for mapping in inventory.every_mapping:
        if not mapping.is_active:
            reason = f" ({mapping.state_reason})" if mapping.state_reason else ""
            value = f"{mapping.label} is {mapping.state}{reason}"
            remedy = "set enabled = true for the queue or the stream, or enable the mapping"
            yield warning(value, "only an enabled mapping reads its source", remedy)


def _last_result(inventory: Inventory) -> Iterator[Finding]:
    for mapping in inventory.every_mapping:
        if mapping.is_active and mapping.last_result.startswith("PROBLEM"):
            value = f"the last result of {mapping.label} is {mapping.last_result}"
            rule = "the last invocation must succeed; a stream stops at a batch that fails"
            yield warning(value, rule, "see the function's log, and docs/runbook.md")


def _partial_responses(inventory: Inventory) -> Iterator[Finding]:
    for mapping in inventory.every_mapping:
        if not mapping.partial_responses and mapping.service in {"sqs", "kinesis", "dynamodb"}:
            value = f"ReportBatchItemFailures is off for {mapping.label}"
            rule = "without it, Lambda takes a batch with failed messages as done: they are lost"
            remedy = "set the mapping's FunctionResponseTypes to ReportBatchItemFailures"
            yield failure(value, rule, remedy)


def _concurrency(inventory: Inventory) -> Iterator[Finding]:
    reserved = inventory.reserved_concurrency
    if reserved is None:
        return
    if reserved == 0:
        rule = "with 0, every invocation is throttled"
        yield failure("reserved concurrency is 0", rule, "raise or remove it")
        return
    for each in inventory.mappings or ():
        pollers = each.maximum_pollers
        most = each.maximum_concurrency if pollers is None else POLLER_CONCURRENCY * pollers
        if most is not None and most <= reserved:
            continue
        said = "no maximum concurrency" if most is None else f"maximum concurrency {most}"
        least = LEAST_CONCURRENCY
        remedy = f"set queue.maximum_concurrency to {reserved} at most"
        if pollers is not None:
            said = f"{pollers} pollers with {POLLER_CONCURRENCY} invocations each"
            remedy = f"reserve at least {most}, or lower queue.provisioned_poller_config: "
            remedy += f"{LEAST_POLLERS} pollers need {LEAST_POLLERS * POLLER_CONCURRENCY}"
        elif reserved < least:
            remedy = f"reserve at least {least}, and set queue.maximum_concurrency to {least}"
        value = f"the mapping has {said}, the function a reserved concurrency of {reserved}"
        rule = "not above the function's: throttled messages use up their receives"
        yield warning(value, rule, remedy)


CHECKS: Checks = {
    "mapping": _mapping,
    "last-result": _last_result,
    "partial-responses": _partial_responses,
    "concurrency": _concurrency,
}
