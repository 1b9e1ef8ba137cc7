"""The life of one claim: every row of the table of transitions, and what is no row."""

import itertools

import pytest

from idempotent_lambda.claims import (
    Busy,
    Claimed,
    Completed,
    Duplicate,
    Lapsed,
    LostLease,
    Owner,
    Released,
)
from idempotent_lambda.clock import EpochMillis
from idempotent_lambda.lifecycle import (
    Claim,
    Complete,
    End,
    Interrupted,
    Outcome,
    PutOff,
    Raised,
    Release,
    Reply,
    Returned,
    Run,
    Settled,
    Step,
    Unanswered,
    advance,
)

from .bench import refused, unavailable

ME = Owner("me")
MINE = Claimed(ME, 1)
UNWRITTEN = Unanswered(ME, unavailable())
MAYBE_WRITTEN = Unanswered(ME, unavailable(maybe_written=True))
REFUSED = Unanswered(ME, refused())


@pytest.mark.parametrize("takeover", [True, False])
@pytest.mark.parametrize(
    ("reply", "may_start", "following"),
    [
        (MINE, True, Run(MINE)),
        (Claimed(ME, 3, recovered=True), True, Run(Claimed(ME, 3, recovered=True))),
        (MINE, False, Release(ME, Outcome.NOT_STARTED)),
        (Duplicate(), True, Settled(Outcome.DUPLICATE, acknowledged=True)),
        (Duplicate(), False, Settled(Outcome.DUPLICATE, acknowledged=True)),
        (Busy(EpochMillis(1)), True, Settled(Outcome.BUSY, acknowledged=False)),
        (Lapsed(2), True, PutOff(2)),
        (UNWRITTEN, True, Settled(Outcome.UNAVAILABLE, acknowledged=False)),
        (REFUSED, True, Settled(Outcome.UNAVAILABLE, acknowledged=False)),
        (MAYBE_WRITTEN, True, Release(ME, Outcome.UNAVAILABLE)),
        (MAYBE_WRITTEN, False, Release(ME, Outcome.UNAVAILABLE)),
    ],
)
def test_after_claim(takeover: bool, reply: Reply, may_start: bool, following: Step | End) -> None:
    """A claim runs only if it is proven; what may have been written is given back unrun."""
    assert advance(Claim(takeover), reply, may_start=may_start) == following


@pytest.mark.parametrize("may_start", [True, False])
@pytest.mark.parametrize(
    ("reply", "following"),
    [
        (Returned(), Complete(ME)),
        (Raised(ValueError()), Release(ME, Outcome.FAILED)),
        (Interrupted(SystemExit()), Settled(Outcome.INTERRUPTED, acknowledged=False)),
    ],
)
def test_after_run(reply: Reply, may_start: bool, following: Step | End) -> None:
    """Returned means done, raised means not done, and interrupted means nobody knows."""
    assert advance(Run(MINE), reply, may_start=may_start) == following


@pytest.mark.parametrize("may_start", [True, False])
@pytest.mark.parametrize(
    ("reply", "following"),
    [
        (Completed(), Settled(Outcome.COMPLETED, acknowledged=True)),
        (Completed(recovered=True), Settled(Outcome.COMPLETED, acknowledged=True)),
        (LostLease(completed=True), Settled(Outcome.LOST_LEASE, acknowledged=True)),
        (LostLease(completed=False), Settled(Outcome.LOST_LEASE, acknowledged=False)),
        (UNWRITTEN, Settled(Outcome.UNCONFIRMED, acknowledged=False)),
        (MAYBE_WRITTEN, Settled(Outcome.UNCONFIRMED, acknowledged=False)),
        (REFUSED, Settled(Outcome.UNCONFIRMED, acknowledged=False)),
    ],
)
def test_after_complete(reply: Reply, may_start: bool, following: Step | End) -> None:
    """After the effect nothing is given back, and only a proven completion is acknowledged."""
    assert advance(Complete(ME), reply, may_start=may_start) == following


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.NOT_STARTED, Outcome.UNAVAILABLE])
@pytest.mark.parametrize(
    "reply", [Released(), LostLease(completed=True), LostLease(completed=False), UNWRITTEN, REFUSED]
)
def test_after_release(outcome: Outcome, reply: Reply) -> None:
    """However a release ends, the message's outcome stands and it is reported."""
    following = advance(Release(ME, outcome), reply, may_start=True)
    assert following == Settled(outcome, acknowledged=False)


STEPS: dict[str, Step] = {
    "claim": Claim(takeover=True),
    "run": Run(MINE),
    "complete": Complete(ME),
    "release": Release(ME, Outcome.FAILED),
}
REPLIES: dict[str, Reply] = {
    "claimed": MINE,
    "duplicate": Duplicate(),
    "busy": Busy(EpochMillis(1)),
    "lapsed": Lapsed(1),
    "completed": Completed(),
    "lost": LostLease(completed=True),
    "released": Released(),
    "returned": Returned(),
    "raised": Raised(ValueError()),
    "interrupted": Interrupted(SystemExit()),
    "unanswered": UNWRITTEN,
}
LEGAL = {
    "claim": {"claimed", "duplicate", "busy", "lapsed", "unanswered"},
    "run": {"returned", "raised", "interrupted"},
    "complete": {"completed", "lost", "unanswered"},
    "release": {"released", "lost", "unanswered"},
}
ILLEGAL = [
    (step, reply) for step, reply in itertools.product(STEPS, REPLIES) if reply not in LEGAL[step]
]


@pytest.mark.parametrize(("step", "reply"), ILLEGAL)
def test_illegal_reply(step: str, reply: str) -> None:
    """A reply that cannot follow a step is a bug of ours and is never settled quietly."""
    with pytest.raises(TypeError, match="is no reply to"):
        advance(STEPS[step], REPLIES[reply], may_start=True)


def test_what_is_acknowledged() -> None:
    """Of all first steps and replies, three ends acknowledge: completed, duplicate, lost to it."""
    acknowledged = set()
    for (step, reply), may_start in itertools.product(
        [(step, reply) for step, replies in LEGAL.items() for reply in replies], [True, False]
    ):
        end = advance(STEPS[step], REPLIES[reply], may_start=may_start)
        if isinstance(end, Settled) and end.acknowledged:
            acknowledged.add((step, reply))
    assert acknowledged == {
        ("claim", "duplicate"),
        ("complete", "completed"),
        ("complete", "lost"),
    }


def test_outcomes_are_the_words_of_the_log() -> None:
    """Dashboards and alarms read these words: a release does not change them."""
    assert {each.value for each in Outcome} == {
        "completed",
        "duplicate",
        "busy",
        "failed",
        "interrupted",
        "unconfirmed",
        "lost_lease",
        "unavailable",
        "not_started",
        "deferred",
        "rejected",
    }
