"""Visits every state that a few deliveries and faults can lead to."""

from dataclasses import dataclass

from idempotent_lambda.claims import Status
from idempotent_lambda.clock import Seconds

from .world import KEYS, RETENTION, Budget, Physics, Protocol, ViolationError, World, beginning


@dataclass(frozen=True)
class Scenario:
    """What is explored.

    Attributes:
        deliveries: the keys of each delivery: "A" a single message, "AB" a batch of two.
    """

    name: str
    deliveries: tuple[str, ...]
    budget: Budget
    retention: Seconds = RETENTION


@dataclass(frozen=True)
class Findings:
    """What an exploration found.

    Attributes:
        states: distinct states visited.
        frontier: states not expanded; 0 means that there is nothing more.
        violation: the first broken promise, with the shortest story that leads to it.
    """

    states: int
    frontier: int
    violation: str | None
    story: tuple[str, ...] = ()


def explore(scenario: Scenario, protocol: Protocol, *, most: int = 3_000_000) -> Findings:
    """Visit all states breadth first, so that the first violation has the shortest story."""
    physics = Physics(protocol)
    first = beginning(scenario.deliveries, scenario.budget, scenario.retention)
    numbers: dict[World, int] = {first: 0}
    worlds = [first]
    parents: list[tuple[int, str]] = [(-1, "")]
    at = 0
    while at < len(worlds) and len(worlds) < most:
        moves = physics.moves(worlds[at])
        while True:
            try:
                move = next(moves, None)
            except ViolationError as violation:
                story = (*_story(parents, at), str(violation))
                return Findings(len(worlds), len(worlds) - at, str(violation), story)
            if move is None:
                break
            if move.world not in numbers:
                numbers[move.world] = len(worlds)
                worlds.append(move.world)
                parents.append((at, move.story))
        at += 1
    frontier = len(worlds) - at
    fates: dict[World, bool] = {}
    for number in range(at):
        told: list[str] = []
        problem = _stuck(physics, worlds[number], fates, told)
        if problem:
            story = (*_story(parents, number), *told, problem)
            return Findings(len(worlds), frontier, problem, story)
    return Findings(len(worlds), frontier, None)


def _stuck(physics: Physics, world: World, fates: dict[World, bool], told: list[str]) -> str | None:
    """What goes wrong if nothing bad happens any more, redeliveries included; None if all ends."""
    path = []
    while world not in fates:
        fates[world] = _settled(world)  # going in a circle settles nothing
        path.append(world)
        if fates[world]:
            break
        try:
            story, following = _calm(physics, world)
        except ViolationError as violation:
            return str(violation)
        if following is None:
            break
        told.append(story)
        world = following
    for each in path:
        fates[each] = fates[world]
    return None if fates[world] else "liveness: without further faults it is never completed"


def _calm(physics: Physics, world: World) -> tuple[str, World | None]:
    for move in physics.moves(world):
        if move.calm:
            return move.story, move.world
    return "the queue delivers again what is not acknowledged", physics.redelivery(world)


def _settled(world: World) -> bool:
    """Whether every message is acknowledged and completed, or parked by somebody."""
    return all(
        (record is not None and record.status not in set(Status))
        or (facts.completed and key not in world.unacknowledged)
        for key, record, facts in zip(KEYS, world.records, world.facts, strict=False)
    )


def _story(parents: list[tuple[int, str]], at: int) -> tuple[str, ...]:
    told = []
    while at > 0:
        at, story = parents[at]
        told.append(story)
    return tuple(reversed(told))
