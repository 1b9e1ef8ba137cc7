"""Protocols that are wrong on purpose: the simulation must find each of them out.

`mutants` breaks one rule of production at a time: every clause of every condition by itself,
and by hand each transition that keeps a promise. `KNOWN_BAD` are whole protocols from the field.
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from idempotent_lambda import claims, lifecycle
from idempotent_lambda.batch import Agenda
from idempotent_lambda.claims import Record
from idempotent_lambda.clock import EpochSeconds
from idempotent_lambda.conditions import Absent, Compare, Condition, Either, Every
from idempotent_lambda.lifecycle import (
    Claim,
    Complete,
    Outcome,
    Release,
    Run,
    Settled,
    Unanswered,
)

from .world import DEADLINE, MARGIN, NOW, Protocol

ALWAYS = Every(())


def mutants() -> Iterator[tuple[str, Protocol]]:
    """Every mutant with its name."""
    yield from _conditions()
    yield from _transitions()
    yield from _judgements()
    yield from _agendas()
    yield from _times()


def _without(condition: Condition, told: str = "") -> Iterator[tuple[str, Condition]]:
    """The condition less one clause, for each of its clauses."""
    if not isinstance(condition, Every | Either):
        return
    for at, part in enumerate(condition.parts):
        rest = (*condition.parts[:at], *condition.parts[at + 1 :])
        yield f"{told}without {_named(part)}", type(condition)(rest)
        for name, mutant in _without(part, told):
            parts = (*condition.parts[:at], mutant, *condition.parts[at + 1 :])
            yield f"{name} of {_named(part)}", type(condition)(parts)


def _named(condition: Condition) -> str:
    match condition:
        case Absent():
            return "'absent'"
        case Compare(attribute, comparator, operand):
            return f"'{attribute} {comparator} {operand}'"
        case claims.EXPIRED:
            return "'expired'"
        case claims.LAPSED:
            return "'lapsed'"
        case _:
            return f"'{condition}'"


def _conditions() -> Iterator[tuple[str, Protocol]]:
    for field, condition in (
        ("free", claims.FREE),
        ("claimable", claims.CLAIMABLE),
        ("to_complete", claims.OWNED),
        ("to_release", claims.OWNED),
    ):
        for name, mutant in _without(condition):
            if (field, name) not in REDUNDANT:
                yield f"{field} {name}", replace(Protocol(), **{field: mutant})  # type: ignore[arg-type]
        yield f"{field} always", replace(Protocol(), **{field: ALWAYS})  # type: ignore[arg-type]


REDUNDANT = {
    # A record in progress expires no sooner than its lease, so where lapsed ones may be taken over
    # the status adds nothing. In `free`, which is the same clause, it does.
    ("claimable", "without 'status = completed' of 'expired'"),
    # An owner that gives back never completes. The condition is that of the completion, though,
    # which needs it.
    ("to_release", "without 'status = in_progress'"),
}
"""Clauses whose absence breaks nothing, each with its reason."""


def _changed(matches: Callable[[Any, Any], bool], change: Callable[[Any, Any], Any]) -> Protocol:
    """Production, with another transition where the step and the reply match."""

    def advance(step: Any, reply: Any, *, may_start: bool) -> Any:
        if matches(step, reply):
            return change(step, reply)
        return lifecycle.advance(step, reply, may_start=may_start)

    return Protocol(advance=advance)


def _on(step: type, reply: type) -> Callable[[Any, Any], bool]:
    return lambda s, r: isinstance(s, step) and isinstance(r, reply)


def _acknowledge(outcome: Outcome) -> Callable[[Any, Any], Any]:
    return lambda _step, _reply: Settled(outcome, acknowledged=True)


def _report(outcome: Outcome) -> Callable[[Any, Any], Any]:
    return lambda _step, _reply: Settled(outcome)


def _transitions() -> Iterator[tuple[str, Protocol]]:
    acknowledge, report, on = _acknowledge, _report, _on
    yield "busy is acknowledged", _changed(on(Claim, claims.Busy), acknowledge(Outcome.BUSY))
    yield (
        "lapsed is acknowledged",
        _changed(on(Claim, claims.Lapsed), acknowledge(Outcome.DUPLICATE)),
    )
    yield (
        "an unanswered claim runs",
        _changed(
            on(Claim, Unanswered), lambda _, reply: Run(claims.Claimed(reply.owner, attempts=1))
        ),
    )
    yield (
        "an unanswered claim is acknowledged",
        _changed(on(Claim, Unanswered), acknowledge(Outcome.DUPLICATE)),
    )
    yield (
        "an unanswered claim is not given back",
        _changed(on(Claim, Unanswered), report(Outcome.UNAVAILABLE)),
    )
    yield (
        "the deadline guard is off",
        Protocol(advance=lambda s, r, **_: lifecycle.advance(s, r, may_start=True)),
    )
    yield (
        "a claim too late is not given back",
        Protocol(
            advance=lambda s, r, *, may_start: (
                Settled(Outcome.NOT_STARTED)
                if isinstance(r, claims.Claimed) and not may_start
                else lifecycle.advance(s, r, may_start=may_start)
            )
        ),
    )
    yield (
        "a failure is not given back",
        _changed(on(Run, lifecycle.Raised), report(Outcome.FAILED)),
    )
    yield (
        "a failure is completed",
        _changed(on(Run, lifecycle.Raised), lambda step, _: Complete(step.claim.owner)),
    )
    yield (
        "a failure is acknowledged",
        _changed(on(Run, lifecycle.Raised), acknowledge(Outcome.FAILED)),
    )
    yield (
        "an interruption is given back",
        _changed(
            on(Run, lifecycle.Interrupted),
            lambda step, _: Release(step.claim.owner, Outcome.INTERRUPTED),
        ),
    )
    yield (
        "an interruption is acknowledged",
        _changed(on(Run, lifecycle.Interrupted), acknowledge(Outcome.INTERRUPTED)),
    )
    yield (
        "a return is acknowledged before its completion",
        _changed(on(Run, lifecycle.Returned), acknowledge(Outcome.COMPLETED)),
    )
    yield (
        "a return is given back",
        _changed(
            on(Run, lifecycle.Returned),
            lambda step, _: Release(step.claim.owner, Outcome.COMPLETED),
        ),
    )
    yield (
        "an unconfirmed completion is acknowledged",
        _changed(on(Complete, Unanswered), acknowledge(Outcome.UNCONFIRMED)),
    )
    yield (
        "an unconfirmed completion is given back",
        _changed(
            on(Complete, Unanswered), lambda step, _: Release(step.owner, Outcome.UNCONFIRMED)
        ),
    )
    yield (
        "a lost lease is acknowledged",
        _changed(on(Complete, claims.LostLease), acknowledge(Outcome.LOST_LEASE)),
    )
    yield (
        "a duplicate is not acknowledged",
        _changed(on(Claim, claims.Duplicate), report(Outcome.DUPLICATE)),
    )


def _judgements() -> Iterator[tuple[str, Protocol]]:
    def forgetful(found: Record | None, request: claims.ClaimRequest) -> Any:
        if found is not None and found.owner == request.owner:
            found = replace(found, owner=claims.Owner("another"))
        return claims.refused_claim(found, request)

    def any_status(found: Record | None, request: claims.ClaimRequest) -> Any:
        return claims.Duplicate() if found is not None else claims.refused_claim(found, request)

    def busy(found: Record | None, request: claims.ClaimRequest) -> Any:
        judged = claims.refused_claim(found, request)
        return claims.Busy(request.now) if isinstance(judged, claims.Duplicate) else judged

    yield "an own claim is not recognised", Protocol(refused_claim=forgetful)
    yield "every record is a duplicate", Protocol(refused_claim=any_status)
    yield "a completed record is busy", Protocol(refused_claim=busy)
    yield (
        "an own completion is not recognised",
        Protocol(refused_completion=lambda found, _: claims.LostLease(completed=found is not None)),
    )
    yield (
        "any record counts as completed",
        Protocol(refused_completion=lambda _found, _request: claims.Completed()),
    )
    yield "every attempt has an owner of its own", Protocol(owner_per_attempt=True)


def _agendas() -> Iterator[tuple[str, Protocol]]:
    class NeverStops(Agenda):
        def stopping(self, outcome: Outcome) -> Agenda:  # noqa: ARG002
            return self

    class TakesOverAtOnce(Agenda):
        def next(self) -> Any:
            turn = super().next()
            if turn is not None and isinstance(turn[1], Claim):
                return turn[0], Claim(takeover=True)
            return turn

    class NeverTakesOver(Agenda):
        def next(self) -> Any:
            turn = super().next()
            if turn is not None and isinstance(turn[1], Claim):
                return turn[0], Claim(takeover=False)
            return turn

    class ForgetsLapsed(Agenda):
        def after(self, end: Any) -> Agenda:
            return super().after(
                Settled(Outcome.BUSY) if isinstance(end, lifecycle.PutOff) else end
            )

    class TakesCompany(Agenda):
        def next(self) -> Any:
            return replace(self, at_stake=False)._plain()

        def _plain(self) -> Any:
            return super().next()

    for name, agenda in (
        ("a stopped batch goes on", NeverStops),
        ("lapsed records are taken over at once", TakesOverAtOnce),
        ("lapsed records are never taken over", NeverTakesOver),
        ("lapsed records run beside what is at stake", TakesCompany),
        ("lapsed records are reported", ForgetsLapsed),
    ):
        yield name, Protocol(agenda=agenda)


def _times() -> Iterator[tuple[str, Protocol]]:
    yield "the lease has no margin", Protocol(lease=DEADLINE)
    yield "the lease is shorter than the deadline", Protocol(lease=DEADLINE - MARGIN)
    yield (
        "TTL forgets the lease",
        Protocol(claim_expiry=lambda request: EpochSeconds(NOW // 1000 + request.retention)),
    )
    yield (
        "a completion keeps the claim's expiry less a second",
        Protocol(completion_expiry=lambda request: EpochSeconds(request.expires_at - 1)),
    )


def _seed(step: Any, reply: Any, *, may_start: bool) -> Any:
    """The seed article: any error of the claim is a duplicate, and nothing is ever settled."""
    del may_start
    match step:
        case Claim():
            if isinstance(reply, claims.Claimed):
                return Run(reply)
            return Settled(Outcome.DUPLICATE, acknowledged=True)
        case _:
            done = isinstance(reply, lifecycle.Returned)
            return Settled(Outcome.COMPLETED if done else Outcome.FAILED, acknowledged=done)


KNOWN_BAD = {
    "the seed article: put if absent, any error is a duplicate": Protocol(
        advance=_seed, free=Absent(), claimable=Absent()
    ),
    "Powertools: settles without an owner condition": Protocol(
        to_complete=ALWAYS, to_release=ALWAYS
    ),
    "idemkit: does not recognise its own claim": dict(_judgements())[
        "an own claim is not recognised"
    ],
}
