"""Each incident of the runbook is caused, and what the page says to run shows its cause."""

import re
from pathlib import Path
from typing import Any

import pytest

from .conftest import Consumer, Run
from .incidents import ALARMS, FOLLOWED, SECTIONS, Incident
from .incidents_page import (
    DOCS,
    OURS,
    RUNBOOK,
    Step,
    alarms,
    all_steps,
    find_alarm_steps,
    find_steps,
)
from .incidents_world import World

pytestmark = pytest.mark.slow

ALARMS_TF = (DOCS.parent / "alarms.tf").read_text(encoding="utf-8")
CASES = [
    pytest.param(incident, steps, id=f"{name}-{incident.plant.__name__}")
    for of, find in ((ALARMS, find_alarm_steps), (SECTIONS, find_steps))
    for name, incidents in of.items()
    for incident in incidents
    for steps in [find(name)]
]


@pytest.fixture
def world(
    consumer: Consumer, run: Run, monkeypatch: pytest.MonkeyPatch, capsys: Any, tmp_path: Path
) -> World:
    """A consumer that runs, in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return World(consumer, run, monkeypatch, capsys)


@pytest.mark.parametrize(("incident", "steps"), CASES)
def test_the_page_shows_the_cause(world: World, incident: Incident, steps: list[Step]) -> None:
    """The first step names the cause that was planted, and all of them say where it happened."""
    incident.plant(world)
    outputs = []
    for step in steps:
        if not step.changes:
            ended = world.follow(step)
            assert ended.code in {0, 1, 3, 7}, f"{step.text}: {ended.err}"
            outputs.append(ended.out + ended.err)
    for pattern in incident.first:
        assert re.search(pattern, outputs[0]), outputs[0]
    for pattern in incident.later:
        assert re.search(pattern, "\n".join(outputs)), "\n".join(outputs)


@pytest.mark.parametrize("name", FOLLOWED)
def test_the_page_is_followed_to_the_end(world: World, name: str) -> None:
    """Who runs what the page says, in its order, has a message that ran once and empty queues."""
    followed = FOLLOWED[name]
    followed.plant(world)
    steps = find_alarm_steps(followed.alarm) if followed.alarm else find_steps(followed.section)
    for step in steps:
        if not step.changes:
            world.follow(step)
    followed.repair(world)
    for words in followed.decisions:
        (step,) = {step for step in steps if step.ours == words}
        ended = world.follow(step)
        assert ended.code == 0, ended.out + ended.err
    world.drain()
    assert world.describe() == {
        "effects": {"ORDER-1": followed.effects},
        "records": {"orders#ORDER-1": "COMPLETED"},
        "messages": [],
    }


def test_every_alarm_has_an_incident() -> None:
    """Each alarm of the module has a row on the page and an incident here."""
    (names,) = re.findall(r"alarm_names = \[(.+?)\]", ALARMS_TF, re.DOTALL)
    assert set(ALARMS) == set(alarms()) == set(re.findall(r'"(\w+)"', names))


def test_everything_of_the_page_is_run() -> None:
    """An incident runs each command and each query of the page."""
    run = {step.text for case in CASES for step in case.values[1] if not step.changes}
    decided = {f"{OURS}{words}" for followed in FOLLOWED.values() for words in followed.decisions}
    assert {step.text for step in all_steps()} == run | decided
    blocks = re.findall(r"^ *```(\w*)\n(.+?)^ *```$", RUNBOOK, re.MULTILINE | re.DOTALL)
    assert all(kind == "sh" or text.startswith("filter ") for kind, text in blocks)
