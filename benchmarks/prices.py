"""The cost of a million messages on AWS: us-east-1, on demand, no free tiers, no discounts.

Sources: https://aws.amazon.com/dynamodb/pricing/on-demand/ (prices since November 2024) and
https://aws.amazon.com/lambda/pricing/, and for logs https://aws.amazon.com/cloudwatch/pricing/. Not
counted in the comparison, because they are equal for all: storage, the queue, Lambda's price per
invocation, log ingestion.
"""

from collections.abc import Mapping
from typing import Any, Final

DOLLARS_PER_MILLION_WRITES: Final = 0.625
DOLLARS_PER_MILLION_READS: Final = 0.125
DOLLARS_PER_GB_SECOND: Final = 0.0000133334
"""Lambda on arm64."""

DOLLARS_PER_LOG_GB: Final = {"STANDARD": 0.5, "INFREQUENT_ACCESS": 0.25}
"""Ingestion, by the class of the log group. A GB is 1,000,000,000 bytes here."""

FUNCTION_GB: Final = 0.25


def dollars_per_million(figures: Mapping[str, Any], batch: int) -> dict[str, float]:
    """Return the dollars per million messages for the table's units and the function's time.

    Args:
        figures: units and median milliseconds per batch.
        batch: messages in a batch.
    """
    writes = figures["write_units"] * DOLLARS_PER_MILLION_WRITES / batch
    reads = figures["read_units"] * DOLLARS_PER_MILLION_READS / batch
    seconds = 1_000_000 * figures["p50_ms"] / 1000 / batch
    table, function = writes + reads, seconds * FUNCTION_GB * DOLLARS_PER_GB_SECOND
    return {
        "table_dollars": round(table, 3),
        "function_dollars": round(function, 3),
        "dollars": round(table + function, 3),
    }
