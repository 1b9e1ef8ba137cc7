"""The protocol keeps its promises in every order of events; every broken protocol is found."""

from dataclasses import replace

import pytest

from idempotent_lambda.protocol.record import Owner
from idempotent_lambda.protocol.steps import Complete, Run
from idempotent_lambda.sources.message import Message
from idempotent_lambda.store.transaction import Transaction

from . import counter, promises
from .explorer import Exploration, Scenario, explore
from .mutants import KNOWN_BAD, REDUNDANT, _conditions, mutants
from .scenarios import FULL, SMALL, SOONEST, UNSTOPPED, hunting_grounds
from .world import DEADLINE, MARGIN, Protocol, World

MUTANTS = dict(mutants())


LONGEST = {
    "a copy is given up again",
    "a liar comes before a copy, and parks",
    "a liar comes with a copy",
    "two batches, two crashes",
    "three in one batch",
    "a batch that is delivered twice",
    "two batches, a late owner",
    "two deliveries, every fault",
    "two batches of three, a crash",
    "two windows, every fault",
    "two windows, two at the same time",
    "two at the same time, no flusher",
    "a key in two groups, delivered twice",
    "two messages with one key",
}
"""Left to ``make simulate``, which runs all: together they take a minute."""

SHORTEST = {
    "two batches, a fast clock",
    "two batches, a clock that is behind",
    "two crashes before a batch",
    "a newer version at the same time",
    "three deliveries, a fast clock",
    "three deliveries, a clock that is behind",
    "park mode, a clock that is behind",
    "park mode, two crashes",
    "given up, and heard late",
    "transactions in two batches",
    "a group of three",
    "a group, two at the same time",
    "a group that fails while it waits",
    "waits, then parks",
    "three windows, every fault",
    "four in two windows",
    "two windows, no flusher",
    "a key in two groups, four windows",
    "a key twice in its group, every fault",
    "a liar before the one it names",
    "a liar in a group",
    "a copy in park mode, a late owner",
    "a copy that comes with what it copies",
    "twin copies in one batch",
    "parked by an interruption, then redriven",
    "an operator completes what is parked",
    "a newer version and a copy",
    "a copy after the retention",
}
"""Of every kind those that take least; ``make test`` runs no others."""

ASKS_TIME = "the lease has no margin, because claims go by the table's clock"

OLD_RULES = MUTANTS["what is overdue stops the batch, and nobody flushes it"]

PROMISES = {
    "a full window starts more": "bound",
    "completions in flight are not counted": "bound",
    "the next window is claimed over what has returned": "window",
    "the next window is claimed over what is given up": "window",
    "what is given up is forgotten at a window's border": "window",
    "nothing bounds what has returned": "window",
    "a window claims more than it may": "window",
    "blocked items of the next window are claimed": "order",
    "a repeated key is claimed together with its first": "P4",
    "a failure stops the batch": "P9",
    "what follows a done message is blocked": "P9",
    "every stale record is deferred": "P9",
    "equal keys share an end whatever lies between": "order",
    "a repeated key follows only its first": "order",
    "a message does not follow its group": "order",
    "all messages of a group have one stage": "order",
    "a key that repeats keeps the order of one group": "order",
    "a key that is found done passes a failure": "order",
    "what is overdue stops the batch": "P9",
    "what is overdue in flight gets no second": "P9",
    "what is overdue in flight is ignored": "bound",
    "what is overdue is not flushed": "bound",
    "what is overdue waits for a flusher": "liveness",
    "what is overdue waits for a run of another thread": "bound",
    "what is overdue stops the batch, and nobody flushes it": "P9",
    "a stated key counts though there is no record": "P1",
    "a stated key counts though another was at it": "P1",
    "what is no copy is a duplicate": "P1",
    "what is no copy keeps the key that it states": "P1",
    "what states a key shares the end of what has it": "P1",
    "what has a key follows what only states it": "P9",
    "what states a key ends the order of two groups": "order",
    "stated without 'owner = token' of 'redriven'": "park",
    "an older copy unlocks what is parked again": "park",
    "stated without 'no newer copy's' of 'stale' of 'expired or stale' of 'claimed before'": (
        "park"
    ),
    "the tokens of copies are not kept": "P5",
    "nobody notes who has unlocked a record": "P5",
    "only what has claimed its record is known as a copy": "P5",
    "only the newest copy is known as one": "P5",
    "what a newer version has written is no copy's": "P5",
    "an ordinary claim takes over what belongs to a copy": "P5",
    "what belongs to a copy is deleted when it is released": "P5",
}
"""The promise that a mutant breaks, where one rule keeps one promise."""


def test_longest() -> None:
    """The scenarios of ``make simulate`` and ``make test`` exist."""
    assert {scenario.name for scenario in FULL} > LONGEST | SHORTEST


@pytest.mark.slow
@pytest.mark.parametrize(
    "scenario",
    [
        pytest.param(
            scenario,
            id=scenario.name,
            marks=[pytest.mark.extended] * (scenario.name not in SHORTEST),
        )
        for scenario in FULL
        if scenario.name not in LONGEST
    ],
)
def test_production_holds(scenario: Scenario) -> None:
    """No order of deliveries and faults breaks a promise or strands a message."""
    findings = explore(scenario, Protocol())
    assert findings.violation is None, "\n".join(findings.story)
    assert findings.frontier == 0


@pytest.mark.slow
@pytest.mark.parametrize("scenario", SMALL, ids=lambda scenario: scenario.name)
def test_production_holds_in_small(scenario: Scenario) -> None:
    """The scenarios that kill mutants do not kill production."""
    findings = explore(scenario, Protocol())
    assert findings.violation is None, "\n".join(findings.story)


@pytest.mark.slow
@pytest.mark.proof
@pytest.mark.parametrize("name", MUTANTS)
def test_mutant_is_killed(name: str) -> None:
    """Breaking one rule breaks a promise, with a story that shows it."""
    found = (explore(scenario, MUTANTS[name]) for scenario in hunting_grounds(name))
    killed = next(findings for findings in found if findings.violation)
    assert killed.violation is not None
    assert killed.story[-1] == killed.violation
    assert killed.violation.startswith(PROMISES.get(name, ""))


@pytest.mark.slow
@pytest.mark.proof
@pytest.mark.parametrize("name", KNOWN_BAD)
def test_known_bad_protocol_is_flagged(name: str) -> None:
    """A protocol from the field breaks a promise within a few steps."""
    found = [explore(scenario, KNOWN_BAD[name]) for scenario in SMALL]
    shortest = min((each for each in found if each.violation), key=lambda each: len(each.story))
    assert len(shortest.story) < 8


@pytest.mark.parametrize(
    "scenario",
    [scenario for scenario in SMALL if scenario.deliveries == ("A", "A")],
    ids=lambda scenario: scenario.name,
)
def test_only_a_slow_holder_needs_the_margin_of_a_correct_claimant(scenario: Scenario) -> None:
    """Without a margin and with claims by the table's clock, only a slow holder is overlapped."""
    findings = explore(scenario, MUTANTS[ASKS_TIME])
    if scenario.budget.behind:
        assert findings.violation == "P2: worker 1 starts A while the lease of worker 0 is live"
        assert findings.story[0] == "worker 0 receives A with a clock that is behind"
    else:
        assert findings.violation is None


@pytest.mark.parametrize("name", ["a fast clock", "a clock that is behind"])
def test_the_margin_is_no_larger_than_it_must_be(name: str) -> None:
    """A margin that is a millisecond smaller than the error of either clock breaks P2."""
    for missing, is_safe in ((0, True), (1, False)):
        protocol = Protocol(lease=DEADLINE + MARGIN - missing)
        findings = explore(_scenario(name), protocol)
        assert (findings.violation is None) is is_safe


@pytest.mark.slow
@pytest.mark.parametrize("scenario", UNSTOPPED, ids=lambda scenario: scenario.name)
def test_runs_that_nothing_stops_overlap(scenario: Scenario) -> None:
    """Every promise holds where nothing stops a run, but two runs of a key occur at once."""
    exploration = Exploration(scenario, Protocol())
    findings = exploration.findings()
    assert findings.violation is None, "\n".join(findings.story)
    assert findings.frontier == 0
    assert any(map(_is_run_twice, _decoded(exploration)))


@pytest.mark.parametrize(
    "scenario",
    [each for each in SMALL if each.deliveries == ("A", "A") and not each.budget.late],
    ids=lambda scenario: scenario.name,
)
def test_runs_that_end_at_their_timeout_never_overlap(scenario: Scenario) -> None:
    """Where Lambda stops a run at its timeout, no two runs of a key occur at once."""
    worlds = _worlds(scenario.name)
    assert not any(map(_is_run_twice, worlds))


def test_hunting_grounds_exist() -> None:
    """Each first place of a search names a mutant and a scenario that exist."""
    assert MUTANTS.keys() >= SOONEST.keys()
    assert {scenario.name for scenario in SMALL} >= set(SOONEST.values())


def test_promises_are_those_of_mutants() -> None:
    """Each mutant that must break a certain promise exists."""
    assert MUTANTS.keys() >= PROMISES.keys()


def test_rules_of_old_refuse_for_no_reason() -> None:
    """Without a flusher, a quick batch was stopped once a completion was overdue."""
    findings = explore(_scenario("one window, quick"), OLD_RULES)
    assert findings.violation == "P9: C is reported as not_started, for no reason"


def test_rules_of_old_bound_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Window after window was run, while nothing of what had returned was confirmed."""
    monkeypatch.setattr(promises, "_check_border", lambda _: None)
    findings = explore(_scenario("two windows"), OLD_RULES)
    assert findings.violation == "bound: a processor starts while as much is in doubt as may be"


def test_redundant_clauses_are_clauses() -> None:
    """No mutant leaves out a clause that is excused as redundant."""
    excused = {f"{field} {name}" for field, name in REDUNDANT}
    assert len(excused) == 5
    assert not excused & {name for name, _ in _conditions()}


def test_all_that_may_be_in_doubt_at_once_occurs() -> None:
    """In some state, completions are in flight and gathered while a processor runs."""
    worlds = _worlds("one batch of three")
    assert any(
        worker.flight and worker.plan.returned and isinstance(worker.main[0].step, Run)
        for world in worlds
        for worker in world.workers
        if worker and worker.main
    )


def test_both_threads_complete_at_once_in_some_state() -> None:
    """The main thread takes the last completions while the flusher still has earlier ones."""
    worlds = _worlds("one batch")
    assert any(
        worker.flight and worker.main and isinstance(worker.main[0].step, Complete)
        for world in worlds
        for worker in world.workers
        if worker
    )


def test_a_full_window_occurs_before_the_end() -> None:
    """In some state as much has returned as may, and more is to be claimed."""
    assert any(
        worker.plan.is_full and worker.plan.has_unclaimed
        for world in _worlds("two windows")
        for worker in world.workers
        if worker
    )


def test_a_completion_in_flight_is_overdue_in_some_state() -> None:
    """The main thread waits for the flusher, which has its second."""
    assert any(
        worker.due and worker.flight and worker.plan.ready and not worker.main
        for world in _worlds("one window, time passes")
        for worker in world.workers
        if worker
    )


def test_a_repeated_key_is_found_done_in_its_turn() -> None:
    """In some state the second item of a key is acknowledged because the first has done it."""
    assert any(
        worker.acknowledged >= {0, 2}
        for world in _worlds("a key in two groups")
        for worker in world.workers
        if worker
    )


def test_workers_are_interchangeable() -> None:
    """Worlds that differ only in who is in which place are one state, and come back as it."""
    exploration = _explored("two deliveries")
    encoding = exploration.encoding
    for encoded in exploration.worlds:
        world = encoding.decode(encoded)
        assert encoding.encode(world) == encoded
        assert encoding.encode(_swapped(world)) == encoded


def test_a_counter_is_exact_at_random() -> None:
    """A counter written through the transaction equals the number of messages after any fault."""
    counts, wrong = counter.runs(range(500))
    assert wrong == []
    rare = {name: counts[name] for name in counter.CHANCES if counts[name] < 5}
    assert rare == {}


def test_a_counter_of_its_own_is_found_wrong() -> None:
    """A counter that is written outside the transaction counts some messages twice."""

    def concurrent(world: counter.World, _: Transaction, message: Message) -> None:
        for name in (message.body["id"], counter.TOTAL):
            world.counted(name)

    _, wrong = counter.runs(range(20), concurrent)
    assert any("is counted twice" in story for story in wrong)


def _scenario(name: str) -> Scenario:
    return next(each for each in SMALL if each.name == name)


def _explored(name: str) -> Exploration:
    exploration = Exploration(_scenario(name), Protocol())
    assert exploration.findings().violation is None
    return exploration


def _worlds(name: str) -> list[World]:
    return _decoded(_explored(name))


def _decoded(exploration: Exploration) -> list[World]:
    return [exploration.encoding.decode(encoded) for encoded in exploration.worlds]


def _is_run_twice(world: World) -> bool:
    calls = [call for worker in world.workers if worker for call in worker.calls]
    running = [call.item.key.text for call in calls if isinstance(call.step, Run)]
    return len(running) > len(set(running))


def _swapped(world: World) -> World:
    """The world with its two workers in each other's places."""
    places = {"w0": "w1", "w1": "w0"}
    records = tuple(
        record and replace(record, owner=Owner(places.get(record.owner, record.owner)))
        for record in world.records
    )
    return world._replace(workers=world.workers[::-1], records=records)
