"""From deliveries to works: equal keys are coalesced, and the works of a group get their order.

The works answer for their deliveries as if each group were consumed one message at a time: a
delivery is acknowledged only if its key is done and everything before it in its group is. So a key
that comes again is coalesced only if nothing of its group lies in between. Otherwise it is a work
of its own, which is claimed in its turn and finds the key done.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field

from idempotent_lambda.errors import (
    MessageError,
    MissingKeyError,
    UnconfirmedCopyError,
    UnreadableRecordError,
)
from idempotent_lambda.keys import Key, KeyRule, record_id
from idempotent_lambda.pipeline.work_item import WorkItem
from idempotent_lambda.protocol.steps import Outcome, Settled
from idempotent_lambda.settings import Settings
from idempotent_lambda.sources.copy_mark import read_stated_key
from idempotent_lambda.sources.delivery import Delivery
from idempotent_lambda.sources.unwrapping import find_wrapper

Ended = tuple[Delivery, Settled, MessageError | None]
"""A delivery that becomes no work, its end and the reason."""


@dataclass(eq=False, slots=True)
class _Draft:
    """A work that more deliveries may join.

    Attributes:
        group: the order that all of its deliveries are part of; None for none.
        follows: the works that it follows, see `WorkItem.after`.
        repeats: an earlier work has the same key.
        repeated: a later work has the same key.
        token: the one owner token that its deliveries carry; None if none of them does.
        own_key: see `WorkItem.own_key`.
        differing: see `WorkItem.differing`.
        canonical: its leader's body as `_canonical` writes it; None until it is compared.
    """

    key: Key
    own_key: Key | MessageError | None
    group: str | None
    place: int
    rank: int = 0
    follows: "tuple[_Draft, ...]" = ()
    repeats: bool = False
    repeated: bool = False
    token: str | None = None
    deliveries: list[Delivery] = field(default_factory=list)
    differing: set[int] = field(default_factory=set)
    canonical: str | None = None

    def takes(
        self, key: Key, delivery: Delivery, own_key: Key | MessageError | None = None
    ) -> bool:
        """Whether a delivery shares this work's end, which is the last one before it."""
        # One claim shows one token: another copy has its turn later. What a copy states is not
        # known to be its key yet.
        same = key == self.key and own_key == self.own_key
        return same and (delivery.token is None or self.token in (None, delivery.token))

    def add(self, delivery: Delivery) -> None:
        """Have the delivery share this work's end."""
        if self.deliveries:
            if self.canonical is None:
                self.canonical = _canonical(self.deliveries[0].body)
            if not self.canonical or self.canonical != _canonical(delivery.body):
                self.differing.add(len(self.deliveries))
        self.deliveries.append(delivery)
        self.token = self.token or delivery.token


def _canonical(body: object) -> str:
    """What is the same of equal JSON, in which 1 is not true; empty for what cannot be written."""
    try:
        return json.dumps(body, sort_keys=True, default=repr)
    except (ValueError, RecursionError):
        return ""


class _Drafts:
    """The works of a batch in the making, in the order of their first deliveries."""

    def __init__(self) -> None:
        self.all: list[_Draft] = []
        # The first work that has a key by itself, whatever others state.
        self._leaders: dict[Key, _Draft] = {}
        # The last work of a group; where there is no group, of those that may be one work.
        self._tails: dict[str | tuple[Key, bool], _Draft] = {}

    def place(
        self,
        key: Key,
        delivery: Delivery,
        own_key: Key | MessageError | None = None,
        *,
        coalesces: bool = True,
    ) -> None:
        """Have the delivery join a work, or become one."""
        chain = delivery.group or (key, own_key is None)
        tail = self._tails.get(chain)
        if tail is None or not (coalesces and tail.takes(key, delivery, own_key)):
            before = tail if delivery.group else None
            tail = self._new(key, delivery, before, own_key, coalesces=coalesces)
            self._tails[chain] = tail
        tail.add(delivery)

    def _new(
        self,
        key: Key,
        delivery: Delivery,
        before: _Draft | None,
        own_key: Key | MessageError | None,
        *,
        coalesces: bool,
    ) -> _Draft:
        draft = _Draft(key, own_key, delivery.group, place=len(self.all))
        self.all.append(draft)
        if before:
            draft.follows = (before,)
        if delivery.group:
            draft.rank = before.rank + 1 if before else 1
        if not coalesces:
            return draft
        if own_key:
            # It may turn out to have another key. So it is claimed by itself when all others have
            # been, and holds up nothing but its own group, where that other key is next.
            draft.repeats = True
            if stated := self._leaders.get(key):
                draft.rank = max(draft.rank, stated.rank + 1)
            if delivery.group and isinstance(own_key, Key):
                self._leaders.setdefault(own_key, draft)
            return draft
        leader = self._leaders.setdefault(key, draft)
        if leader is not draft:
            if before and not leader.repeated:
                self._delay(leader, draft, before)
            leader.repeated = draft.repeats = True
            draft.rank = max(draft.rank, leader.rank + 1)
            # What a stated key comes to says nothing of this one.
            if delivery.token in (None, leader.token) and leader.own_key is None:
                draft.follows += (leader,)
        return draft

    def _delay(self, leader: _Draft, again: _Draft, before: _Draft) -> None:
        """Have a key's first work come after what precedes its second one in another group.

        So both orders are kept. Where its own group has gone on meanwhile, its own order decides.
        """
        if leader.group != again.group and self._tails.get(leader.group or "") is leader:
            leader.rank = max(leader.rank, before.rank + 1)


def find_key(rule: KeyRule, delivery: Delivery) -> Key:
    """Return the key of a delivery, whatever it states itself.

    Raises:
        UnreadableRecordError: the record is not as its source documents it.
        MissingKeyError, UndecodableBodyError, UnsupportedKeyError: see `KeyRule.key_for`.
    """
    if delivery.unreadable:
        raise UnreadableRecordError(delivery.unreadable)
    if rule.search is None:
        return rule.for_value(delivery.default_key)
    try:
        return rule.for_document(delivery.build_document(), delivery.body_problem)
    except MissingKeyError:
        service = find_wrapper(delivery)
        if service is None:
            raise
        found = f'nothing (if {service} wrapped this body, set queue.unwrap = ["{service}"])'
        raise MissingKeyError(rule.expression, found) from None


def find_stated_key(rule: KeyRule, delivery: Delivery) -> Key | None:
    """Return the key that the copy of a parked message states; None if it states none."""
    if delivery.mark is None or not delivery.mark.stated:
        return None
    try:
        return rule.for_value(read_stated_key(delivery.mark.stated))
    except MessageError:
        return None


def group_by_key(
    deliveries: Iterable[Delivery], settings: Settings
) -> tuple[list[WorkItem], list[Ended]]:
    """Return the works of a batch, and the deliveries that have ended already.

    A delivery without a key is refused, and what follows it in its group is reported. When only
    observing, each delivery is a work, and none is refused.
    """
    rule, observes = settings.key_rule, settings.observe_only
    drafts = _Drafts()
    ended: list[Ended] = []
    broken: set[str] = set()
    for delivery in deliveries:
        if delivery.group in broken:
            ended.append((delivery, Settled(Outcome.BLOCKED), None))
            continue
        stated, own_key = None if observes else find_stated_key(rule, delivery), None
        try:
            key = find_key(rule, delivery)
            if delivery.unconfirmed:
                stated = stated or key
                raise UnconfirmedCopyError
        except MessageError as error:
            if stated and not observes:
                drafts.place(stated, delivery, error)
                continue
            # Of a copy that nothing confirms, nobody knows what else its record holds.
            runs = observes and not delivery.unconfirmed
            ended.append((delivery, Settled(Outcome.REJECTED, acknowledged=runs), error))
            if not runs:
                broken |= {delivery.group} if delivery.group else set()
                continue
            # What is only observed runs without a key too, under one that collides with no other.
            name = delivery.id.encode(errors="replace").decode()
            key = Key(name, record_id(rule.namespace, ["", name]))
        if stated and stated != key:
            key, own_key = stated, key
        drafts.place(key, delivery, own_key, coalesces=not observes)
    return [_work_of(draft, settings.max_receive_count - 1) for draft in drafts.all], ended


def _work_of(draft: _Draft, nearly_spent: int) -> WorkItem:
    spent = any(each.receive_count >= nearly_spent for each in draft.deliveries)
    return WorkItem(
        draft.key,
        tuple(draft.deliveries),
        near_receive_limit=spent,
        place=draft.place,
        stage=draft.rank,
        after=tuple(each.place for each in draft.follows),
        repeats=draft.repeats,
        own_key=draft.own_key,
        differing=frozenset(draft.differing),
    )
