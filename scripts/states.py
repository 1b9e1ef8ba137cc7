"""Writes the states of a record into docs/states.md: ``make docs``.

    python -m scripts.states [--check]

Nothing is drawn by hand: every kind of claim is made on every record that can come about, and
`lifecycle.advance` says what follows each answer, until no new record comes about. The store is the
one in memory, which decides by the conditions of `idempotent_lambda.protocol.record`.

With ``--check`` nothing is written: it says what differs.
"""

import argparse
import difflib
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from itertools import product
from pathlib import Path
from typing import Any, Final, cast

from idempotent_lambda.clock import Deadline, EpochMillis, Millis, Seconds
from idempotent_lambda.errors import PermanentFailure, StoreError, StoreUnavailableError
from idempotent_lambda.protocol import claims, lifecycle
from idempotent_lambda.protocol.conditions import evaluate
from idempotent_lambda.protocol.record import IS_EXPIRED, IS_STALE, Owner, Record, Status
from idempotent_lambda.protocol.requests import ClaimRequest, Request
from idempotent_lambda.protocol.steps import (
    NOBODY,
    Claim,
    Complete,
    DeadLetter,
    DeadLettered,
    End,
    Interrupted,
    MarkDeadLettered,
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
from idempotent_lambda_toolkit.testing import InMemoryClaimStore, ManualClock
from scripts.pages import render, table

PAGE: Final = Path(__file__).resolve().parents[1] / "docs" / "states.md"
START: Final = EpochMillis(1_000_000)
LEASE: Final = Millis(30_000)
RETENTION: Final = Seconds(3600)
ID: Final = "orders#a"
AT_ONCE: Final = Deadline.from_remaining(ManualClock(), LEASE)
SILENCE: Final = StoreUnavailableError("Timeout", "no answer", maybe_written=True)
ACTIONS: Final = ({"Delete": {"TableName": "orders", "Key": {"id": {"S": "a"}}}},)


class State(StrEnum):
    """A state of the record of one key."""

    ABSENT = "no record"
    IN_PROGRESS = "in progress"
    STALE = "stale"
    COMPLETED = "completed"
    EXPIRED = "expired"
    PARKED = "parked"
    DEAD_LETTERED = "parked, copy sent"
    UNKNOWN = "of a newer version"


@dataclass(frozen=True)
class Scene:
    """A record at a moment."""

    record: Record | None
    now: EpochMillis

    @property
    def state(self) -> State:  # noqa: PLR0911  # a row each
        """By the conditions of claims themselves."""
        asked = Request(record_id=ID, owner=Owner(""), now=self.now, retention=RETENTION).operands
        if evaluate(IS_EXPIRED, self.record, asked):
            return State.EXPIRED
        if evaluate(IS_STALE, self.record, asked):
            return State.STALE
        match self.record:
            case None:
                return State.ABSENT
            case Record(status=Status.IN_PROGRESS):
                return State.IN_PROGRESS
            case Record(status=Status.COMPLETED):
                return State.COMPLETED
            case Record(status=Status.PARKED, dead_lettered_at=None):
                return State.PARKED
            case Record(status=Status.PARKED):
                return State.DEAD_LETTERED
            case _:
                return State.UNKNOWN


@dataclass(frozen=True, order=True)
class Arrow:
    """One way from a state to another, and what takes it."""

    source: State
    target: State
    cause: str


CLAIMS: Final = [
    Claim(
        park_interrupted=park_interrupted, wait_for_lease=wait_for_lease, observe_only=observe_only
    )
    for park_interrupted, wait_for_lease, observe_only in product([False, True], repeat=3)
]
RUNS: Final[list[Reply]] = [
    Returned(),
    Returned(actions=ACTIONS),
    Raised(ValueError()),
    Raised(PermanentFailure()),
    Interrupted(SystemExit()),
]


def main(arguments: Sequence[str] | None = None, *, page: Path = PAGE) -> int:
    """Write the page's sections, or compare them; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing, say what differs")
    check = parser.parse_args(arguments).check
    old = page.read_text(encoding="utf-8")
    new = render(old, sections())
    if check and old != new:
        before, after = old.splitlines(), new.splitlines()
        print(*difflib.unified_diff(before, after, page.name, "make docs", lineterm=""), sep="\n")
        return 1
    if old != new:
        page.write_text(new, encoding="utf-8")
        print(f"wrote docs/{page.name}")
    return 0


def sections() -> dict[str, str]:
    """The page's generated sections, by name."""
    scenes, arrows = explore()
    return {"states": diagram(arrows), "claims": answers(scenes)}


def explore() -> tuple[dict[State, Scene], set[Arrow]]:
    """A scene of every state that can come about, and every arrow between them."""
    seen: dict[State, Scene] = {}
    arrows: set[Arrow] = set()
    waiting = [Scene(None, START)]
    while waiting:
        scene = waiting.pop()
        if scene.state in seen:
            continue
        seen[scene.state] = scene
        for arrow, following in (*_list_time_arrows(scene), *_list_claim_arrows(scene)):
            arrows.add(arrow)
            waiting.append(following)
    return {state: seen[state] for state in State if state in seen}, arrows


def _list_time_arrows(scene: Scene) -> Iterator[tuple[Arrow, Scene]]:
    """What becomes of a record that nobody touches."""
    record = scene.record
    if record is None:
        return
    if record.lease_expires_at is not None:
        yield from _connect(scene, Scene(record, record.lease_expires_at), "lease ends")
    if record.expires_at is not None:
        over = Scene(record, EpochMillis(record.expires_at * 1000))
        if record.lease_expires_at is None:
            yield from _connect(scene, over, "retention ends")
        # Where something else comes first, that is another scene's.
        if over.state == scene.state:
            yield from _connect(over, Scene(None, over.now), "TTL")


def _list_claim_arrows(scene: Scene) -> Iterator[tuple[Arrow, Scene]]:
    """What becomes of it by each kind of claim, with the token of a copy and without."""
    for claim, token in product(CLAIMS, (None, _token(scene))):
        yield from _follow(claim, scene, token=token, why="")


def _token(scene: Scene) -> str | None:
    """What a copy bears that was sent when the record was parked."""
    return scene.record.owner if scene.record else None


def _connect(one: Scene, other: Scene, cause: str) -> Iterator[tuple[Arrow, Scene]]:
    if one.state != other.state:
        yield Arrow(one.state, other.state, cause), other


def _follow(
    step: Step | End, scene: Scene, *, token: str | None, why: str
) -> Iterator[tuple[Arrow, Scene]]:
    """Every arrow from a step on, through whatever may be answered."""
    match step:
        case Settled():
            return
        case TakeOverLater():
            yield from _follow(Claim(takeover=True), scene, token=token, why=why)
        case Run() | DeadLetter() | Wait():
            for answer, later in _replies(step, scene):
                following = lifecycle.advance(step, answer)
                reported = _describe_reply(step, answer) or why
                yield from _follow(following, later, token=token, why=reported)
        case _:
            reply, then = build_request(step, scene, token=token)
            yield from _connect(scene, then, _cause(step, scene, why))
            lost = Unanswered(_owner(step, scene), SILENCE)
            # An answer is lost behind the write, or before it.
            for answer, later in ((reply, then), (lost, then), (lost, scene)):
                following = lifecycle.advance(step, answer)
                reported = _describe_reply(step, answer) or why
                yield from _follow(following, later, token=token, why=reported)


def _replies(step: Run | DeadLetter | Wait, scene: Scene) -> Iterator[tuple[Reply, Scene]]:
    """What may come of a step that asks nothing of the table, and the scene then."""
    match step:
        case Run():
            for reply in RUNS:
                yield reply, scene
                yield reply, replace(scene, now=EpochMillis(scene.now + LEASE))
        case DeadLetter():
            yield DeadLettered(), scene
            yield Unanswered(step.owner, SILENCE), scene
        case Wait():
            yield Waited(in_time=False), scene
            yield Waited(in_time=True), replace(scene, now=step.lease_expires_at)


def build_request(
    step: Claim | Settlement, scene: Scene, *, token: str | None = None
) -> tuple[Reply, Scene]:
    """What the table answers to a step, and the scene then."""
    store = InMemoryClaimStore()
    store.commit = lambda _: None
    if scene.record is not None:
        store.records[ID] = scene.record
    owner = _owner(step, scene)
    about: dict[str, Any] = {"record_id": ID, "now": scene.now, "retention": RETENTION}
    request: Request
    if isinstance(step, Claim):
        lease_end = EpochMillis(scene.now + LEASE)
        about |= {"owner": owner, "lease_expires_at": lease_end, "takeover": step.takeover}
        request = ClaimRequest(**about, token=token)
    else:
        request = lifecycle.build_settlement_request(step, **about)
    methods: dict[type, Any] = {
        Claim: store.claim,
        Complete: store.complete,
        Release: store.release,
        Park: store.park,
        MarkDeadLettered: store.mark,
    }
    (answer,) = methods[type(step)]([request], AT_ONCE)
    reply = Unanswered(owner, answer) if isinstance(answer, StoreError) else answer
    return cast("Reply", reply), Scene(store.records.get(ID), scene.now)


def _owner(step: Claim | Settlement, scene: Scene) -> Owner:
    """Who asks: of a claim, somebody new."""
    if isinstance(step, Claim):
        return Owner(f"next to {scene.record.owner}" if scene.record else "first")
    return step.owner


def _describe_reply(step: Step, reply: Reply) -> str:
    """A reply as the reason of what follows; empty where what was before stays the reason."""
    match step, reply:
        case _, Returned():
            return "returned"
        case Run(observed=False), Raised(PermanentFailure()):
            return "PermanentFailure"
        case _, Raised():
            return "raised"
        case _, Unanswered():
            return "no answer"
        case _, claims.Stale():
            return "park mode"
        case _:
            return ""


def _cause(step: Claim | Settlement, scene: Scene, why: str) -> str:
    """What a step does, as the label of its arrow."""
    match step:
        case Claim() if scene.state == State.STALE:
            return "takeover"
        case Claim() if scene.state in (State.PARKED, State.DEAD_LETTERED):
            return "claim with the copy's token"
        case Claim():
            return "claim"
        case MarkDeadLettered():
            return "copy sent"
        case Complete() | Release() | Park():
            return f"{type(step).__name__.lower()} ({why})"


def diagram(arrows: set[Arrow]) -> str:
    """The states and arrows, in Mermaid."""
    names = {state: state.name.lower() for state in State} | {State.ABSENT: "[*]"}
    pairs = dict.fromkeys((one.source, one.target) for one in _sort_arrows(arrows))
    lines = [f'    state "{state.value}" as {names[state]}' for state in _draw(arrows)]
    for source, target in pairs:
        causes = sorted(
            each.cause for each in arrows if (each.source, each.target) == (source, target)
        )
        lines.append(f"    {names[source]} --> {names[target]}: {_join_causes(causes)}")
    return "\n".join(["```mermaid", "stateDiagram-v2", *lines, "```"])


def _sort_arrows(arrows: set[Arrow]) -> list[Arrow]:
    places = list(State)
    return sorted(
        arrows, key=lambda each: (places.index(each.source), places.index(each.target), each.cause)
    )


def _draw(arrows: set[Arrow]) -> list[State]:
    ends = {end for each in arrows for end in (each.source, each.target)}
    return [state for state in State if state in ends and state != State.ABSENT]


def _join_causes(causes: Sequence[str]) -> str:
    """Several causes as one label; those of one verb share it."""
    verbs: dict[str, list[str]] = {}
    for cause in causes:
        verb, _, why = cause.partition(" (")
        verbs.setdefault(verb, []).append(why.rstrip(")"))
    return "<br>".join(
        f"{verb} ({', '.join(whys)})" if any(whys) else verb for verb, whys in verbs.items()
    )


def answers(scenes: dict[State, Scene]) -> str:
    """What a message comes to that meets a record in each state, as a table."""
    kinds = {
        "usually": Claim(),
        '`on_interrupted = "park"`': Claim(park_interrupted=True),
        "no visibility timeout": Claim(wait_for_lease=True),
        "observe mode": Claim(observe_only=True),
    }
    newer = replace(cast("Record", scenes[State.IN_PROGRESS].record), status="NEWER")
    found = {**scenes, State.UNKNOWN: Scene(newer, START)}
    rows = [
        [
            state.value,
            *(_end(claim, scene) for claim in kinds.values()),
            _end(Claim(), scene, token=_token(scene)),
        ]
        for state, scene in found.items()
    ]
    return table(["the record is", *kinds, "redriven copy"], rows)


def _end(  # noqa: PLR0911  # a row each
    step: Step | End, scene: Scene, *, token: str | None = None
) -> str:
    """What comes of a claim, up to where something is done or the message is settled."""
    match step:
        case TakeOverLater():
            return f"later: {_end(Claim(takeover=True), scene, token=token)}"
        case Claim():
            reply, _ = build_request(step, scene, token=token)
            return _end(lifecycle.advance(step, reply), scene, token=token)
        case Settled(outcome, acknowledged):
            return f"{'acknowledged' if acknowledged else 'reported'}: `{outcome.value}`"
        case Run(claim):
            return "runs unclaimed" if claim is NOBODY else "runs"
        case Wait():
            return "waits for the lease"
        case DeadLetter():
            return "a copy is sent"
        case _:
            return f"to be {type(step).__name__.lower()}ed"


if __name__ == "__main__":
    sys.exit(main())
