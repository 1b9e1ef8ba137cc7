"""The protocol keeps its promises in every order of events; who does not is found out."""

import pytest

from .explorer import Scenario, explore
from .mutants import KNOWN_BAD, REDUNDANT, _conditions, mutants
from .scenarios import FULL, SMALL
from .world import Protocol

MUTANTS = dict(mutants())


@pytest.mark.slow
@pytest.mark.parametrize("scenario", FULL, ids=lambda scenario: scenario.name)
def test_production_holds(scenario: Scenario) -> None:
    """No order of deliveries and faults breaks a promise or strands a message."""
    findings = explore(scenario, Protocol())
    assert findings.violation is None, "\n".join(findings.story)
    assert findings.frontier == 0


@pytest.mark.parametrize("scenario", SMALL, ids=lambda scenario: scenario.name)
def test_production_holds_in_small(scenario: Scenario) -> None:
    """The scenarios that kill mutants do not kill production."""
    findings = explore(scenario, Protocol())
    assert findings.violation is None, "\n".join(findings.story)


@pytest.mark.slow
@pytest.mark.parametrize("name", MUTANTS)
def test_mutant_is_killed(name: str) -> None:
    """Breaking one rule breaks a promise, with a story that shows it."""
    found = [explore(scenario, MUTANTS[name]) for scenario in SMALL]
    killed = next(findings for findings in found if findings.violation)
    assert killed.story[-1] == killed.violation


@pytest.mark.parametrize("name", KNOWN_BAD)
def test_known_bad_protocol_is_flagged(name: str) -> None:
    """A protocol from the field breaks a promise within a few steps."""
    found = [explore(scenario, KNOWN_BAD[name]) for scenario in SMALL]
    shortest = min((each for each in found if each.violation), key=lambda each: len(each.story))
    assert len(shortest.story) < 8


def test_redundant_clauses_are_clauses() -> None:
    """What is excused as redundant is a clause that exists, by the name it would have."""
    excused = {f"{field} {name}" for field, name in REDUNDANT}
    assert len(excused) == 2
    assert not excused & {name for name, _ in _conditions()}
