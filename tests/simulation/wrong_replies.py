"""Transitions and judgements that are wrong on purpose: each misreads one reply or one record."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from idempotent_lambda import claims, lifecycle
from idempotent_lambda.claims import ClaimRequest, Record
from idempotent_lambda.conditions import And, Condition, Missing, Or, evaluate
from idempotent_lambda.errors import PermanentFailure
from idempotent_lambda.lifecycle import (
    Claim,
    Complete,
    DeadLetter,
    DeadLettered,
    Mark,
    Outcome,
    Park,
    Release,
    Returned,
    Run,
    Settled,
    Unanswered,
    Wait,
    Waited,
)

from .world import ME, Protocol


def protocol_with(**changes: Any) -> Protocol:
    """Production with changes, which reach what is judged by a look too."""
    protocol = replace(Protocol(), **changes)

    def seen_claim(found: Record | None, request: ClaimRequest) -> Any:
        if evaluate(protocol.condition(request), found, request.operands):
            return None
        return protocol.refused_claim(found, request)

    return replace(protocol, seen_claim=seen_claim)


def _changed(matches: Callable[[Any, Any], bool], change: Callable[[Any, Any], Any]) -> Protocol:
    """Production, with another transition where the step and the reply match."""

    def advance(step: Any, reply: Any) -> Any:
        if matches(step, reply):
            return change(step, reply)
        return lifecycle.advance(step, reply)

    return Protocol(advance=advance)


def _on(step: type, reply: type) -> Callable[[Any, Any], bool]:
    return lambda s, r: isinstance(s, step) and isinstance(r, reply)


def _acknowledge(outcome: Outcome) -> Callable[[Any, Any], Any]:
    return lambda _step, _reply: Settled(outcome, acknowledged=True)


def _report(outcome: Outcome) -> Callable[[Any, Any], Any]:
    return lambda _step, _reply: Settled(outcome)


def transitions() -> Iterator[tuple[str, Protocol]]:
    """Each transition that keeps a promise, replaced."""
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


def parkings() -> Iterator[tuple[str, Protocol]]:
    """Each transition and each token by which a message is parked and comes back, replaced."""
    acknowledge, on = _acknowledge(Outcome.PARKED), _on

    def lapsed(step: Any, reply: Any) -> bool:
        return _on(Claim, claims.Lapsed)(step, reply) and step.park_interrupted

    def unsent(_: Any, reply: Any) -> bool:
        return isinstance(reply, claims.Parked) and not reply.dead_lettered

    def hopeless(step: Any, reply: Any) -> bool:
        return _on(Run, lifecycle.Raised)(step, reply) and isinstance(reply.error, PermanentFailure)

    def marks_first(step: Any, reply: Any) -> Any:
        match step, reply:
            case ((Claim() | Park()), claims.Parked(owner, dead_lettered=False)):
                return Mark(owner)
            case Mark(owner), claims.Parked():
                return DeadLetter(owner)
            case DeadLetter(), DeadLettered():
                return Settled(Outcome.PARKED, acknowledged=True)
            case _:
                return lifecycle.advance(step, reply)

    yield "interrupted work is acknowledged in park mode", _changed(lapsed, acknowledge)
    yield (
        "a copy is sent before its record is parked",
        _changed(lapsed, lambda _, reply: DeadLetter(reply.owner)),
    )
    yield "what is parked is acknowledged before its copy", _changed(unsent, acknowledge)
    yield "a copy is noted before it is sent", Protocol(advance=marks_first)
    yield (
        "a copy is acknowledged before it is noted",
        _changed(on(DeadLetter, DeadLettered), acknowledge),
    )
    yield (
        "a copy that may be lost is noted",
        _changed(on(DeadLetter, Unanswered), lambda step, _: Mark(step.owner)),
    )
    yield (
        "a copy that may be lost is acknowledged",
        _changed(on(DeadLetter, Unanswered), acknowledge),
    )
    yield "an unanswered parking is acknowledged", _changed(on(Park, Unanswered), acknowledge)
    yield (
        "an unanswered parking sends a copy",
        _changed(on(Park, Unanswered), lambda step, _: DeadLetter(step.owner)),
    )
    yield "an unanswered note is acknowledged", _changed(on(Mark, Unanswered), acknowledge)
    yield (
        "a parking that comes late is acknowledged",
        _changed(on(Park, claims.LostLease), acknowledge),
    )
    yield (
        "a hopeless message is given back",
        _changed(hopeless, lambda step, _: Release(step.claim.owner, Outcome.FAILED)),
    )
    yield "a hopeless message is acknowledged", _changed(hopeless, acknowledge)
    yield (
        "an own parking is not recognised",
        Protocol(refused_parking=lambda *_: claims.LostLease(completed=False)),
    )
    yield (
        "any record counts as parked",
        Protocol(refused_parking=lambda _, request: claims.Parked(request.owner)),
    )
    yield "a copy bears no token", Protocol(sends_token=False)
    yield "a claim does not show its token", Protocol(shows_token=False)


OF_COPY = Or((claims.KNOWN_COPY, claims.RESOLVED))


def _claims_also(condition: Condition) -> Protocol:
    """Production, with one more way to claim what is stated."""

    def claimable(*, takeover: bool) -> Or:
        allowed = claims.claimable(takeover=takeover, redriven=True, checked=False, stated=True)
        return Or((condition, *allowed.parts))

    kinds = {(takeover, True, True): claimable(takeover=takeover) for takeover in (True, False)}
    return protocol_with(conditions=kinds)


def _knows(is_known: Callable[[Record, ClaimRequest], bool]) -> Protocol:
    """Production, with another rule by which a copy is known whose claim has failed."""

    def refused_claim(found: Record | None, request: ClaimRequest) -> Any:
        if request.stated and not (found is not None and is_known(found, request)):
            return claims.Stray()
        return claims.refused_claim(found, request)

    return protocol_with(refused_claim=refused_claim)


def _forgets(**attributes: Any) -> Protocol:
    """Production, with claims that do not write some attributes."""

    def claimed_record(found: Record | None, request: ClaimRequest) -> Record:
        return replace(claims.claimed_record(found, request), **attributes)

    return Protocol(claimed_record=claimed_record)


def _takes_over_from_copies() -> Protocol:
    """Production, with ordinary claims that do not care who has unlocked a record."""
    lapsed = And(claims.LAPSED.parts[:-1])
    condition = Or((*claims.FREE.parts, lapsed))

    def refused_claim(found: Record | None, request: ClaimRequest) -> Any:
        if found is not None and not request.stated:
            found = replace(found, unlocked_by=None)
        return claims.refused_claim(found, request)

    return protocol_with(conditions={(True, False): condition}, refused_claim=refused_claim)


def _acknowledges_strays(found: Record | None, request: ClaimRequest) -> Any:
    judged = claims.refused_claim(found, request)
    return claims.Duplicate() if isinstance(judged, claims.Stray) else judged


def copies() -> Iterator[tuple[str, Protocol]]:
    """Each rule by which a copy is known that only states its key, replaced."""
    parked, _ = claims.REDRIVEN.parts
    yield "a stated key counts though there is no record", _claims_also(Missing("id"))
    yield "a stated key counts though another was at it", _claims_also(claims.OVER_FOR_COPY)
    yield (
        "an older copy unlocks what is parked again",
        _claims_also(And((parked, claims.KNOWN_COPY))),
    )
    yield "the tokens of copies are not kept", _forgets(copy_tokens=None)
    yield "nobody notes who has unlocked a record", _forgets(unlocked_by=None)
    yield (
        "only what has claimed its record is known as a copy",
        _knows(lambda found, request: request.token in (found.copy_tokens or ())),
    )
    yield (
        "only the newest copy is known as one",
        _knows(lambda found, request: request.token == found.unlocked_by),
    )
    yield (
        "what a newer version has written is no copy's",
        _knows(lambda found, request: evaluate(OF_COPY, found, request.operands)),
    )
    yield "what is no copy is a duplicate", protocol_with(refused_claim=_acknowledges_strays)
    yield "an ordinary claim takes over what belongs to a copy", _takes_over_from_copies()
    yield "what belongs to a copy is deleted when it is released", Protocol(gives_back=False)
    yield (
        "what is no copy keeps the key that it states",
        Protocol(restate=lambda item: replace(item, own_key=None)),
    )


def waits() -> Iterator[tuple[str, Protocol]]:
    """Each transition around a wait, replaced."""
    can, cannot = (
        lambda step, reply: isinstance(step, Wait) and reply == Waited(in_time=True),
        lambda step, reply: isinstance(step, Wait) and reply == Waited(in_time=False),
    )

    def busy(step: Any, reply: Any) -> bool:
        return _on(Claim, claims.Busy)(step, reply) and step.wait_for_lease

    yield "what is busy is not waited for", _changed(busy, _report(Outcome.BUSY))
    yield (
        "what was waited for runs without a claim",
        _changed(can, lambda *_: Run(claims.Claimed(ME, attempts=1))),
    )
    yield "what was waited for is acknowledged", _changed(can, _acknowledge(Outcome.DUPLICATE))
    yield "what cannot be waited for is claimed", _changed(cannot, lambda step, _: step.claim)
    yield "what cannot be waited for is acknowledged", _changed(cannot, _acknowledge(Outcome.BUSY))


def transactions() -> Iterator[tuple[str, Protocol]]:
    """Each rule by which the writes of a transaction happen once, replaced."""
    yield "a transaction writes before its completion", Protocol(commits="before")
    yield "a transaction writes whatever its record says", Protocol(commits="at any rate")
    yield (
        "a transaction is completed without its writes",
        _changed(_on(Run, Returned), lambda step, _: Complete(step.claim.owner)),
    )


def judgements() -> Iterator[tuple[str, Protocol]]:
    """Each rule by which a claim or a completion is judged from its record, replaced."""

    def forgetful(found: Record | None, request: ClaimRequest) -> Any:
        if found is not None and found.owner == request.owner:
            found = replace(found, owner=claims.Owner("another"))
        return claims.refused_claim(found, request)

    def any_status(found: Record | None, request: ClaimRequest) -> Any:
        return claims.Duplicate() if found is not None else claims.refused_claim(found, request)

    def busy(found: Record | None, request: ClaimRequest) -> Any:
        judged = claims.refused_claim(found, request)
        return claims.Busy(request.now) if isinstance(judged, claims.Duplicate) else judged

    yield "an own claim is not recognised", protocol_with(refused_claim=forgetful)
    yield "every record is a duplicate", protocol_with(refused_claim=any_status)
    yield "a completed record is busy", protocol_with(refused_claim=busy)
    yield (
        "an own completion is not recognised",
        Protocol(refused_completion=lambda found, _: claims.LostLease(completed=found is not None)),
    )
    yield (
        "any record counts as completed",
        Protocol(refused_completion=lambda _found, _request: claims.Completed()),
    )
    yield "every attempt has an owner of its own", Protocol(owner_per_attempt=True)


def looks() -> Iterator[tuple[str, Protocol]]:
    """Each rule of the group claim's looks and inserts, replaced."""

    def nothing_is_mine(found: Record | None, request: ClaimRequest) -> Any:
        if found is None:
            return claims.Claimed(request.owner, attempts=1)
        return claims.seen_claim(found, request)

    def own_is_busy(found: Record | None, request: ClaimRequest) -> Any:
        judged = claims.seen_claim(found, request)
        return claims.Busy(request.now) if isinstance(judged, claims.Claimed) else judged

    def expired_is_duplicate(found: Record | None, request: ClaimRequest) -> Any:
        if found is not None and found.status == claims.Status.COMPLETED:
            return claims.Duplicate()
        return claims.seen_claim(found, request)

    def any_is_duplicate(found: Record | None, request: ClaimRequest) -> Any:
        return claims.Duplicate() if found is not None else claims.seen_claim(found, request)

    def lapsed_is_busy(found: Record | None, request: ClaimRequest) -> Any:
        judged = claims.seen_claim(found, request)
        return claims.Busy(request.now) if isinstance(judged, claims.Lapsed) else judged

    yield "a look that finds nothing is a claim", Protocol(seen_claim=nothing_is_mine)
    yield "a look does not know its own claim", Protocol(seen_claim=own_is_busy)
    yield (
        "a look takes an expired record for a duplicate",
        Protocol(seen_claim=expired_is_duplicate),
    )
    yield "a look takes any record for a duplicate", Protocol(seen_claim=any_is_duplicate)
    yield "a look takes a lapsed record for busy", Protocol(seen_claim=lapsed_is_busy)
    yield "an insert overwrites", Protocol(insert=And(()))
    yield "an insert that finds a record is a duplicate", Protocol(checks_inserts=False)
    yield "a claim given up forgets its insert", Protocol(remembers_inserts=False)
