"""The batches of the simulation: what production's own grouping makes of a few letters.

A letter is a message with this key; a small one was delivered before. A digit after it is the
message's group, and a prime makes it another message of the same key and group: "A1B1a1'".

"A*" is the copy of a parked message, whose key is in it; "A!" is one that only states its key.
"B~A" is a liar: a message with the key B, which says that it is a copy with the key A.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, replace
from functools import cache
from typing import Any, NamedTuple

from idempotent_lambda.agenda import Work
from idempotent_lambda.sources import sqs
from idempotent_lambda.sources.copy_mark import CopyMark
from idempotent_lambda.sources.delivery import Delivery
from tests.handler.events import key_rule
from tests.requests import settings_of

KEYS = "ABCDE"

_LETTER = f"([{KEYS}{KEYS.lower()}])"
_MESSAGE = re.compile(f"{_LETTER}([0-9]?)('?)(?:~{_LETTER})?([*!]?)")
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
        name: its key, its group and its prime; a liar's with the key that it states, a copy's with
            its mark.
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
        letters: for each work the key of its messages, whatever they state.
        lies: for each work whether it is a liar's.
        copies: the place of each message that is a copy.
        strays: the places of the works whose stated key has turned out not to count.
        root: the batch before that.
    """

    works: tuple[Work, ...]
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
    """Return the batch of these letters; B is nearly spent, the others are not."""
    deliveries, names = [], []
    for parts in _MESSAGE.findall(kind):
        letter, group, _, lie, mark = parts
        names.append(_name_of(*parts))
        copied = CopyMark("copied", stated=letter.upper()) if mark == "!" else None
        deliveries.append(
            Delivery(
                id=names[-1],
                adapter=sqs.ADAPTER,
                body=None,
                receive_count=2 if letter.islower() else 1,
                raw={},
                group=group or None,
                default_key=f"own {names[-1]}" if copied else letter.upper(),
                mark=CopyMark("lie", stated=lie.upper()) if lie else copied,
            )
        )
    made, _ = group_by_key(deliveries, _SETTINGS)
    works = tuple(_copy(work) for work in made)
    place_of = {id(each): work.place for work in works for each in work.deliveries}
    messages = tuple(
        Message(name, each.group, place_of[id(each)])
        for name, each in zip(names, deliveries, strict=True)
    )
    first = [names[_first(messages, work.place)] for work in works]
    letters = tuple(name[0] for name in first)
    lies = tuple("~" in name for name in first)
    copies = tuple(each.place for each in messages if each.name[-1] in "*!")
    alike = _equal(letters)
    earlier = tuple(_before(messages, _first(messages, work.place)) for work in works)
    previous = tuple(_previous(messages, work.place) for work in works)
    tried = tuple(_tried(messages, work.place, alike[work.place]) for work in works)
    same = _equal(work.key for work in works)
    return Batch(works, messages, earlier, previous, tried, same, letters, lies, copies)


def strayed(batch: Batch, place: int, restate: Callable[[Work], Work]) -> Batch:
    """Return the batch once the key that a work states has turned out not to count."""
    return _strayed(batch.root or batch, batch.strays | {place}, restate)


@cache
def _strayed(root: Batch, strays: frozenset[int], restate: Callable[[Work], Work]) -> Batch:
    works = tuple(_restated(work, restate) if work.place in strays else work for work in root.works)
    same = _equal(work.key for work in works)
    return replace(root, works=works, same=same, strays=strays, root=root)


@cache
def _restated(work: Work, restate: Callable[[Work], Work]) -> Work:
    return _copy(restate(work))


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
