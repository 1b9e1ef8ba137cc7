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
    ("reply", "following"),
    [
        (MINE, Run(MINE)),
        (Claimed(ME, 3, recovered=True), Run(Claimed(ME, 3, recovered=True))),
        (Duplicate(), Settled(Outcome.DUPLICATE, acknowledged=True)),
        (Busy(EpochMillis(1)), Settled(Outcome.BUSY, acknowledged=False)),
        (Lapsed(2), PutOff(2)),
        (UNWRITTEN, Settled(Outcome.UNAVAILABLE, acknowledged=False)),
        (REFUSED, Settled(Outcome.UNAVAILABLE, acknowledged=False)),
        (MAYBE_WRITTEN, Release(ME, Outcome.UNAVAILABLE)),
    ],
)
def test_after_claim(takeover: bool, reply: Reply, following: Step | End) -> None:
    """A claim runs only if it is proven; what may have been written is given back unrun."""
    assert advance(Claim(takeover), reply) == following


@pytest.mark.parametrize(
    ("reply", "following"),
    [
        (Returned(), Complete(ME)),
        (Raised(ValueError()), Release(ME, Outcome.FAILED)),
        (Interrupted(SystemExit()), Settled(Outcome.INTERRUPTED, acknowledged=False)),
    ],
)
def test_after_run(reply: Reply, following: Step | End) -> None:
    """Returned means done, raised means not done, and interrupted means nobody knows."""
    assert advance(Run(MINE), reply) == following


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
def test_after_complete(reply: Reply, following: Step | End) -> None:
    """After the effect nothing is given back, and only a proven completion is acknowledged."""
    assert advance(Complete(ME), reply) == following


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.NOT_STARTED, Outcome.UNAVAILABLE])
@pytest.mark.parametrize(
    "reply", [Released(), LostLease(completed=True), LostLease(completed=False), UNWRITTEN, REFUSED]
)
def test_after_release(outcome: Outcome, reply: Reply) -> None:
    """However a release ends, the message's outcome stands and it is reported."""
    following = advance(Release(ME, outcome), reply)
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
        advance(STEPS[step], REPLIES[reply])


def test_what_is_acknowledged() -> None:
    """Of all first steps and replies, three ends acknowledge: completed, duplicate, lost to it."""
    acknowledged = set()
    for step, reply in ((step, reply) for step, replies in LEGAL.items() for reply in replies):
        end = advance(STEPS[step], REPLIES[reply])
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
