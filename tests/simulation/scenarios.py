"""What is explored: the bounds of the simulation.

"A" is a delivery of one message, "AB" a batch of two; equal letters are equal keys.
"""

from idempotent_lambda.clock import Seconds

from .explorer import Scenario
from .world import Budget

FULL = (
    Scenario("two deliveries, every fault", ("A", "A"),
             Budget(crash=1, lost=2, delayed=1, exception=1, late=1, short=1, retention=1)),
    Scenario("three deliveries", ("A", "A", "A"), Budget(crash=1, lost=2, delayed=1, exception=1)),
    Scenario("three deliveries, two crashes", ("A", "A", "A"),
             Budget(crash=2, lost=1, exception=1, short=1)),
    Scenario("three deliveries, a late owner", ("A", "A", "A"), Budget(crash=1, lost=1, late=1)),
    Scenario("three deliveries, a fast clock", ("A", "A", "A"), Budget(crash=1, lost=1, fast=1)),
    Scenario("four deliveries", ("A", "A", "A", "A"), Budget(crash=1, lost=1, exception=1)),
    Scenario("two batches that share their keys", ("AB", "BA"),
             Budget(crash=1, lost=1, exception=1, short=1)),
    Scenario("two batches, two crashes", ("AB", "AB"), Budget(crash=2, lost=1, retention=1)),
    Scenario("two batches and a single message", ("AB", "BA", "A"), Budget(crash=1, lost=1)),
    Scenario("a retention shorter than the lease", ("A", "A", "A"),
             Budget(crash=1, lost=1, short=1, retention=1), Seconds(1)),
    Scenario("a newer version beside this one", ("A", "A"), Budget(crash=1, lost=1, foreign=1)),
)  # fmt: skip
"""All of these hold for production."""

SMALL = (
    Scenario("two deliveries", ("A", "A"), Budget(crash=1, lost=1, exception=1, retention=1)),
    Scenario("two deliveries, more is lost", ("A", "A"), Budget(lost=2)),
    Scenario("a claim that comes late", ("A", "A"), Budget(lost=1, short=1)),
    Scenario("a fast clock", ("A", "A"), Budget(fast=1)),
    Scenario("a retention shorter than the lease", ("A", "A"), Budget(crash=1), Seconds(1)),
    Scenario("a newer version beside this one", ("A", "A"), Budget(crash=1, foreign=1)),
    Scenario("two batches", ("AB", "AB"), Budget(crash=2, lost=1)),
    Scenario("two batches, the retention between", ("AB", "AB"), Budget(crash=1, retention=1)),
    Scenario("two batches, a short retention", ("AB", "AB"), Budget(crash=1), Seconds(1)),
    Scenario("a late owner", ("A", "A"), Budget(late=1)),
    Scenario("two batches, much is lost", ("AB",), Budget(lost=2)),
    Scenario("two crashes before a batch", ("A", "A", "AB"), Budget(crash=2)),
)  # fmt: skip
"""Small enough to kill every mutant quickly; all hold for production too."""
