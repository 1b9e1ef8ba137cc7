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
    if inventory.queue is None or inventory.mappings is None:
        return
    if not inventory.mappings:
        remedy = "if an alias has one, set --function name:alias; otherwise apply the module again"
        yield failure("no mapping reads the queue", "the queue needs a mapping", remedy)
    for each in inventory.mappings:
        if each.state not in {"Enabled", "Enabling", "Creating", "Updating"}:
            remedy = "set queue.enabled = true, or enable the mapping"
            yield warning(
                f"the mapping is {each.state}", "only an enabled mapping reads the queue", remedy
            )


def _partial_responses(inventory: Inventory) -> Iterator[Finding]:
    if inventory.mappings and not all(each.partial_responses for each in inventory.mappings):
        rule = "without it, Lambda deletes messages that a batch reports as failed: they are lost"
        remedy = "set the mapping's FunctionResponseTypes to ReportBatchItemFailures"
        yield failure("ReportBatchItemFailures is off", rule, remedy)


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
    "partial-responses": _partial_responses,
    "concurrency": _concurrency,
}
