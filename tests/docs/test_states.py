"""docs/states.md says what the code's own conditions and transitions make of a record."""

import re
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from idempotent_lambda.protocol import lifecycle, record
from idempotent_lambda.protocol.conditions import Compare, Missing, Or
from idempotent_lambda.protocol.record import Owner, Status, build_claim_condition
from idempotent_lambda.protocol.steps import (
    Claim,
    Complete,
    DeadLetter,
    MarkDeadLettered,
    Outcome,
    Park,
    Release,
    Run,
    Settled,
)
from idempotent_lambda_toolkit.testing import stores
from scripts import states
from scripts.states import Arrow, State

PAGE = states.PAGE.read_text()
NEVER = Compare("status", "=", "now_millis")
"""A condition that holds of no record."""

ANYBODY = Compare("status", "=", "in_progress")
"""One that does not ask for the owner."""


def drawn(page: str) -> set[tuple[str, str]]:
    """The ends of every arrow on the page."""
    return set(re.findall(r"^    (\S+) --> (\S+): ", page, re.MULTILINE))


def test_the_page_is_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    """What the code does now is what the page says."""
    code = states.main(["--check"])
    assert "".join(capsys.readouterr()) == ""
    assert code == 0


def test_the_arrows() -> None:
    """A record goes these ways and no others."""
    assert drawn(PAGE) == {
        ("[*]", "in_progress"),
        ("in_progress", "[*]"),
        ("in_progress", "stale"),
        ("in_progress", "completed"),
        ("in_progress", "parked"),
        ("stale", "[*]"),
        ("stale", "in_progress"),
        ("stale", "completed"),
        ("stale", "parked"),
        ("completed", "expired"),
        ("expired", "[*]"),
        ("expired", "in_progress"),
        ("parked", "in_progress"),
        ("parked", "dead_lettered"),
        ("dead_lettered", "in_progress"),
    }


def test_every_status_is_met() -> None:
    """Every status of the code comes about, and so does every state but that of a newer version."""
    scenes, _ = states.explore()
    assert set(scenes) == set(State) - {State.UNKNOWN}
    assert {scene.record.status for scene in scenes.values() if scene.record} == set(Status)


def changed_by_strangers() -> set[tuple[str, State]]:
    """The settlements, and the states of records, that change for somebody who is no owner."""
    stranger = Owner("stranger")
    steps = (
        Complete(stranger),
        Release(stranger, Outcome.FAILED),
        Park(stranger, "why"),
        MarkDeadLettered(stranger),
    )
    scenes, _ = states.explore()
    return {
        (type(step).__name__, scene.state)
        for step, scene in product(steps, scenes.values())
        if states.build_request(step, scene)[1] != scene
    }


def test_nobody_writes_another_owners_record(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settlements by anyone but the owner leave every record as it is, by that condition alone."""
    assert changed_by_strangers() == set()
    monkeypatch.setattr(stores, "IS_OWNED", ANYBODY)
    assert {"Complete", "Release", "Park"} == {step for step, _ in changed_by_strangers()}


def advancing(step: Any, follows: Any) -> Any:
    """`lifecycle.advance` with another end for a step of this type."""
    advance = lifecycle.advance
    return lambda one, reply: follows if isinstance(one, step) else advance(one, reply)


@pytest.mark.parametrize(
    ("user", "name", "broken", "arrow"),
    [
        (record, "IS_FREE", Or((Missing("id"),)), (State.EXPIRED, State.IN_PROGRESS)),
        (record, "IS_REDRIVEN", NEVER, (State.PARKED, State.IN_PROGRESS)),
        (stores, "IS_OWNED", NEVER, (State.STALE, State.COMPLETED)),
        (stores, "IS_PARKED_BY_OWNER", NEVER, (State.PARKED, State.DEAD_LETTERED)),
    ],
)
def test_another_condition_is_another_diagram(
    monkeypatch: pytest.MonkeyPatch, user: Any, name: str, broken: Any, arrow: tuple[State, State]
) -> None:
    """A condition that is changed takes its arrow away, and so the page is stale."""
    _, before = states.explore()
    assert arrow in {(each.source, each.target) for each in before}
    build_claim_condition.cache_clear()
    monkeypatch.setattr(user, name, broken)
    try:
        _, after = states.explore()
        assert arrow not in {(each.source, each.target) for each in after}
        assert states.diagram(after) != states.diagram(before)
    finally:
        build_claim_condition.cache_clear()


@pytest.mark.parametrize(
    ("step", "follows", "gone"),
    [
        (Claim, Settled(Outcome.IN_PROGRESS), "takeover"),
        (Run, Complete(Owner("first")), "park (PermanentFailure"),
        (Run, Settled(Outcome.COMPLETED), "complete (returned"),
        (DeadLetter, Settled(Outcome.PARKED), "copy sent"),
    ],
)
def test_another_transition_is_another_diagram(
    monkeypatch: pytest.MonkeyPatch, step: Any, follows: Any, gone: str
) -> None:
    """A transition that is changed changes the page, which is told and left as it is."""
    assert gone in PAGE
    monkeypatch.setattr(lifecycle, "advance", advancing(step, follows))
    _, arrows = states.explore()
    assert gone not in states.diagram(arrows)


def test_a_stale_page_is_told_and_put_right(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """An arrow that somebody drew is named by a check, and gone with a run."""
    page = tmp_path / "states.md"
    planted = "    completed --> [*]: forgotten\n"
    stale = PAGE.replace("    completed --> expired", f"{planted}    completed --> expired")
    assert stale != PAGE
    page.write_text(stale)
    assert states.main(["--check"], page=page) == 1
    assert f"-{planted}" in capsys.readouterr().out
    assert page.read_text() == stale
    assert states.main([], page=page) == 0
    assert page.read_text() == PAGE


def test_labels() -> None:
    """Causes of one arrow share a label, and those of one verb its brackets."""
    arrows = {
        Arrow(State.STALE, State.ABSENT, "TTL"),
        Arrow(State.STALE, State.ABSENT, "release (raised)"),
        Arrow(State.STALE, State.ABSENT, "release (no answer)"),
    }
    assert states.diagram(arrows) == (
        "```mermaid\n"
        "stateDiagram-v2\n"
        '    state "stale" as stale\n'
        "    stale --> [*]: TTL<br>release (no answer, raised)\n"
        "```"
    )
