"""Visits every state that a few deliveries and faults can lead to."""

from dataclasses import dataclass

from idempotent_lambda.protocol.record import Status

from .batches import KEYS
from .encoding import Encoded, Encoding
from .transitions import Transitions
from .world import PLAIN, Budget, Protocol, Terms, ViolationError, World, beginning


@dataclass(frozen=True)
class Scenario:
    """What is explored.

    Attributes:
        deliveries: the messages of each delivery, see `batches`: "A" a single one, "AB" a batch of
            two; small letters are messages that were delivered before.
    """

    name: str
    deliveries: tuple[str, ...]
    budget: Budget
    terms: Terms = PLAIN


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


MOST = 3_000_000
"""States, before an exploration leaves the rest unexpanded."""


def explore(scenario: Scenario, protocol: Protocol) -> Findings:
    """Visit all states breadth first, so that the first violation has the shortest story."""
    return Exploration(scenario, protocol).findings()


class Exploration:
    """The states of a scenario under a protocol."""

    def __init__(self, scenario: Scenario, protocol: Protocol) -> None:
        self.transitions = Transitions(protocol)
        self.first = beginning(scenario.deliveries, scenario.budget, scenario.terms)
        self.encoding = Encoding(self.first)
        self.worlds: list[Encoded] = [self.encoding.encode(self.first)]
        self.numbers = {self.worlds[0]: 0}
        self.parents = [-1]
        self.calm: list[int] = []
        """For each state the state that follows if nothing bad happens; -1 if none does."""

    def findings(self) -> Findings:
        """Visit all states; return the findings."""
        at = 0
        while at < len(self.worlds) and len(self.worlds) < MOST:
            try:
                self._expand(at)
            except ViolationError as violation:
                story, problem = self._story(at, str(violation))
                return Findings(len(self.worlds), len(self.worlds) - at, problem, story)
            at += 1
        frontier = len(self.worlds) - at
        problem = self._stranded()
        if problem:
            number, reported, text = problem
            story, _ = self._story(number, "")
            return Findings(len(self.worlds), frontier, text, (*story[:-1], *reported, text))
        return Findings(len(self.worlds), frontier, None)

    def _expand(self, at: int) -> None:
        calm = -1
        for move in self.transitions.moves(self.encoding.decode(self.worlds[at])):
            encoded = self.encoding.encode(move.world)
            number = self.numbers.setdefault(encoded, len(self.worlds))
            if number == len(self.worlds):
                self.worlds.append(encoded)
                self.parents.append(at)
            if calm < 0 and move.calm:
                calm = number
        self.calm.append(calm)

    def _stranded(self) -> tuple[int, list[str], str] | None:
        """The first state from which a message is never completed, though nothing goes wrong.

        Until everything rests the states are known; from there on the queue delivers again.
        """
        fates: dict[int, tuple[int, str | None]] = {}
        reported: dict[int, list[str]] = {}
        for number in range(len(self.calm)):
            path, at = [], number
            while at not in fates:
                fates[at] = (at, "liveness: the workers go in a circle")
                path.append(at)
                if self.calm[at] < 0:
                    reported[at], problem = self._redelivered(self.encoding.decode(self.worlds[at]))
                    fates[at] = (at, problem)
                    break
                at = self.calm[at]
            for each in path:
                fates[each] = fates[at]
            end, problem = fates[number]
            if problem:
                return end, reported.get(end, []), problem
        return None

    def _redelivered(self, world: World) -> tuple[list[str], str | None]:
        """What happens to a world at rest, and what goes wrong; None if all ends well."""
        reported: list[str] = []
        seen = set()
        world = world._replace(budget=Budget())
        while not _settled(world):
            if world in seen:
                return reported, "liveness: without further faults it is never completed"
            seen.add(world)
            try:
                calm = next((each for each in self.transitions.moves(world) if each.calm), None)
            except ViolationError as violation:
                return [*reported, self.transitions.doing], str(violation)
            if calm is not None:
                reported.append(calm.story)
                world = calm.world
                continue
            delivered = self.transitions.redelivery(world)
            if delivered is None:
                return reported, "liveness: without further faults it is never completed"
            again = "the queue delivers again what is not acknowledged"
            reported.append(again if delivered.unstarted else self.transitions.doing)
            world = delivered
        return reported, None

    def _story(self, at: int, violation: str) -> tuple[tuple[str, ...], str]:
        """Return the events until a state, with every worker in one place, and the broken promise.

        The states are kept with their workers in a sorted order, so the events are played again.
        """
        path = []
        while at > 0:
            path.append(self.worlds[at])
            at = self.parents[at]
        reported, world = [], self.first
        for encoded in reversed(path):
            move = next(
                each
                for each in self.transitions.moves(world)
                if self.encoding.encode(each.world) == encoded
            )
            reported.append(move.story)
            world = move.world
        try:
            for _ in self.transitions.moves(world):
                pass
        except ViolationError as again:
            reported.append(self.transitions.doing)
            violation = str(again)
        return (*reported, violation), violation


def _settled(world: World) -> bool:
    """Whether every message is acknowledged and completed, or a newer version has taken it."""
    open_keys = {name[0] for name in world.unacknowledged}
    return all(
        (record is not None and record.status not in set(Status))
        or (facts.completed and key not in open_keys)
        for key, record, facts in zip(KEYS, world.records, world.facts, strict=False)
    )
