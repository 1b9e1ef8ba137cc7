"""The batches of the simulation, which production's grouping makes of a few letters.

A letter is a message with this key; a small letter was delivered before. A digit after it is the
message's group, and a prime makes it another message of the same key and group: "A1B1a1'".

"A*" is the copy of a parked message, which contains its key; "A!" is a copy that only states its
key. "B~A" is a liar: a message with the key B that claims to be a copy with the key A.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, replace
from functools import cache
from typing import Any, NamedTuple

from idempotent_lambda.pipeline.work_item import WorkItem
from idempotent_lambda.sources import sqs
from idempotent_lambda.sources.copy_mark import CopyMark
from idempotent_lambda.sources.delivery import Delivery
from tests.handler.events import key_rule
from tests.requests import settings_of

KEYS = "ABCDE"

_LETTER = f"([{KEYS}{KEYS.lower()}])"
_MESSAGE = re.compile(f"{_LETTER}([0-9]?)('?)(?:~{_LETTER})?([*!]?)")
_SETTINGS = settings_of(key_rule("sim"))

Grouping = Callable[..., tuple[list[WorkItem], list[Any]]]


class _Item(WorkItem):
    """An item that is equal only to itself: a batch is made once, and this is quick."""

    __slots__ = ()
    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other


class Message(NamedTuple):
    """One message of a batch.

    Attributes:
        name: its key, its group and its prime; a liar's with the key that it states, a copy's with
            its mark.
        place: the item that it is part of.
    """

    name: str
    group: str | None
    place: int


@dataclass(frozen=True, eq=False)
class Batch:
    """One batch, and the order that its items must keep, as its messages alone say it.

    Attributes:
        earlier: for each item the places of the items that must be acknowledged before it starts:
            those with a message before its first in its group.
        previous: for each item the place of the last of these; the item's own if there are none.
        tried: for each item the places of the items that must have ended before it starts: those
            before its key's second message in that one's group.
        same: for each item the places of the other items with its key.
        letters: for each item the key of its messages, whatever they state.
        lies: for each item whether it is a liar's.
        copies: the place of each message that is a copy.
        strays: the places of the items whose stated key has turned out not to count.
        root: the batch before that.
    """

    items: tuple[WorkItem, ...]
    messages: tuple[Message, ...]
    earlier: tuple[frozenset[int], ...]
    previous: tuple[int, ...]
    tried: tuple[frozenset[int], ...]
    same: tuple[frozenset[int], ...]
    letters: tuple[str, ...]
    lies: tuple[bool, ...]
    copies: tuple[int, ...]
    strays: frozenset[int] = frozenset()
    root: "Batch | None" = None


@cache
def batch_of(kind: str, group_by_key: Grouping) -> Batch:
    """Return the batch of these letters; B is near its limit, the others are not."""
    deliveries, names = [], []
    for parts in _MESSAGE.findall(kind):
        letter, group, _, lie, mark = parts
        names.append(_name_of(*parts))
        copied = CopyMark("copied", stated=letter.upper()) if mark == "!" else None
        deliveries.append(
            Delivery(
                id=names[-1],
                adapter=sqs.SQS,
                body=None,
                receive_count=2 if letter.islower() else 1,
                raw={},
                group=group or None,
                default_key=f"own {names[-1]}" if copied else letter.upper(),
                mark=CopyMark("lie", stated=lie.upper()) if lie else copied,
            )
        )
    made, _ = group_by_key(deliveries, _SETTINGS)
    items = tuple(_copy(item) for item in made)
    place_of = {id(each): item.place for item in items for each in item.deliveries}
    messages = tuple(
        Message(name, each.group, place_of[id(each)])
        for name, each in zip(names, deliveries, strict=True)
    )
    first = [names[_first(messages, item.place)] for item in items]
    letters = tuple(name[0] for name in first)
    lies = tuple("~" in name for name in first)
    copies = tuple(each.place for each in messages if each.name[-1] in "*!")
    alike = _equal(letters)
    earlier = tuple(_before(messages, _first(messages, item.place)) for item in items)
    previous = tuple(_previous(messages, item.place) for item in items)
    tried = tuple(_tried(messages, item.place, alike[item.place]) for item in items)
    same = _equal(item.key for item in items)
    return Batch(items, messages, earlier, previous, tried, same, letters, lies, copies)


def strayed(batch: Batch, place: int, restate: Callable[[WorkItem], WorkItem]) -> Batch:
    """Return the batch once the key that an item states has turned out not to count."""
    return _strayed(batch.root or batch, batch.strays | {place}, restate)


@cache
def _strayed(root: Batch, strays: frozenset[int], restate: Callable[[WorkItem], WorkItem]) -> Batch:
    items = tuple(_restated(item, restate) if item.place in strays else item for item in root.items)
    same = _equal(item.key for item in items)
    return replace(root, items=items, same=same, strays=strays, root=root)


@cache
def _restated(item: WorkItem, restate: Callable[[WorkItem], WorkItem]) -> WorkItem:
    return _copy(restate(item))


def _equal(values: Iterable[object]) -> tuple[frozenset[int], ...]:
    """For each value the places of the others that equal it."""
    found = tuple(values)
    return tuple(
        frozenset(at for at, other in enumerate(found) if other == each and at != place)
        for place, each in enumerate(found)
    )


def unacknowledged_at(deliveries: Iterable[str]) -> tuple[str, ...]:
    """Return the names of all messages of some batches, each once."""
    found = (_name_of(*parts) for kind in deliveries for parts in _MESSAGE.findall(kind))
    return tuple(dict.fromkeys(found))


def _name_of(letter: str, group: str, prime: str, lie: str, mark: str) -> str:
    return f"{letter}{group}{prime}{'~' if lie else ''}{lie}{mark}".upper()


def _copy(item: WorkItem) -> WorkItem:
    values = {each.name: getattr(item, each.name) for each in fields(WorkItem)}
    return _Item(**values | {"near_receive_limit": item.key.text == "B"})


def _first(messages: tuple[Message, ...], place: int) -> int:
    return next(at for at, each in enumerate(messages) if each.place == place)


def _before(messages: tuple[Message, ...], at: int) -> frozenset[int]:
    """The items with a message before this one in its group."""
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
    """The items before the key's second message, in another group, if the first's is at its end."""
    at = _first(messages, place)
    group, name = messages[at].group, messages[at].name
    if any(each.name[0] == name[0] for each in messages[:at]) or not same:
        return frozenset()
    second = _first(messages, min(same))
    gone_on = any(each.group == group for each in messages[at + 1 : second])
    if group is None or gone_on or messages[second].group in (None, group):
        return frozenset()
    return _before(messages, second) - {place}
