"""docs/states.md says what conditions and transitions make of a record."""

import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from idempotent_lambda.clock import Deadline, EpochMillis, EpochSeconds, Millis, Seconds
from idempotent_lambda.errors import PermanentFailure, StoreError, StoreUnavailableError
from idempotent_lambda.protocol import lifecycle, record
from idempotent_lambda.protocol.claims import Claimed, ClaimRequest, Request, Stale
from idempotent_lambda.protocol.conditions import Compare, Missing, Or, evaluate
from idempotent_lambda.protocol.record import IS_EXPIRED, IS_STALE, Owner, Record, Status
from idempotent_lambda.protocol.steps import (
    NOBODY,
    Claim,
    Complete,
    DeadLetter,
    MarkDeadLettered,
    Outcome,
    Park,
    Raised,
    Release,
    Returned,
    Run,
    Settled,
    TakeOverLater,
    Unanswered,
    Wait,
)
from idempotent_lambda_toolkit.testing import InMemoryClaimStore, ManualClock, stores

PAGE = (Path(__file__).parents[2] / "docs" / "states.md").read_text()
DIAGRAM = PAGE.partition("```mermaid")[2].partition("```")[0]
NOW = EpochMillis(10_000_000)
LATER = EpochSeconds(20_000)
ME, STRANGER = Owner("me"), Owner("stranger")
IN_PROGRESS = Record(
    id="orders#a",
    status=Status.IN_PROGRESS,
    owner=ME,
    created_at=EpochMillis(0),
    lease_expires_at=EpochMillis(NOW + 1),
    expires_at=LATER,
    attempts=1,
)
COMPLETED = replace(IN_PROGRESS, status=Status.COMPLETED, lease_expires_at=None, attempts=None)
PARKED = replace(COMPLETED, status=Status.PARKED, expires_at=None)
RECORDS = {
    "no record": None,
    "in progress": IN_PROGRESS,
    "stale": replace(IN_PROGRESS, lease_expires_at=NOW),
    "completed": COMPLETED,
    "expired": replace(COMPLETED, expires_at=EpochSeconds(1)),
    "parked": PARKED,
    "parked, copy sent": replace(PARKED, dead_lettered_at=NOW),
    "of a newer version": replace(IN_PROGRESS, status="NEWER"),
}
CLAIMS: dict[str, tuple[Claim, str | None]] = {
    "usually": (Claim(), None),
    '`on_interrupted = "park"`': (Claim(park_interrupted=True), None),
    "no visibility timeout": (Claim(wait_for_lease=True), None),
    "observe mode": (Claim(observe_only=True), None),
    "redriven copy": (Claim(), ME),
}
WRITES: dict[str, Any] = {
    "claim": Claim(),
    "takeover": Claim(takeover=True),
    "claim with the copy's token": Claim(),
    "complete": Complete(ME),
    "release": Release(ME, Outcome.FAILED),
    "park": Park(ME, "why"),
    "copy sent": MarkDeadLettered(ME),
}
REASONS: dict[str, tuple[Any, Any]] = {
    "returned": (Run(Claimed(ME, 1)), Returned()),
    "raised": (Run(Claimed(ME, 1)), Raised(ValueError())),
    "PermanentFailure": (Run(Claimed(ME, 1)), Raised(PermanentFailure())),
    "no answer": (
        Complete(ME, actions=({"Delete": {"TableName": "orders"}},)),
        Unanswered(ME, StoreUnavailableError("Timeout", "no answer", maybe_written=True)),
    ),
    "park mode": (Claim(park_interrupted=True), Stale(1, ME)),
}
"""What leads to a write: a step and its reply."""

NEVER = Compare("status", "=", "now_millis")
"""A condition that holds of no record."""


def find_state(found: Record | None, now: EpochMillis = NOW) -> str:
    """The state of a record, by the conditions of claims themselves."""
    asked = Request(record_id="", owner=ME, now=now, retention=Seconds(1)).operands
    if found is None:
        return "no record"
    if evaluate(IS_EXPIRED, found, asked):
        return "expired"
    if evaluate(IS_STALE, found, asked):
        return "stale"
    status = found.status.replace("_", " ").lower()
    return "parked, copy sent" if found.dead_lettered_at else status


def ask(step: Any, found: Record | None, token: str | None = None) -> tuple[Any, Record | None]:
    """What the table answers to a step, and the record then."""
    store = InMemoryClaimStore()
    store.records.update({found.id: found} if found else {})
    about: dict[str, Any] = {"record_id": IN_PROGRESS.id, "now": NOW, "retention": Seconds(3600)}
    if isinstance(step, Claim):
        about |= {"owner": Owner("new"), "lease_expires_at": EpochMillis(NOW + 1)}
        request: Request = ClaimRequest(**about, takeover=step.takeover, token=token)
    else:
        request = lifecycle.build_settlement_request(step, **about)
    method = "mark" if isinstance(step, MarkDeadLettered) else type(step).__name__.lower()
    deadline = Deadline.from_remaining(ManualClock(), Millis(30_000))
    (answer,) = getattr(store, method)([request], deadline)
    answer = Unanswered(request.owner, answer) if isinstance(answer, StoreError) else answer
    return answer, store.records.get(IN_PROGRESS.id)


def list_writes() -> Iterator[tuple[str, str, str]]:
    """Every write that changes a record: the state before, the state then, and what it is."""
    for state, found in RECORDS.items():
        is_claimed = False
        for cause, step in WRITES.items():
            # The first claim that gets the record is the one that asks for least.
            if isinstance(step, Claim) and is_claimed:
                continue
            _, then = ask(step, found, ME if "token" in cause else None)
            if then != found:
                yield state, find_state(then), cause
                is_claimed = isinstance(step, Claim)


def list_ends() -> Iterator[tuple[str, str, str]]:
    """What becomes of a record that nobody touches."""
    for state, found in RECORDS.items():
        if found is None or found.status not in set(Status):
            continue
        if find_state(found) == "in progress":
            assert found.lease_expires_at
            yield state, find_state(found, found.lease_expires_at), "lease ends"
        elif found.expires_at is not None:
            over = find_state(found, EpochMillis(found.expires_at * 1000))
            yield (state, "no record", "TTL") if over == state else (state, over, "retention ends")


def read_diagram() -> set[tuple[str, str, str]]:
    """Every arrow of the page's diagram; the text in brackets led to the write."""
    names = {one: state for state, one in re.findall(r'state "(.+)" as (\w+)', PAGE)}
    names["[*]"] = "no record"
    return {
        (names[source], names[target], cause.partition(" (")[0])
        for source, target, causes in re.findall(
            r"^ +(\S+) --> (\S+): (.*)$", DIAGRAM, re.MULTILINE
        )
        for cause in causes.split("<br>")
    }


def test_the_states() -> None:
    """The records here are in the states that they stand for."""
    known = {state: found for state, found in RECORDS.items() if state != "of a newer version"}
    assert {state: find_state(found) for state, found in known.items()} == {
        state: state for state in known
    }
    assert {found.status for found in known.values() if found} == set(Status)


def test_the_diagram() -> None:
    """A record goes the ways of the diagram and no others, by the writes and times it names."""
    assert read_diagram() == {*list_writes(), *list_ends()}


def test_what_led_to_a_write() -> None:
    """Each reason in brackets leads to the write before it, and no reason is missing."""
    drawn = {
        (verb, reason)
        for verb, reasons in re.findall(r"(\w+) \(([^)]+)\)", DIAGRAM)
        for reason in reasons.split(", ")
    }
    assert drawn == {
        (type(lifecycle.advance(*case)).__name__.lower(), reason)
        for reason, case in REASONS.items()
    }


@pytest.mark.parametrize(
    ("user", "name", "broken"),
    [
        (record, "IS_FREE", Or((Missing("id"),))),
        (record, "IS_REDRIVEN", NEVER),
        (stores, "IS_OWNED", NEVER),
        (stores, "IS_PARKED_BY_OWNER", NEVER),
    ],
)
def test_another_condition_is_another_diagram(
    monkeypatch: pytest.MonkeyPatch, user: Any, name: str, broken: Any
) -> None:
    """A condition that is changed takes an arrow away."""
    record.build_claim_condition.cache_clear()
    monkeypatch.setattr(user, name, broken)
    try:
        assert {*list_writes(), *list_ends()} < read_diagram()
    finally:
        record.build_claim_condition.cache_clear()


def changed_by_strangers() -> set[tuple[str, str]]:
    """The settlements by a worker other than the owner that change a record, and its state."""
    steps = (step for step in WRITES.values() if not isinstance(step, Claim))
    return {
        (type(step).__name__, state)
        for step in steps
        for state, found in RECORDS.items()
        if ask(replace(step, owner=STRANGER), found)[1] != found
    }


def test_nobody_writes_another_owners_record(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settlements by anyone but the owner leave every record as it is, by that condition alone."""
    assert changed_by_strangers() == set()
    monkeypatch.setattr(stores, "IS_OWNED", Compare("status", "=", "in_progress"))
    assert {"Complete", "Release", "Park"} == {step for step, _ in changed_by_strangers()}


def describe_end(step: Any, found: Record | None, token: str | None) -> str:
    """What comes of a claim, up to where something is done or the message is settled."""
    match step:
        case Claim():
            return describe_end(lifecycle.advance(step, ask(step, found, token)[0]), found, token)
        case TakeOverLater():
            return f"later: {describe_end(Claim(takeover=True), found, token)}"
        case Settled(outcome, acknowledged):
            return f"{'acknowledged' if acknowledged else 'reported'}: `{outcome.value}`"
        case Run(claim):
            return "runs unclaimed" if claim is NOBODY else "runs"
    return {Wait: "waits for the lease", DeadLetter: "a copy is sent", Park: "to be parked"}[
        type(step)
    ]


def test_the_outcome_of_a_message() -> None:
    """The table says what each kind of claim comes to in each state."""
    lines = re.findall(
        r"^\| (.*) \|$", PAGE.partition("## The outcome of a message")[2], re.MULTILINE
    )
    columns, _, *rows = (line.split(" | ") for line in lines)
    assert columns == ["the record is", *CLAIMS]
    assert rows == [
        [state, *(describe_end(claim, found, token) for claim, token in CLAIMS.values())]
        for state, found in RECORDS.items()
    ]
