"""The life of one claim: every row of the table of transitions, and the pairs without a row."""

import itertools
from dataclasses import replace

import pytest

from idempotent_lambda.clock import EpochMillis, Seconds
from idempotent_lambda.errors import PermanentFailure
from idempotent_lambda.protocol.claims import (
    Claimed,
    Completed,
    Duplicate,
    InProgress,
    LostLease,
    Mismatch,
    Parked,
    Released,
    Stale,
)
from idempotent_lambda.protocol.lifecycle import (
    INTERRUPTED_REASON,
    advance,
    build_settlement_request,
    classify_exception,
)
from idempotent_lambda.protocol.record import Owner
from idempotent_lambda.protocol.steps import (
    NOBODY,
    Claim,
    Complete,
    DeadLetter,
    DeadLettered,
    End,
    Interrupted,
    MarkDeadLettered,
    Outcome,
    Park,
    Raised,
    Release,
    Reply,
    Returned,
    Run,
    Settled,
    Settlement,
    Step,
    TakeOverLater,
    Unanswered,
    Wait,
    Waited,
)

from .harness import refused, table_unavailable

ME, THEM = Owner("me"), Owner("them")
MINE = Claimed(ME, 1)
LEASE_END = EpochMillis(1)
ACTIONS = ({"Delete": {"TableName": "orders", "Key": {"id": {"S": "a"}}}},)
UNWRITTEN = Unanswered(ME, table_unavailable())
MAYBE_WRITTEN = Unanswered(ME, table_unavailable(maybe_written=True))
REFUSED = Unanswered(ME, refused())
PARKED_UNSENT = Settled(Outcome.PARKED, acknowledged=False)
PARKED = Settled(Outcome.PARKED, acknowledged=True)


@pytest.mark.parametrize("takeover", [True, False])
@pytest.mark.parametrize(
    ("reply", "following"),
    [
        (MINE, Run(MINE)),
        (Claimed(ME, 3, recovered=True), Run(Claimed(ME, 3, recovered=True))),
        (Duplicate(), Settled(Outcome.DUPLICATE, acknowledged=True)),
        (Duplicate("1"), Settled(Outcome.DUPLICATE, acknowledged=True)),
        (
            InProgress(LEASE_END),
            Settled(Outcome.IN_PROGRESS, acknowledged=False, held_until=LEASE_END),
        ),
        (Stale(2, THEM), TakeOverLater(2)),
        (Parked(THEM, dead_lettered=True), PARKED),
        (Parked(THEM, dead_lettered=False), DeadLetter(THEM)),
        (Mismatch(), Settled(Outcome.REJECTED, acknowledged=False)),
        (UNWRITTEN, Settled(Outcome.TABLE_UNAVAILABLE, acknowledged=False)),
        (REFUSED, Settled(Outcome.TABLE_UNAVAILABLE, acknowledged=False)),
        (MAYBE_WRITTEN, Release(ME, Outcome.TABLE_UNAVAILABLE)),
    ],
)
def test_after_claim(takeover: bool, reply: Reply, following: Step | End) -> None:
    """A claim runs only if it is proven; one that may have been written is given back unrun."""
    assert advance(Claim(takeover), reply) == following


def test_what_stale_is_parked_where_that_is_asked_for() -> None:
    """Interrupted work is set aside by the owner that was seen, and not put off."""
    assert advance(Claim(park_interrupted=True), Stale(2, THEM)) == Park(THEM, INTERRUPTED_REASON)


def test_a_live_claim_is_waited_for_where_nothing_delivers_again() -> None:
    """A source without a visibility timeout waits for the lease; then it claims as before."""
    claim = Claim(wait_for_lease=True, park_interrupted=True)
    waiting = advance(claim, InProgress(LEASE_END))
    assert waiting == Wait(claim, LEASE_END)
    assert advance(waiting, Waited(in_time=True)) == claim
    in_progress = Settled(Outcome.IN_PROGRESS, acknowledged=False, held_until=LEASE_END)
    assert advance(waiting, Waited(in_time=False)) == in_progress


@pytest.mark.parametrize(
    "reply",
    [
        Duplicate(),
        InProgress(LEASE_END),
        Stale(1, THEM),
        Parked(THEM),
        Mismatch(),
        UNWRITTEN,
        REFUSED,
    ],
)
@pytest.mark.parametrize(
    "claim", [Claim(observe_only=True), Claim(observe_only=True, park_interrupted=True)]
)
def test_observed(claim: Claim, reply: Reply) -> None:
    """Observe mode suppresses nothing: a message that would be skipped runs without a claim."""
    run = advance(claim, reply)
    assert run == Run(NOBODY, observed=True)
    assert advance(run, Returned()) == Settled(Outcome.OBSERVED, acknowledged=True)
    failed = Settled(Outcome.FAILED, acknowledged=False)
    assert advance(run, Raised(ValueError())) == failed
    assert advance(run, Raised(PermanentFailure())) == failed
    assert advance(run, Interrupted(SystemExit())) == Settled(Outcome.INTERRUPTED)


def test_observe_mode_claims_what_is_free() -> None:
    """A message that runs in any case is claimed and completed, so that a duplicate is known."""
    run = advance(Claim(observe_only=True), MINE)
    assert run == Run(MINE, observed=True)
    assert advance(Run(MINE, observed=True), Returned()) == Complete(ME, observed=True)
    assert advance(Run(MINE, observed=True), Raised(ValueError())) == Release(ME, Outcome.FAILED)


@pytest.mark.parametrize("reply", [MAYBE_WRITTEN, REFUSED, LostLease(completed=False)])
def test_observe_mode_does_without_the_completion(reply: Reply) -> None:
    """In observe mode a missing completion does not cause another delivery."""
    end = Settled(Outcome.OBSERVED, acknowledged=True)
    assert advance(Complete(ME, observed=True), reply) == end


@pytest.mark.parametrize(
    ("reply", "following"),
    [
        (Returned(), Complete(ME)),
        (Returned("{}", ACTIONS), Complete(ME, "{}", ACTIONS)),
        (Raised(ValueError()), Release(ME, Outcome.FAILED)),
        (Raised(PermanentFailure("no such card")), Park(ME, "no such card")),
        (Interrupted(SystemExit()), Settled(Outcome.INTERRUPTED, acknowledged=False)),
    ],
)
def test_after_run(reply: Reply, following: Step | End) -> None:
    """Returned means done, raised means not done, and interrupted means nobody knows."""
    assert advance(Run(MINE), reply) == following


@pytest.mark.parametrize(
    ("error", "own"),
    [
        (ValueError(), True),
        (PermanentFailure(), True),
        (MemoryError(), False),
        (SystemExit(), False),
        (KeyboardInterrupt(), False),
        (GeneratorExit(), False),
    ],
)
def test_what_raising_means(error: BaseException, own: bool) -> None:
    """Only an error that the code itself raises means that the message is not done."""
    assert isinstance(classify_exception(error), Raised if own else Interrupted)
    assert classify_exception(error).error is error


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
    assert advance(Complete(ME, "{}"), reply) == following


@pytest.mark.parametrize(
    ("reply", "following"),
    [
        (Completed(), Settled(Outcome.COMPLETED, acknowledged=True)),
        (LostLease(completed=True), Settled(Outcome.LOST_LEASE, acknowledged=True)),
        (LostLease(completed=False), Settled(Outcome.LOST_LEASE, acknowledged=False)),
        (UNWRITTEN, Release(ME, Outcome.FAILED)),
        (REFUSED, Release(ME, Outcome.FAILED)),
        (MAYBE_WRITTEN, Release(ME, Outcome.UNCONFIRMED)),
    ],
)
def test_after_commit(reply: Reply, following: Step | End) -> None:
    """A transaction that is not committed is released: without its record it cannot commit late."""
    assert advance(Complete(ME, actions=ACTIONS), reply) == following


@pytest.mark.parametrize(
    "outcome", [Outcome.FAILED, Outcome.NOT_STARTED, Outcome.TABLE_UNAVAILABLE]
)
@pytest.mark.parametrize(
    "reply", [Released(), LostLease(completed=True), LostLease(completed=False), UNWRITTEN, REFUSED]
)
def test_after_release(outcome: Outcome, reply: Reply) -> None:
    """However a release ends, the message's outcome does not change and it is reported."""
    following = advance(Release(ME, outcome), reply)
    assert following == Settled(outcome, acknowledged=False)


@pytest.mark.parametrize("step", [Park(ME, "why"), MarkDeadLettered(ME)])
@pytest.mark.parametrize(
    ("reply", "following"),
    [
        (Parked(ME, dead_lettered=True), PARKED),
        (LostLease(completed=True), Settled(Outcome.LOST_LEASE, acknowledged=True)),
        (LostLease(completed=False), Settled(Outcome.LOST_LEASE, acknowledged=False)),
        (UNWRITTEN, PARKED_UNSENT),
        (MAYBE_WRITTEN, PARKED_UNSENT),
        (REFUSED, PARKED_UNSENT),
    ],
)
def test_after_park_and_mark(step: Step, reply: Reply, following: Step | End) -> None:
    """Only what is proven to be parked with its copy sent is acknowledged."""
    assert advance(step, reply) == following


def test_a_copy_is_sent_before_it_is_noted() -> None:
    """Parked, then the copy, then the note of it, then acknowledged."""
    assert advance(Park(ME, "why"), Parked(ME)) == DeadLetter(ME)
    assert advance(DeadLetter(ME), DeadLettered()) == MarkDeadLettered(ME)
    assert advance(MarkDeadLettered(ME), Parked(ME, dead_lettered=True)) == PARKED


@pytest.mark.parametrize("reply", [UNWRITTEN, MAYBE_WRITTEN, REFUSED])
def test_a_copy_that_is_not_sent(reply: Reply) -> None:
    """Without its copy a parked message is not acknowledged: the next delivery sends one."""
    assert advance(DeadLetter(ME), reply) == PARKED_UNSENT


STEPS: dict[str, Step] = {
    "claim": Claim(takeover=True),
    "wait": Wait(Claim(wait_for_lease=True), LEASE_END),
    "run": Run(MINE),
    "complete": Complete(ME),
    "commit": Complete(ME, actions=ACTIONS),
    "release": Release(ME, Outcome.FAILED),
    "park": Park(ME, "why"),
    "dead-letter": DeadLetter(ME),
    "mark": MarkDeadLettered(ME),
}
REPLIES: dict[str, Reply] = {
    "claimed": MINE,
    "duplicate": Duplicate(),
    "in_progress": InProgress(LEASE_END),
    "stale": Stale(1, THEM),
    "parked": Parked(ME, dead_lettered=True),
    "mismatch": Mismatch(),
    "completed": Completed(),
    "lost": LostLease(completed=True),
    "released": Released(),
    "returned": Returned(),
    "raised": Raised(ValueError()),
    "interrupted": Interrupted(SystemExit()),
    "dead-lettered": DeadLettered(),
    "waited": Waited(in_time=False),
    "unanswered": UNWRITTEN,
}
LEGAL = {
    "claim": {"claimed", "duplicate", "in_progress", "stale", "parked", "mismatch", "unanswered"},
    "wait": {"waited"},
    "run": {"returned", "raised", "interrupted"},
    "complete": {"completed", "lost", "unanswered"},
    "commit": {"completed", "lost", "unanswered"},
    "release": {"released", "lost", "unanswered"},
    "park": {"parked", "lost", "unanswered"},
    "dead-letter": {"dead-lettered", "unanswered"},
    "mark": {"parked", "lost", "unanswered"},
}
ILLEGAL = [
    (step, reply) for step, reply in itertools.product(STEPS, REPLIES) if reply not in LEGAL[step]
]


@pytest.mark.parametrize(("step", "reply"), ILLEGAL)
def test_illegal_reply(step: str, reply: str) -> None:
    """A reply that cannot follow a step is a bug of ours and is never settled quietly."""
    with pytest.raises(TypeError, match="is not a reply to"):
        advance(STEPS[step], REPLIES[reply])


def test_what_is_acknowledged() -> None:
    """Of all steps and replies these ends acknowledge: completed, or parked and dead-lettered."""
    acknowledged = set()
    for step, reply in ((step, reply) for step, replies in LEGAL.items() for reply in replies):
        end = advance(STEPS[step], REPLIES[reply])
        if isinstance(end, Settled) and end.acknowledged:
            acknowledged.add((step, reply))
    assert acknowledged == {
        ("claim", "duplicate"),
        ("claim", "parked"),
        ("complete", "completed"),
        ("complete", "lost"),
        ("commit", "completed"),
        ("commit", "lost"),
        ("park", "parked"),
        ("park", "lost"),
        ("mark", "parked"),
        ("mark", "lost"),
    }


@pytest.mark.parametrize(
    ("step", "more"),
    [
        (Complete(ME), {}),
        (Complete(ME, "[1]", ACTIONS), {"result": "[1]", "actions": ACTIONS}),
        (Release(ME, Outcome.FAILED), {}),
        (Park(ME, "why"), {"reason": "why"}),
        (MarkDeadLettered(ME), {}),
    ],
)
def test_settlement(step: Settlement, more: dict[str, object]) -> None:
    """A settlement asks for its owner's record, with what the step has to say and no more."""
    asked = build_settlement_request(
        step, record_id="orders#1", now=EpochMillis(7), retention=Seconds(60)
    )
    plain = build_settlement_request(
        MarkDeadLettered(ME), record_id="orders#1", now=EpochMillis(7), retention=Seconds(60)
    )
    assert (plain.record_id, plain.owner, plain.now, plain.retention) == ("orders#1", ME, 7, 60)
    assert asked == replace(plain, **more)


def test_outcomes_are_the_words_of_the_log() -> None:
    """Dashboards and alarms read these words: a release does not change them."""
    assert {each.value for each in Outcome} == {
        "completed",
        "duplicate",
        "in_progress",
        "failed",
        "interrupted",
        "unconfirmed",
        "lost_lease",
        "table_unavailable",
        "not_started",
        "deferred",
        "rejected",
        "blocked",
        "parked",
        "observed",
    }
