"""What is explored: the bounds of the simulation.

"A" is a delivery of one message, "AB" a batch of two; equal letters are equal keys, small ones
were delivered before. Messages with the same digit are of one group.
"""

from idempotent_lambda.clock import Seconds
from idempotent_lambda.lifecycle import Claim

from .explorer import Scenario
from .world import Budget, Terms

SHORT = Terms(retention=Seconds(1))
BESIDE = Terms(concurrency=2)
PARK = Terms(claim=Claim(parks=True))
WAIT = Terms(claim=Claim(waits=True))
COMMIT = Terms(transactional=True)
ONE, TWO = Terms(window=1), Terms(window=2)
QUICK = Terms(quick=True)

FULL = (
    Scenario("two deliveries, every fault", ("A", "a"),
             Budget(crash=1, lost=1, delayed=1, exception=1, late=1, short=1, retention=1)),
    Scenario("three in one batch", ("ABC",),
             Budget(crash=1, lost=2, delayed=1, exception=1, short=1, slow=1)),
    Scenario("two batches, a late owner", ("AB", "a"), Budget(crash=1, lost=1, late=1)),
    Scenario("two batches, a short retention", ("AB", "a"), Budget(crash=1, lost=1), SHORT),
    Scenario("two batches, much is lost", ("AB", "b"), Budget(lost=2, delayed=1)),
    Scenario("two batches and a single message", ("AB", "ab", "A"), Budget(crash=1)),
    Scenario("two batches that share their keys", ("AB", "BA"),
             Budget(crash=1, lost=1, exception=1, slow=1)),
    Scenario("a batch that is delivered twice", ("AB", "ab"),
             Budget(crash=1, lost=1, exception=1, short=1, slow=1)),
    Scenario("two batches of three, a crash", ("ABC", "abc"), Budget(crash=1)),
    Scenario("two at the same time", ("ABC",),
             Budget(crash=1, lost=1, delayed=1, exception=1, short=1, slow=1), BESIDE),
    Scenario("two batches, two at the same time", ("AB", "a"),
             Budget(crash=1, lost=1, exception=1, short=1), BESIDE),
    Scenario("two batches, two crashes", ("AB", "ab"),
             Budget(crash=2, lost=1, slow=1, retention=1)),
    Scenario("two batches, a fast clock", ("AB", "a"), Budget(crash=1, lost=1, fast=1)),
    Scenario("two crashes before a batch", ("A", "A", "ab"), Budget(crash=2, slow=1)),
    Scenario("a newer version beside this one", ("AB", "a"), Budget(crash=1, lost=1, foreign=1)),
    Scenario("three deliveries", ("A", "A", "A"), Budget(crash=1, lost=2, delayed=1, exception=1)),
    Scenario("three deliveries, two crashes", ("A", "A", "A"),
             Budget(crash=2, lost=1, exception=1, short=1)),
    Scenario("three deliveries, a late owner", ("A", "A", "A"), Budget(crash=1, lost=1, late=1)),
    Scenario("three deliveries, a fast clock", ("A", "A", "A"), Budget(crash=1, lost=1, fast=1)),
    Scenario("four deliveries", ("A", "A", "A", "A"), Budget(crash=1, lost=1, exception=1)),
    Scenario("a retention shorter than the lease", ("A", "A", "A"),
             Budget(crash=1, lost=1, short=1, retention=1), SHORT),
    Scenario("park mode, every fault", ("A", "a"),
             Budget(crash=1, lost=1, delayed=1, exception=1, redrive=2), PARK),
    Scenario("park mode, two crashes", ("A", "A"), Budget(crash=2, lost=1, redrive=2), PARK),
    Scenario("park mode, a late owner", ("A", "A"),
             Budget(crash=1, lost=1, exception=1, late=1, redrive=1), PARK),
    Scenario("park mode, two batches", ("AB", "ab"), Budget(crash=1, lost=1, redrive=1), PARK),
    Scenario("park mode, everything is given up", ("A", "A"),
             Budget(crash=1, permanent=2, redrive=2), PARK),
    Scenario("given up", ("A", "A"), Budget(crash=1, lost=1, permanent=2, redrive=2)),
    Scenario("given up, and heard late", ("A", "A"),
             Budget(lost=1, delayed=1, permanent=2, redrive=1)),
    Scenario("given up in a batch", ("AB", "ab"), Budget(crash=1, permanent=1, redrive=1)),
    Scenario("transactions, every fault", ("A", "a"),
             Budget(crash=1, lost=1, delayed=1, exception=1, late=1, short=1), COMMIT),
    Scenario("transactions, much is lost", ("A", "A", "A"),
             Budget(crash=1, lost=2, delayed=1), COMMIT),
    Scenario("transactions in two batches", ("AB", "ab"), Budget(crash=1, lost=1), COMMIT),
    Scenario("transactions in park mode", ("A", "A"),
             Budget(crash=1, lost=1, delayed=1, late=1, redrive=1),
             Terms(claim=PARK.claim, transactional=True)),
    Scenario("a group and another message", ("A1B1C2",),
             Budget(crash=1, lost=1, delayed=1, exception=1, short=1, slow=1)),
    Scenario("a group of three", ("A1B1C1", "c1"), Budget(crash=1, exception=1)),
    Scenario("a group that is delivered twice", ("A1B1", "a1b1"),
             Budget(crash=1, lost=1, exception=1)),
    Scenario("a group, two at the same time", ("A1B1C2", "b1"), Budget(crash=1, exception=1),
             BESIDE),
    Scenario("a group in park mode", ("A1B1", "a1b1"), Budget(crash=1, permanent=1, redrive=1),
             PARK),
    Scenario("a group that waits for its last", ("A1B1C1", "C1"), Budget(exception=1, late=1),
             WAIT),
    Scenario("a group that fails while it waits", ("A1B1", "B1"),
             Budget(exception=2, late=1), WAIT),
    Scenario("waits, every fault", ("A", "A"),
             Budget(crash=1, lost=1, exception=1, late=1, short=1), WAIT),
    Scenario("waits, then parks", ("A", "A"), Budget(crash=1, lost=1, late=1, redrive=1),
             Terms(claim=Claim(parks=True, waits=True))),
)  # fmt: skip
"""All of these hold for production."""

SMALL = (
    Scenario("two deliveries", ("A", "A"), Budget(crash=1, lost=1, exception=1, retention=1)),
    Scenario("one batch", ("AB",), Budget(lost=1, exception=1, short=1, slow=1)),
    Scenario("park mode", ("A", "A"), Budget(crash=1, lost=1, redrive=1), PARK),
    Scenario("park mode, a batch", ("AB",), Budget(crash=1), PARK),
    Scenario("a group", ("A1B1C2",), Budget(crash=1, exception=1)),
    Scenario("a late owner", ("A", "A"), Budget(late=1)),
    Scenario("a fast clock", ("A", "A"), Budget(fast=1)),
    Scenario("a newer version beside this one", ("A", "A"), Budget(crash=1, foreign=1)),
    Scenario("two deliveries, more is lost", ("A", "A"), Budget(lost=2)),
    Scenario("a claim that comes late", ("A", "A"), Budget(lost=1, short=1)),
    Scenario("one batch, more is lost", ("AB",), Budget(lost=2)),
    Scenario("a retention shorter than the lease", ("A", "A"), Budget(crash=1), SHORT),
    Scenario("a wait", ("A", "A"), Budget(late=1, exception=1), WAIT),
    Scenario("a transaction", ("A", "A"), Budget(crash=1, lost=1, late=1), COMMIT),
    Scenario("given up", ("A", "A"), Budget(permanent=1, lost=1, redrive=1)),
    Scenario("park mode, a late owner", ("A", "A"), Budget(late=1, exception=1, redrive=1), PARK),
    Scenario("one batch of three", ("ABC",), Budget(crash=1, lost=1, slow=1)),
    Scenario("a group after a crash", ("A1B1", "a1b1"), Budget(crash=1)),
    Scenario("a batch after a crash", ("AB", "ab"), Budget(crash=1)),
    Scenario("given up again", ("A",), Budget(permanent=2, lost=1, delayed=1, redrive=2)),
    Scenario("a batch again, the retention between", ("AB", "ab"), Budget(retention=1)),
    Scenario("two at the same time", ("A", "abc"), Budget(crash=1), BESIDE),
    Scenario("two crashes before a batch", ("A", "A", "ab"), Budget(crash=2)),
    Scenario("a batch after a crash, a short retention", ("AB", "AB"), Budget(crash=1), SHORT),
    Scenario("a group that waits", ("A1B1", "B1"), Budget(exception=2, late=1),
             WAIT),
    Scenario("two windows", ("ABC",), Budget(crash=1, exception=1), TWO),
    Scenario("three windows", ("ABC",), Budget(crash=1, exception=1), ONE),
    Scenario("a group in two windows", ("A1B1",), Budget(crash=1, exception=1), ONE),
    Scenario("two windows, quick", ("ABC",), Budget(tick=2), Terms(window=2, quick=True)),
    Scenario("one window, quick", ("ABC",), Budget(tick=2), QUICK),
    Scenario("a key in two groups", ("A1B2A2",), Budget(crash=1, exception=1)),
    Scenario("a key twice in its group", ("A1B1A1'",), Budget(crash=1, exception=1)),
)  # fmt: skip
"""Small enough to kill every mutant quickly, the smallest first; all hold for production too."""

SOONEST = {
    "a full window starts more": "two windows",
    "completions in flight are not counted": "two windows",
    "the next window is claimed over what has returned": "two windows",
    "the next window is claimed over what is given up": "two windows",
    "what is given up is forgotten at a window's border": "two windows",
    "nothing bounds what has returned": "two windows",
    "a window claims more than it may": "two windows",
    "blocked works of the next window are claimed": "a group in two windows",
    "a repeated key is claimed together with its first": "a key in two groups",
    "equal keys share an end whatever lies between": "a key in two groups",
    "a repeated key follows only its first": "a key in two groups",
    "a key that repeats keeps the order of one group": "a key in two groups",
    "what is overdue stops the batch": "two windows, quick",
    "what is overdue in flight gets no second": "two windows, quick",
    "what is overdue in flight is ignored": "one window, quick",
    "what is overdue is not flushed": "one window, quick",
    "what is overdue waits for a flusher": "one window, quick",
    "what is overdue stops the batch, and nobody flushes it": "one window, quick",
    "what cannot be waited for is claimed": "a group that waits",
    "a failed group goes on with what waits": "a group that waits",
    "what waits is claimed before its turn": "a group that waits",
    "lapsed records come beside a run": "two at the same time",
    "nobody waits for what runs beside": "two at the same time",
    "free without 'expired'": "a batch again, the retention between",
    "a look takes an expired record for a duplicate": "a batch again, the retention between",
    "free without 'status = completed' of 'expired'": "a batch again, the retention between",
    "to_mark without 'owner = owner'": "given up again",
    "lapsed records run beside what is at stake": "a batch after a crash",
    "an unconfirmed completion stops nothing": "one batch of three",
    "a parking that comes late is acknowledged": "park mode, a late owner",
    "any record counts as parked": "park mode, a late owner",
    "to_park without 'owner = owner'": "given up",
    "a hopeless message is given back": "given up",
    "a hopeless message is acknowledged": "given up",
    "a transaction writes before its completion": "a transaction",
    "a transaction writes whatever its record says": "a transaction",
    "a transaction is completed without its writes": "a transaction",
}
"""Where a mutant is found that the scenarios before would seek in vain for long."""


def hunting_grounds(mutant: str) -> list[Scenario]:
    """The small scenarios, in the order in which a mutant of this name is sought there."""
    return sorted(SMALL, key=lambda scenario: scenario.name != SOONEST.get(mutant))
