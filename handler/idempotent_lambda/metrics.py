"""The metrics: their names and units, and the metrics that count a message.

docs/metrics.md says what each metric counts and what to do about it.
"""

from collections.abc import Iterator
from typing import Final

from idempotent_lambda.observer import ClaimHistory
from idempotent_lambda.protocol.steps import Outcome, Settled

NAMESPACE: Final = "IdempotentLambda"
DIMENSION: Final = "FunctionName"
NAME_DIMENSION: Final = "DecoratedName"
MAX_NAMES = 20
"""The most names of decorated functions that a process has in metrics."""
OTHER_NAMES: Final = "(other)"
"""The name of all further ones; no function can have it."""
MAX_VALUES = 100
"""The most values of one metric in one line:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html"""

METRICS: Final = {
    "processed": "Count",
    "duplicates": "Count",
    "in_progress": "Count",
    "failures": "Count",
    "rejected": "Count",
    "interrupted": "Count",
    "parked": "Count",
    "takeovers": "Count",
    "lost_leases": "Count",
    "unconfirmed": "Count",
    "table_unavailable": "Count",
    "recoveries": "Count",
    "unacknowledged": "Count",
    "batch_call_fallbacks": "Count",
    "batch_size": "Count",
    "overhead_ms": "Milliseconds",
    "store_ms": "Milliseconds",
    "oldest_parked_seconds": "Seconds",
}
"""Every metric and its unit."""

_METRIC_OF_OUTCOME: Final = {
    Outcome.COMPLETED: "processed",
    Outcome.OBSERVED: "processed",
    Outcome.IN_PROGRESS: "in_progress",
    Outcome.FAILED: "failures",
    Outcome.REJECTED: "rejected",
    Outcome.INTERRUPTED: "interrupted",
    Outcome.LOST_LEASE: "lost_leases",
    Outcome.UNCONFIRMED: "unconfirmed",
}


def count_message(settled: Settled, history: ClaimHistory, *, follows: bool) -> Iterator[str]:
    """Yield the metrics that count a message.

    A message that shares its leader's end is not another event of its key. It counts only as one
    more duplicate, or as one more message that is delivered again.
    """
    observed = settled.outcome is Outcome.OBSERVED and history.claim_result in {
        "duplicate",
        "in_progress",
    }
    if observed or settled.outcome is Outcome.DUPLICATE:
        yield "duplicates"
    if not settled.acknowledged:
        yield "unacknowledged"
    if follows:
        return
    # In observe mode, the processor runs nevertheless.
    if settled.outcome is Outcome.TABLE_UNAVAILABLE or history.claim_result == "unanswered":
        yield "table_unavailable"
    if name := _METRIC_OF_OUTCOME.get(settled.outcome):
        yield name
    if history.parked:
        yield "parked"
    if history.takeover:
        yield "takeovers"
    if history.recovered:
        yield "recoveries"
