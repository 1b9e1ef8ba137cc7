"""What is explored: the bounds of the simulation.

"A" is a delivery of one message, "AB" a batch of two; equal letters are equal keys, small ones
were delivered before.
"""

from idempotent_lambda.clock import Seconds

from .explorer import Scenario
from .world import Budget

FULL = (
    Scenario("two deliveries, every fault", ("A", "a"),
             Budget(crash=1, lost=2, delayed=1, exception=1, late=1, short=1, retention=1)),
    Scenario("three in one batch", ("ABC",),
             Budget(crash=1, lost=2, delayed=1, exception=1, short=1, slow=1)),
    Scenario("two batches and a single message", ("AB", "ab", "A"), Budget(crash=1, lost=1)),
    Scenario("two batches, a late owner", ("AB", "ab"), Budget(crash=1, lost=1, late=1)),
    Scenario("two batches, a short retention", ("AB", "ab"),
             Budget(crash=1, lost=1), Seconds(1)),
    Scenario("two batches, much is lost", ("AB", "ab"), Budget(lost=2, delayed=1)),
    Scenario("two batches that share their keys", ("AB", "BA"),
             Budget(crash=1, lost=1, exception=1, short=1, slow=1)),
    Scenario("a batch that is delivered twice", ("AB", "ab"),
             Budget(crash=1, lost=1, exception=1, short=1, slow=1)),
    Scenario("two batches of three, a crash", ("ABC", "abc"), Budget(crash=1, slow=1)),
    Scenario("two at the same time", ("ABC",),
             Budget(crash=1, lost=1, delayed=1, exception=1, short=1, slow=1), concurrency=2),
    Scenario("two batches, two at the same time", ("AB", "ab"),
             Budget(crash=1, lost=1, exception=1, short=1), concurrency=2),
    Scenario("two batches, two crashes", ("AB", "ab"),
             Budget(crash=2, lost=1, slow=1, retention=1)),
    Scenario("two batches, a fast clock", ("AB", "ab"), Budget(crash=1, lost=1, fast=1)),
    Scenario("two crashes before a batch", ("A", "A", "ab"), Budget(crash=2, lost=1, slow=1)),
    Scenario("a newer version beside this one", ("AB", "ab"),
             Budget(crash=1, lost=1, foreign=1)),
    Scenario("three deliveries", ("A", "A", "A"), Budget(crash=1, lost=2, delayed=1, exception=1)),
    Scenario("three deliveries, two crashes", ("A", "A", "A"),
             Budget(crash=2, lost=1, exception=1, short=1)),
    Scenario("three deliveries, a late owner", ("A", "A", "A"), Budget(crash=1, lost=1, late=1)),
    Scenario("three deliveries, a fast clock", ("A", "A", "A"), Budget(crash=1, lost=1, fast=1)),
    Scenario("four deliveries", ("A", "A", "A", "A"), Budget(crash=1, lost=1, exception=1)),
    Scenario("a retention shorter than the lease", ("A", "A", "A"),
             Budget(crash=1, lost=1, short=1, retention=1), Seconds(1)),
)  # fmt: skip
"""All of these hold for production; the longest come first, so that they do not come last."""

SMALL = (
    Scenario("two deliveries", ("A", "A"), Budget(crash=1, lost=1, exception=1, retention=1)),
    Scenario("one batch", ("AB",), Budget(lost=1, exception=1, short=1, slow=1)),
    Scenario("two deliveries, more is lost", ("A", "A"), Budget(lost=2)),
    Scenario("a claim that comes late", ("A", "A"), Budget(lost=1, short=1)),
    Scenario("a fast clock", ("A", "A"), Budget(fast=1)),
    Scenario("a retention shorter than the lease", ("A", "A"), Budget(crash=1), Seconds(1)),
    Scenario("a newer version beside this one", ("A", "A"), Budget(crash=1, foreign=1)),
    Scenario("a late owner", ("A", "A"), Budget(late=1)),
    Scenario("two crashes before a batch", ("A", "A", "ab"), Budget(crash=2)),
    Scenario("a batch after a crash", ("AB", "ab"), Budget(crash=1)),
    Scenario("a batch after a crash, a short retention", ("AB", "AB"), Budget(crash=1), Seconds(1)),
    Scenario("a batch again, the retention between", ("AB", "ab"), Budget(retention=1)),
    Scenario("one batch, more is lost", ("AB",), Budget(lost=2)),
    Scenario("one batch of three", ("ABC",), Budget(crash=1, lost=1, slow=1)),
    Scenario("two at the same time", ("A", "abc"), Budget(crash=1), concurrency=2),
)  # fmt: skip
"""Small enough to kill every mutant quickly; all hold for production too."""
