"""The batches of the simulation: what production's own grouping makes of a few letters.

A letter is a message with this key; a small one was delivered before. A digit after it is the
message's group, and a prime makes it another message of the same key and group: "A1B1a1'".
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from functools import cache
from typing import Any, NamedTuple

from idempotent_lambda.agenda import Work
from idempotent_lambda.messages import Delivery, Source
from tests.handler.events import key_rule
from tests.requests import settings_of

KEYS = "ABCDE"

_MESSAGE = re.compile(f"([{KEYS}{KEYS.lower()}])([0-9]?)('?)")
_SETTINGS = settings_of(key_rule("sim"))

Grouping = Callable[..., tuple[list[Work], list[Any]]]


class _Work(Work):
    """A batch is made once, so identity tells works apart, and quickly."""

    __slots__ = ()
    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other


class Message(NamedTuple):
    """One message of a batch.

    Attributes:
        name: its key, its group and its prime.
        place: the work that it is part of.
    """

    name: str
    group: str | None
    place: int


@dataclass(frozen=True, eq=False)
class Batch:
    """One batch, and the order that its works must keep, as its messages alone say it.

    Attributes:
        earlier: for each work the places of the works that must be acknowledged before it starts:
            those with a message before its first in its group.
        previous: for each work the place of the last of these; the work's own if there are none.
        tried: for each work the places of the works that must have ended before it starts: those
            before its key's second message in that one's group.
        same: for each work the places of the other works with its key.
    """

    works: tuple[Work, ...]
    messages: tuple[Message, ...]
    earlier: tuple[frozenset[int], ...]
    previous: tuple[int, ...]
    tried: tuple[frozenset[int], ...]
    same: tuple[frozenset[int], ...]


@cache
def batch_of(kind: str, group_by_key: Grouping) -> Batch:
    """Return the batch of these letters; B is nearly spent, the others are not."""
    deliveries, names = [], []
    for letter, group, prime in _MESSAGE.findall(kind):
        names.append(letter.upper() + group + prime)
        deliveries.append(
            Delivery(
                id=names[-1],
                source=Source.SQS,
                body=None,
                receive_count=2 if letter.islower() else 1,
                raw={},
                group=group or None,
                preset=letter.upper(),
            )
        )
    made, _ = group_by_key(deliveries, _SETTINGS)
    works = tuple(_copy(work) for work in made)
    place_of = {id(each): work.place for work in works for each in work.deliveries}
    messages = tuple(
        Message(name, each.group, place_of[id(each)])
        for name, each in zip(names, deliveries, strict=True)
    )
    same = tuple(
        frozenset(each.place for each in works if each.key == work.key and each is not work)
        for work in works
    )
    earlier = tuple(_before(messages, _first(messages, work.place)) for work in works)
    previous = tuple(_previous(messages, work.place) for work in works)
    tried = tuple(_tried(messages, work.place, same[work.place]) for work in works)
    return Batch(works, messages, earlier, previous, tried, same)


def unacknowledged_at(deliveries: Iterable[str]) -> tuple[str, ...]:
    """Return the names of all messages of some batches, each once."""
    found = ("".join(parts) for kind in deliveries for parts in _MESSAGE.findall(kind.upper()))
    return tuple(dict.fromkeys(found))


def _copy(work: Work) -> Work:
    values = {each.name: getattr(work, each.name) for each in fields(Work)}
    return _Work(**values | {"nearly_spent": work.key.text == "B"})


def _first(messages: tuple[Message, ...], place: int) -> int:
    return next(at for at, each in enumerate(messages) if each.place == place)


def _before(messages: tuple[Message, ...], at: int) -> frozenset[int]:
    """The works with a message before this one in its group."""
    group, mine = messages[at].group, messages[at].place
    if group is None:
        return frozenset()
    before = {each.place for each in messages[:at] if each.group == group}
    return frozenset(before - {mine})


def _previous(messages: tuple[Message, ...], place: int) -> int:
    at = _first(messages, place)
    group = messages[at].group
    before = [each.place for each in messages[:at] if group and each.group == group]
    return before[-1] if before else place


def _tried(messages: tuple[Message, ...], place: int, same: frozenset[int]) -> frozenset[int]:
    """The works before the key's second message, in another group, if the first's is at its end."""
    at = _first(messages, place)
    group, name = messages[at].group, messages[at].name
    if any(each.name[0] == name[0] for each in messages[:at]) or not same:
        return frozenset()
    second = _first(messages, min(same))
    gone_on = any(each.group == group for each in messages[at + 1 : second])
    if group is None or gone_on or messages[second].group in (None, group):
        return frozenset()
    return _before(messages, second) - {place}
