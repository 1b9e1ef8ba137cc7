"""Worlds as a few small numbers, so that millions of them are quickly compared and kept.

Workers of the same state are interchangeable: worlds that differ only in who is in which place are
one state.
"""

from dataclasses import replace
from itertools import pairwise
from typing import Any

from idempotent_lambda.protocol.record import Owner

from .world import World

Encoded = tuple[int, ...]

_NOBODY = 1 << 60
"""Sorts empty places last."""


class _Numbers:
    """One number for each different value."""

    def __init__(self) -> None:
        self.values: list[Any] = []
        self._numbers: dict[Any, int] = {}
        # A value that is known is mostly the very same object, which spares its slow hash.
        self._known: dict[int, int] = {}

    def find_number(self, value: Any) -> int:
        number = self._known.get(id(value))
        if number is None:
            number = self._numbers.setdefault(value, len(self.values))
            if number == len(self.values):
                self.values.append(value)
                self._known[id(value)] = number
        return number


class Encoding:
    """Encodes the worlds of one exploration, all with as many workers and keys."""

    def __init__(self, world: World) -> None:
        self._places = len(world.workers)
        self._keys = len(world.records)
        self._terms = world.terms
        self._workers, self._records, self._rest = _Numbers(), _Numbers(), _Numbers()
        self._moved_records: dict[tuple[int, Encoded], int] = {}
        self._moved_zombies: dict[tuple[int, Encoded], int] = {}
        self._zombies = _Numbers()
        self._parts = [_Numbers() for _ in range(5)]

    def encode(self, world: World) -> Encoded:
        """Return the numbers of a world, with its workers in a sorted order."""
        workers = [
            _NOBODY if worker is None else self._workers.find_number(worker)
            for worker in world.workers
        ]
        records = [self._records.find_number(record) for record in world.records]
        zombies = self._zombies.find_number(world.zombies)
        order = sorted(range(self._places), key=workers.__getitem__)
        if any(workers[a] == workers[b] != _NOBODY for a, b in pairwise(order)):
            # Between workers of the same state, what they have in the table decides.
            order.sort(key=lambda slot: (workers[slot], _list_owned(world, slot)))
        if any(at != slot for at, slot in enumerate(order)):
            places = tuple(order.index(slot) for slot in range(self._places))
            workers.sort()
            records = [self._rename_owner(record, places) for record in records]
            zombies = self._rename_zombies(zombies, places)
        parts = (world.unstarted, world.facts, world.unacknowledged, world.budget, world.copies)
        rest = (table.find_number(part) for table, part in zip(self._parts, parts, strict=True))
        return (*workers, *records, zombies, *rest)

    def decode(self, encoded: Encoded) -> World:
        """The world of these numbers."""
        workers, others = encoded[: self._places], encoded[self._places :]
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

    def _rename_owner(self, number: int, places: Encoded) -> int:
        if (number, places) not in self._moved_records:
            record = self._records.values[number]
            if record is not None:
                record = replace(record, owner=_move_token(record.owner, places))
            self._moved_records[number, places] = self._records.find_number(record)
        return self._moved_records[number, places]

    def _rename_zombies(self, number: int, places: Encoded) -> int:
        if (number, places) not in self._moved_zombies:
            moved = tuple(
                (kind, stage, replace(request, owner=_move_token(request.owner, places)))
                for kind, stage, request in self._zombies.values[number]
            )
            self._moved_zombies[number, places] = self._zombies.find_number(moved)
        return self._moved_zombies[number, places]


def _list_owned(world: World, slot: int) -> tuple[bool, ...]:
    """Which records and delayed requests bear the token of this worker."""
    mine = f"w{slot}"
    owners = [record.owner if record else "" for record in world.records]
    owners += [request.owner for _, _, request in world.zombies]
    return tuple(owner.startswith(mine) for owner in owners)


def _move_token(owner: Owner, places: Encoded) -> Owner:
    """The token of a worker, "w" and its place, once it is in another place."""
    if not owner.startswith("w"):
        return owner
    return Owner(f"w{places[int(owner[1])]}{owner[2:]}")
