"""From deliveries to work items: each delivery gets a key, and each item its place in the order.

The items answer for their deliveries as if each group were consumed one message at a time: a
delivery is acknowledged only if its key is done and everything before it in its group is. So a key
that comes again is coalesced only if nothing of its group lies in between. Otherwise it becomes
another item, which is claimed in its turn and finds the key done.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

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

EndedDelivery = tuple[Delivery, Settled, MessageError | None]
"""A delivery that becomes part of no item, how it ends, and the reason."""


class Identity(NamedTuple):
    """The key of a delivery; ``own_key`` as `WorkItem` has it."""

    key: Key
    own_key: Key | MessageError | None = None


def group_by_key(
    deliveries: Iterable[Delivery], settings: Settings
) -> tuple[list[WorkItem], list[EndedDelivery]]:
    """Return the items of a batch, and the deliveries that have ended already.

    A delivery without a key is rejected, and what follows it in its group is reported. In observe
    mode each delivery is an item, and runs without a key too.
    """
    drafts = _Drafts(coalesces=not settings.observe_only)
    ended: list[EndedDelivery] = []
    blocked_groups: set[str] = set()
    for delivery in deliveries:
        if delivery.group in blocked_groups:
            ended.append((delivery, Settled(Outcome.BLOCKED), None))
            continue
        try:
            identity = identify_delivery(delivery, settings)
        except MessageError as error:
            # Of a copy that nothing confirms, nobody knows what else its record holds.
            runs_anyway = settings.observe_only and not delivery.unconfirmed
            ended.append((delivery, Settled(Outcome.REJECTED, acknowledged=runs_anyway), error))
            if not runs_anyway:
                if delivery.group:
                    blocked_groups.add(delivery.group)
                continue
            identity = Identity(_make_unique_key(settings.key_rule, delivery))
        drafts.place(delivery, identity)
    # After the last receive, and the one before it, the dead-letter queue may get the message.
    near_limit = settings.max_receive_count - 1
    return [draft.finish(near_limit) for draft in drafts.in_order], ended


# Keys


def identify_delivery(delivery: Delivery, settings: Settings) -> Identity:
    """Return the key that a delivery is claimed by.

    The copy of a parked message is claimed by the key that it states, except in observe mode.

    Raises:
        MessageError: there is no such key; see `find_key`. Or only the copy says which of its
            messages is meant, and it states no key.
    """
    rule = settings.key_rule
    if settings.observe_only:
        key = find_key(rule, delivery)
        if delivery.unconfirmed:
            raise UnconfirmedCopyError
        return Identity(key)
    stated = find_stated_key(rule, delivery)
    try:
        key = find_key(rule, delivery)
    except MessageError as error:
        if stated is None:
            raise
        return Identity(stated, own_key=error)
    if delivery.unconfirmed:
        return Identity(stated or key, own_key=UnconfirmedCopyError())
    if stated is None or stated == key:
        return Identity(key)
    return Identity(stated, own_key=key)


def find_key(rule: KeyRule, delivery: Delivery) -> Key:
    """Return the key of a delivery, whatever it states itself.

    Raises:
        UnreadableRecordError: the record is not as its source documents it.
        MissingKeyError, UndecodableBodyError, UnsupportedKeyError: see `KeyRule.for_value`.
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


def _make_unique_key(rule: KeyRule, delivery: Delivery) -> Key:
    """Return a key that equals no other, for what observe mode runs without one."""
    name = delivery.id.encode(errors="replace").decode()
    return Key(name, record_id(rule.namespace, ["", name]))


# Items


@dataclass(eq=False, slots=True)
class _Draft:
    """An item that more deliveries may join.

    Attributes:
        key, own_key, place, stage, repeats, differing: see `WorkItem`.
        group: the order that all of its deliveries are part of; None for none.
        follows: the items that it comes after.
        is_repeated: a later item has the same key.
        token: the one owner token that its deliveries carry; None if none of them does.
        first_body: its first body as `_canonicalize` writes it; None until it is compared.
    """

    key: Key
    own_key: Key | MessageError | None
    group: str | None
    place: int
    stage: int = 0
    follows: "tuple[_Draft, ...]" = ()
    repeats: bool = False
    is_repeated: bool = False
    token: str | None = None
    deliveries: list[Delivery] = field(default_factory=list)
    differing: set[int] = field(default_factory=set)
    first_body: str | None = None

    def can_take(self, delivery: Delivery, identity: Identity) -> bool:
        """Whether a delivery may share the end of this item, which is the last one before it."""
        # One claim shows one token: another copy has its turn later. What a copy states is not
        # known to be its key yet.
        is_same = identity.key == self.key and identity.own_key == self.own_key
        return is_same and (delivery.token is None or self.token in (None, delivery.token))

    def add(self, delivery: Delivery) -> None:
        """Have the delivery share the end of this item."""
        if self.deliveries:
            if self.first_body is None:
                self.first_body = _canonicalize(self.deliveries[0].body)
            if not self.first_body or self.first_body != _canonicalize(delivery.body):
                self.differing.add(len(self.deliveries))
        self.deliveries.append(delivery)
        self.token = self.token or delivery.token

    def finish(self, near_limit: int) -> WorkItem:
        """Return the item; from ``near_limit`` receives on it is near the limit."""
        return WorkItem(
            self.key,
            tuple(self.deliveries),
            near_receive_limit=any(
                delivery.receive_count >= near_limit for delivery in self.deliveries
            ),
            place=self.place,
            stage=self.stage,
            after=tuple(draft.place for draft in self.follows),
            repeats=self.repeats,
            own_key=self.own_key,
            differing=frozenset(self.differing),
        )


def _canonicalize(body: object) -> str:
    """Return one text for all equal JSON, in which 1 is not true; empty if there is none."""
    try:
        return json.dumps(body, sort_keys=True, default=repr)
    except (ValueError, RecursionError):
        return ""


class _Drafts:
    """The items of a batch in the making, in the order of their first deliveries."""

    def __init__(self, *, coalesces: bool) -> None:
        self.in_order: list[_Draft] = []
        self._coalesces = coalesces
        # The first item that has a key by itself, whatever others state.
        self._leaders: dict[Key, _Draft] = {}
        # The last item of a group; where there is no group, of the items that may become one.
        self._tails: dict[str | tuple[Key, bool], _Draft] = {}

    def place(self, delivery: Delivery, identity: Identity) -> None:
        """Have the delivery join an item, or become one."""
        chain = delivery.group or (identity.key, identity.own_key is None)
        tail = self._tails.get(chain)
        if tail is None or not (self._coalesces and tail.can_take(delivery, identity)):
            tail = self._append(delivery, identity, tail if delivery.group else None)
            self._tails[chain] = tail
        tail.add(delivery)

    def _append(self, delivery: Delivery, identity: Identity, before: _Draft | None) -> _Draft:
        """Add an item that comes after another one of its group."""
        draft = _Draft(identity.key, identity.own_key, delivery.group, place=len(self.in_order))
        self.in_order.append(draft)
        if before:
            draft.follows = (before,)
        if delivery.group:
            draft.stage = before.stage + 1 if before else 1
        if self._coalesces and identity.own_key:
            self._order_stated(draft)
        elif self._coalesces:
            self._order_repetition(draft, delivery, before)
        return draft

    def _order_stated(self, draft: _Draft) -> None:
        """Have an item with a stated key come after all others that have this key.

        It may turn out to have another key. So it is claimed by itself when all others have been,
        and holds up nothing but its own group, where that other key is next.
        """
        draft.repeats = True
        if leader := self._leaders.get(draft.key):
            draft.stage = max(draft.stage, leader.stage + 1)
        if draft.group and isinstance(draft.own_key, Key):
            self._leaders.setdefault(draft.own_key, draft)

    def _order_repetition(self, draft: _Draft, delivery: Delivery, before: _Draft | None) -> None:
        """Have a key that comes again come after its first item."""
        leader = self._leaders.setdefault(draft.key, draft)
        if leader is draft:
            return
        if before and not leader.is_repeated:
            self._delay(leader, draft, before)
        leader.is_repeated = draft.repeats = True
        draft.stage = max(draft.stage, leader.stage + 1)
        # How a stated key ends says nothing about this item.
        if delivery.token in (None, leader.token) and leader.own_key is None:
            draft.follows += (leader,)

    def _delay(self, leader: _Draft, again: _Draft, before: _Draft) -> None:
        """Have a key's first item come after what precedes its second one in another group.

        So both orders are kept. Where its own group has gone on meanwhile, its own order decides.
        """
        if leader.group != again.group and self._tails.get(leader.group or "") is leader:
            leader.stage = max(leader.stage, before.stage + 1)
