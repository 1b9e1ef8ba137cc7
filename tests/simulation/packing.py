"""Worlds as a few small numbers, so that millions of them are quickly compared and kept.

Workers of the same state are interchangeable: worlds that differ only in who is in which place are
one state.
"""

from dataclasses import replace
from itertools import pairwise
from typing import Any

from idempotent_lambda.protocol.record import Owner

from .world import World

Packed = tuple[int, ...]

_NOBODY = 1 << 60
"""Sorts empty places last."""


class _Numbers:
    """One number for each different value."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self._numbers: dict[Any, int] = {}
        # A value that is known is mostly the very same object, which spares its slow hash.
        self._known: dict[int, int] = {}

    def of(self, value: Any) -> int:
        number = self._known.get(id(value))
        if number is None:
            number = self._numbers.setdefault(value, len(self.values))
            if number == len(self.values):
                self.values.append(value)
                self._known[id(value)] = number
        return number


class Packing:
    """Packs the worlds of one exploration, all with as many workers and keys."""

    def __init__(self, world: World) -> None:
        self._places = len(world.workers)
        self._keys = len(world.records)
        self._terms = world.terms
        self._workers, self._records, self._rest = _Numbers(), _Numbers(), _Numbers()
        self._moved: dict[tuple[int, Packed], int] = {}
        self._moved_zombies: dict[tuple[int, Packed], int] = {}
        self._zombies = _Numbers()
        self._parts = [_Numbers() for _ in range(5)]

    def packed(self, world: World) -> Packed:
        """The numbers of a world, its workers in an order of their own."""
        workers = [
            _NOBODY if worker is None else self._workers.of(worker) for worker in world.workers
        ]
        records = [self._records.of(record) for record in world.records]
        zombies = self._zombies.of(world.zombies)
        order = sorted(range(self._places), key=workers.__getitem__)
        if any(workers[a] == workers[b] != _NOBODY for a, b in pairwise(order)):
            # Between workers of the same state, what they have in the table decides.
            order.sort(key=lambda slot: (workers[slot], _owned(world, slot)))
        if any(at != slot for at, slot in enumerate(order)):
            places = tuple(order.index(slot) for slot in range(self._places))
            workers.sort()
            records = [self._renamed(record, places) for record in records]
            zombies = self._renamed_zombies(zombies, places)
        parts = (world.unstarted, world.facts, world.unacknowledged, world.budget, world.copies)
        rest = (table.of(part) for table, part in zip(self._parts, parts, strict=True))
        return (*workers, *records, zombies, *rest)

    def unpacked(self, packed: Packed) -> World:
        """The world of these numbers."""
        workers, others = packed[: self._places], packed[self._places :]
        records, (zombies, *rest) = others[: self._keys], others[self._keys :]
        unstarted, facts, unacknowledged, budget, copies = (
            table.values[number] for table, number in zip(self._parts, rest, strict=True)
        )
        return World(
            unstarted=unstarted,
            workers=tuple(
                None if number == _NOBODY else self._workers.values[number] for number in workers
            ),
            records=tuple(self._records.values[number] for number in records),
            facts=facts,
            zombies=self._zombies.values[zombies],
            unacknowledged=unacknowledged,
            budget=budget,
            terms=self._terms,
            copies=copies,
        )

    def _renamed(self, number: int, places: Packed) -> int:
        if (number, places) not in self._moved:
            record = self._records.values[number]
            if record is not None:
                record = replace(record, owner=_moved(record.owner, places))
            self._moved[number, places] = self._records.of(record)
        return self._moved[number, places]

    def _renamed_zombies(self, number: int, places: Packed) -> int:
        if (number, places) not in self._moved_zombies:
            moved = tuple(
                (kind, stage, replace(request, owner=_moved(request.owner, places)))
                for kind, stage, request in self._zombies.values[number]
            )
            self._moved_zombies[number, places] = self._zombies.of(moved)
        return self._moved_zombies[number, places]


def _owned(world: World, slot: int) -> tuple[bool, ...]:
    """Which records and delayed requests bear the token of this worker."""
    mine = f"w{slot}"
    owners = [record.owner if record else "" for record in world.records]
    owners += [request.owner for _, _, request in world.zombies]
    return tuple(owner.startswith(mine) for owner in owners)


def _moved(owner: Owner, places: Packed) -> Owner:
    """The token of a worker, "w" and its place, once it is in another place."""
    if not owner.startswith("w"):
        return owner
    return Owner(f"w{places[int(owner[1])]}{owner[2:]}")
