"""Shells that are wrong on purpose: each breaks one rule of when a batch is stopped or flushed."""

from collections.abc import Iterator

from idempotent_lambda.agenda import Agenda, Decision
from idempotent_lambda.lifecycle import Outcome

from .world import Protocol
from .wrong_agendas import HasNoBound

Decided = tuple[Agenda, Decision]


def _stop(agenda: Agenda, *, overdue: bool, **given: bool) -> Decided:
    agenda, _ = agenda.decide(overdue=False, **given)
    return (agenda.stopping(Outcome.NOT_STARTED) if overdue else agenda), Decision.GO


def _stop_for_flight(agenda: Agenda, **given: bool) -> Decided:
    agenda, decision = agenda.decide(**given)
    if decision is Decision.WAIT:
        return agenda.stopping(Outcome.NOT_STARTED), Decision.GO
    return agenda, decision


def _ignore_flight(agenda: Agenda, **given: bool) -> Decided:
    agenda, decision = agenda.decide(**given)
    return agenda, Decision.GO if decision is Decision.WAIT else decision


def _ignore_returned(agenda: Agenda, **given: bool) -> Decided:
    agenda, decision = agenda.decide(**given)
    return agenda, Decision.GO if decision is Decision.FLUSH else decision


def _wait_for_flusher(agenda: Agenda, *, overdue: bool, **given: bool) -> Decided:
    agenda, decision = agenda.decide(overdue=overdue, **given)
    waits = overdue and agenda.returned and not agenda.stopped
    return agenda, Decision.WAIT if waits else decision


def shells() -> Iterator[tuple[str, Protocol]]:
    """Each rule of the shell, broken; and those of old, which had no bound."""
    yield "what is overdue stops the batch", Protocol(decide=_stop)
    yield "what is overdue in flight gets no second", Protocol(decide=_stop_for_flight)
    yield "what is overdue in flight is ignored", Protocol(decide=_ignore_flight)
    yield "what is overdue is not flushed", Protocol(decide=_ignore_returned)
    yield "what is overdue waits for a flusher", Protocol(decide=_wait_for_flusher)
    yield "what is overdue waits for a run of another thread", Protocol(wakes=False)
    yield (
        "what is overdue stops the batch, and nobody flushes it",
        Protocol(agenda=HasNoBound, decide=_stop, hires=False),
    )
