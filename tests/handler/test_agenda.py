"""The decisions about a batch, as values."""

import pytest

from idempotent_lambda.agenda import WINDOW, Agenda, Done, Task, Work
from idempotent_lambda.claims import Claimed, Owner
from idempotent_lambda.keys import Key
from idempotent_lambda.lifecycle import (
    Claim,
    Complete,
    End,
    Outcome,
    PutOff,
    Release,
    Run,
    Settled,
    Step,
)

MINE = Owner("mine")
RUN = Run(Claimed(MINE, attempts=1))
DONE = Settled(Outcome.COMPLETED, acknowledged=True)


def work(name: str) -> Work:
    """A piece of work."""
    return Work(Key(name, f"n#{name}"), ())


A, B, C = (work(name) for name in "abc")


def followed(agenda: Agenda, *following: Step | End) -> Agenda:
    """The agenda after its next tasks, each followed by one of these."""
    taken, tasks = agenda.next()
    assert len(tasks) == len(following)
    done: list[Done] = [(work, step, each) for (work, step), each in zip(tasks, following)]  # noqa: B905  # compared above
    return taken.after(done)


def next_of(agenda: Agenda) -> tuple[Task, ...]:
    """What is to be done next."""
    return agenda.next()[1]


def test_nothing_to_do() -> None:
    """An empty agenda has no next, and nobody is at work."""
    agenda = Agenda.of(())
    assert next_of(agenda) == ()
    assert not agenda.underway


def test_all_are_claimed_together() -> None:
    """Several keys are claimed at once, and only if they are free."""
    agenda, tasks = Agenda.of((A, B)).next()
    assert tasks == ((A, Claim(takeover=False)), (B, Claim(takeover=False)))
    assert agenda.underway
    assert next_of(agenda) == ()


def test_a_large_batch_is_claimed_in_windows() -> None:
    """No more are claimed at once than eight calls hold; the next when these have run."""
    works = tuple(work(f"{number}") for number in range(WINDOW + 1))
    agenda, tasks = Agenda.of(works).next()
    assert len(tasks) == WINDOW == 8 * 25
    agenda = agenda.after([(each, step, Settled(Outcome.BUSY)) for each, step in tasks[1:]])
    agenda = agenda.after([(*tasks[0], RUN)])
    agenda, running = agenda.next()
    assert running == ((works[0], RUN),)
    agenda = agenda.after([(*running[0], Complete(MINE))])
    # Before the next window is claimed, all of the one before is confirmed.
    agenda = followed(agenda, DONE)
    # Not taken over unseen, though it is the only one left: it is not alone in its batch.
    assert next_of(agenda) == ((works[-1], Claim(takeover=False)),)


def test_a_stopped_batch_claims_no_more() -> None:
    """What is left of a large batch when it is stopped is reported unclaimed."""
    works = tuple(work(f"{number}") for number in range(2))
    agenda = Agenda.of(works).stopping(Outcome.NOT_STARTED)
    assert next_of(agenda) == tuple((each, Settled(Outcome.NOT_STARTED)) for each in works)


def test_alone() -> None:
    """A single key is claimed whether free or lapsed."""
    assert next_of(Agenda.of((A,))) == ((A, Claim(takeover=True)),)


def test_runs_come_one_by_one_in_order() -> None:
    """What is claimed runs in the batch's order, before anything is settled."""
    agenda = followed(Agenda.of((A, B, C)), RUN, Settled(Outcome.BUSY), RUN)
    assert next_of(agenda) == ((A, RUN),)
    agenda = followed(agenda, Complete(MINE))
    assert next_of(agenda) == ((C, RUN),)


def test_completions_gather() -> None:
    """Without a flush in between all completions go together, and then all releases."""
    agenda = followed(Agenda.of((A, B, C)), RUN, RUN, RUN)
    agenda = followed(agenda, Complete(MINE))
    agenda = followed(agenda, Release(MINE, Outcome.FAILED))
    agenda = followed(agenda, Complete(MINE))
    assert next_of(agenda) == ((A, Complete(MINE)), (C, Complete(MINE)))
    agenda = followed(agenda, DONE, DONE)
    assert next_of(agenda) == ((B, Release(MINE, Outcome.FAILED)),)


def test_flush() -> None:
    """What is flushed while another runs is not handed out again."""
    agenda = followed(followed(Agenda.of((A, B)), RUN, RUN), Complete(MINE))
    agenda, (running,) = agenda.next()
    agenda, flushed = agenda.flush()
    assert flushed == ((A, Complete(MINE)),)
    assert agenda.flush()[1] == ()
    assert next_of(agenda) == ()
    agenda = agenda.after([(*running, Complete(MINE))])
    agenda, rest = agenda.next()
    assert rest == ((B, Complete(MINE)),)
    assert agenda.after([(*flushed[0], DONE), (*rest[0], DONE)]).underway is False


def test_lapsed_works_come_when_all_is_settled() -> None:
    """A work that was put off comes back with a takeover once the others are confirmed."""
    agenda = followed(Agenda.of((A, B)), PutOff(1), RUN)
    agenda = followed(agenda, Complete(MINE))
    agenda, ((_, complete),) = agenda.next()
    assert next_of(agenda) == ()
    agenda = agenda.after([(B, complete, DONE)])
    assert next_of(agenda) == ((A, Claim(takeover=True)),)


def test_lapsed_works_come_one_by_one() -> None:
    """The next lapsed work is not claimed before the last one is settled."""
    agenda = followed(Agenda.of((A, B)), PutOff(2), PutOff(1))
    agenda = followed(agenda, RUN)
    assert next_of(agenda) == ((B, RUN),)
    agenda = followed(agenda, Complete(MINE))
    agenda = followed(agenda, DONE)
    assert next_of(agenda) == ((A, Claim(takeover=True)),)


@pytest.mark.parametrize("outcome", [Outcome.INTERRUPTED, Outcome.UNCONFIRMED])
def test_stops(outcome: Outcome) -> None:
    """After an interruption or a doubt the unstarted are released together, lapsed ones left."""
    agenda = followed(Agenda.of((A, B, C, work("d"))), RUN, RUN, RUN, PutOff(1))
    agenda = followed(agenda, Settled(outcome))
    release = Release(MINE, Outcome.NOT_STARTED)
    assert next_of(agenda) == ((B, release), (C, release))
    agenda = followed(agenda, Settled(Outcome.NOT_STARTED), Settled(Outcome.NOT_STARTED))
    assert next_of(agenda) == ((work("d"), Settled(Outcome.NOT_STARTED)),)


def test_the_first_reason_stands() -> None:
    """An agenda that is stopped twice keeps its first reason."""
    agenda = Agenda.of((A,)).stopping(Outcome.UNAVAILABLE).stopping(Outcome.NOT_STARTED)
    assert next_of(agenda) == ((A, Settled(Outcome.UNAVAILABLE)),)


def test_changes_make_new_agendas() -> None:
    """An agenda is a value: what was decided before stays decided."""
    agenda = Agenda.of((A, B))
    followed(agenda, PutOff(1), RUN)
    assert agenda == Agenda.of((A, B))
