"""Transitions and judgements that are wrong on purpose: each misreads one reply or one record."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from idempotent_lambda import claims, lifecycle
from idempotent_lambda.claims import ClaimRequest, Record
from idempotent_lambda.conditions import Every, holds
from idempotent_lambda.lifecycle import Claim, Complete, Outcome, Release, Run, Settled, Unanswered

from .world import Protocol


def protocol_with(**changes: Any) -> Protocol:
    """Production with changes, which reach what is judged by a look too."""
    protocol = replace(Protocol(), **changes)

    def seen_claim(found: Record | None, request: ClaimRequest) -> Any:
        if holds(protocol.condition(request), found, request.operands):
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
    yield "an insert overwrites", Protocol(insert=Every(()))
    yield "an insert that finds a record is a duplicate", Protocol(checks_inserts=False)
    yield "a claim given up forgets its insert", Protocol(remembers_inserts=False)
