"""docs/protocol.md and docs/runbook.md say what the code does."""

import re
from dataclasses import fields
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from idempotent_lambda import errors
from idempotent_lambda.clock import EpochMillis
from idempotent_lambda.protocol import claims
from idempotent_lambda.protocol.claims import Claimed
from idempotent_lambda.protocol.lifecycle import advance
from idempotent_lambda.protocol.record import Owner, Record, Status
from idempotent_lambda.protocol.steps import (
    NOBODY,
    Claim,
    Complete,
    DeadLetter,
    DeadLettered,
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
    Step,
    TakeOverLater,
    Unanswered,
    Unkeyed,
    Wait,
    Waited,
)

ROOT = Path(__file__).parents[2]
PROTOCOL = (ROOT / "docs" / "protocol.md").read_text()
RUNBOOK = (ROOT / "docs" / "runbook.md").read_text()

ME, LEASE_END = Owner("me"), EpochMillis(1)
CLAIM, MINE = Claim(), Claimed(ME, 1)
ACTIONS = ({"Delete": {"TableName": "orders", "Key": {"id": {"S": "a"}}}},)
STEPS: list[Step] = [
    *(
        Claim(park_interrupted=p, wait_for_lease=w, observe_only=o)
        for p, w, o in product([True, False], repeat=3)
    ),
    Wait(CLAIM, LEASE_END),
    Run(MINE),
    Run(NOBODY, observed=True),
    Complete(ME),
    Complete(ME, observed=True),
    Complete(ME, actions=ACTIONS),
    Release(ME, Outcome.FAILED),
    Park(ME, "why"),
    DeadLetter(ME),
    MarkDeadLettered(ME),
]
UNWRITTEN, PERHAPS = (
    Unanswered(ME, errors.StoreUnavailableError("Test", "on purpose", maybe_written=maybe))
    for maybe in (False, True)
)
REPLIES: list[Reply] = [
    MINE,
    claims.Duplicate(),
    claims.InProgress(LEASE_END),
    claims.Stale(1, ME),
    claims.Parked(ME),
    claims.Parked(ME, dead_lettered=True),
    claims.Mismatch(),
    claims.Stray(),
    claims.Completed(),
    claims.Released(),
    claims.LostLease(completed=False),
    claims.LostLease(completed=True),
    Unkeyed(errors.MissingKeyError(None, "nothing")),
    Returned(),
    Raised(ValueError()),
    Raised(errors.PermanentFailure()),
    Interrupted(SystemExit()),
    DeadLettered(),
    Waited(in_time=True),
    Waited(in_time=False),
    UNWRITTEN,
    PERHAPS,
]


def place(state: Any) -> str:
    """Where the diagram has a step or an end."""
    match state:
        case Settled(acknowledged=acknowledged):
            return "acknowledged" if acknowledged else "reported"
        case _:
            return type(state).__name__


def arrows() -> set[tuple[str, str]]:
    """Every arrow that the code draws; the plan draws the arrows of later takeovers."""
    found = set()
    for step, reply in product(STEPS, REPLIES):
        try:
            following = advance(step, reply)
        except TypeError:
            continue
        if not isinstance(following, TakeOverLater):
            found.add((place(step), place(following)))
    return found


def test_diagram() -> None:
    """The diagram of one key has exactly the arrows that the code draws, and the plan's."""
    (diagram,) = re.findall(r"```mermaid\nstateDiagram-v2\n(.*?)```", PROTOCOL, re.DOTALL)
    drawn = re.findall(r"^ +(\w+) --> (\w+)(.*)$", diagram, re.MULTILINE)
    assert {(one, other) for one, other, text in drawn if "(plan)" not in text} == arrows()


def test_every_step_is_tried() -> None:
    """No step or reply of the code is left out when arrows are drawn."""
    assert {type(each) for each in STEPS} == set(Step.__args__)
    every = {*Reply.__args__, *claims.ClaimOutcome.__args__}
    assert {type(each) for each in REPLIES} == every


def rows(page: str, heading: str) -> list[list[str]]:
    """The cells of the first table behind a heading, without its header."""
    section = re.split(rf"^{heading}$", page, maxsplit=1, flags=re.MULTILINE)[1]
    lines = re.findall(r"(?:^\|.*\|\n)+", section, re.MULTILINE)[0].splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_record() -> None:
    """The table of the record names every attribute with its type, and every status."""
    reported = {
        name: kind
        for names, kind, _ in rows(PROTOCOL, "## Record")
        for name in re.findall(r"`(\w+)`", names)
    }
    texts = {"id", "status", "owner", "payload_hash", "result", "reason", "unlocked_by"}
    kinds = dict.fromkeys(texts, "S") | {"copy_tokens": "SS"}
    reported["id"] = reported["id"][0]
    assert reported == {each.name: kinds.get(each.name, "N") for each in fields(Record)}
    (status,) = (text for names, _, text in rows(PROTOCOL, "## Record") if names == "`status`")
    assert set(re.findall(r"`(\w+)`", status)) == {each.value for each in Status}


def test_outcomes() -> None:
    """The runbook says of every outcome what to do, and of no other."""
    reported = [row[0].strip("`") for row in rows(RUNBOOK, "## The log")]
    assert sorted(reported) == sorted(each.value for each in Outcome)


@pytest.mark.parametrize(
    "name",
    [
        "AlreadyInProgressError", "InvalidResultError", "LostLeaseError", "ParkedError",
        "PayloadMismatchError", "PermanentFailure", "ResultUnavailableError", "StoreError",
        "MissingKeyError",
    ],
)  # fmt: skip
def test_errors_of_a_decorated_function(name: str) -> None:
    """The runbook says what to do about each error that only a decorated function raises."""
    assert issubclass(getattr(errors, name), errors.IdempotencyError)
    reported = [row[0] for row in rows(RUNBOOK, "## Errors of a decorated function")]
    assert any(f"`{name}`" in each for each in reported)
