"""From deliveries to work items: each delivery gets a key, and each item a place in the order.

A delivery is acknowledged as if its group were consumed one message at a time: only if its key is
done, and so is everything before it in the group. So deliveries of one key are coalesced only if no
other message of the group lies between them. Otherwise the second delivery becomes another item,
which is claimed in its turn and finds the key done.
"""

import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from idempotent_lambda.errors import (
    MessageError,
    MissingKeyError,
    UnconfirmedCopyError,
    UndecodableBodyError,
    UnreadableRecordError,
)
from idempotent_lambda.keys import Key, KeyRule, record_id
from idempotent_lambda.pipeline.work_item import WorkItem
from idempotent_lambda.protocol.steps import Outcome, Settled
from idempotent_lambda.settings import Settings
from idempotent_lambda.sources.copy_mark import read_stated_key
from idempotent_lambda.sources.delivery import Delivery
from idempotent_lambda.sources.event import find_wrapper
from idempotent_lambda.sources.payload import find_confirmation
from idempotent_lambda.sources.source import WHOLE_EVENT

EndedDelivery = tuple[Delivery, Settled, MessageError | None]
"""A delivery that joins no item, its end, and the error if there is one."""


class Identity(NamedTuple):
    """The key of a delivery; see `WorkItem` for ``own_key``."""

    key: Key
    own_key: Key | MessageError | None = None


def group_by_key(
    deliveries: Iterable[Delivery], settings: Settings
) -> tuple[list[WorkItem], list[EndedDelivery]]:
    """Return the items of a batch, and the deliveries that have already ended.

    A delivery without a key is rejected, and later deliveries of its group are reported. In observe
    mode, each delivery is an item and runs even without a key.
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
            # An unconfirmed copy never runs: nobody knows what else its record holds. Nor does an
            # SNS confirmation: its URL exists nowhere else.
            is_kept = delivery.unconfirmed or find_confirmation(delivery.body) is not None
            runs_anyway = settings.observe_only and not is_kept
            ended.append((delivery, Settled(Outcome.REJECTED, acknowledged=runs_anyway), error))
            if not runs_anyway:
                if delivery.group:
                    blocked_groups.add(delivery.group)
                continue
            identity = Identity(_make_unique_key(settings.key_rule, delivery))
        drafts.place(delivery, identity)
    # After the last receive or the one before, the dead-letter queue may get the message.
    near_limit = settings.max_receive_count - 1
    return [draft.finish(near_limit) for draft in drafts.in_order], ended


# Keys


def identify_delivery(delivery: Delivery, settings: Settings) -> Identity:
    """Return the key for the claim of a delivery.

    The copy of a parked message is claimed by its stated key, except in observe mode.

    Raises:
        MessageError: there is no key, see `find_key`; or the copy is unconfirmed in observe mode.
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
    """Return the key of a delivery, without regard to a stated key.

    Raises:
        UnreadableRecordError: the message is rejected, whatever its key; see `Delivery.unreadable`.
        MissingKeyError, UndecodableBodyError, UnsupportedKeyError: see `KeyRule.for_value`.
    """
    if delivery.unreadable:
        raise UnreadableRecordError(delivery.unreadable)
    if rule.search is None:
        return rule.for_value(delivery.default_key)
    try:
        return rule.for_document(delivery.build_document(), delivery.body_problem)
    except (MissingKeyError, UndecodableBodyError) as error:
        raise _explain_missing_key(delivery, error) from None


def _explain_missing_key(
    delivery: Delivery, error: MissingKeyError | UndecodableBodyError
) -> MessageError:
    """Return the same error with a text that says what the body is."""
    from idempotent_lambda.sources.recognition import describe_body  # noqa: PLC0415

    body = describe_body(delivery.body, delivery.body_problem)
    if isinstance(error, UndecodableBodyError):
        return UndecodableBodyError(error.expression, body)
    service = find_wrapper(delivery)
    hint = f'; if {service} wrapped it, set queue.unwrap = ["{service}"]' if service else ""
    return MissingKeyError(error.expression, f"{error.found} (the body is {body}{hint})")


def find_stated_key(rule: KeyRule, delivery: Delivery) -> Key | None:
    """Return the key that the copy of a parked message states; None if there is none.

    A message that is rejected whatever its key has none either.
    """
    if delivery.unreadable or delivery.mark is None or not delivery.mark.stated:
        return None
    try:
        return rule.for_value(read_stated_key(delivery.mark.stated))
    except MessageError:
        return None


def _make_unique_key(rule: KeyRule, delivery: Delivery) -> Key:
    """Return a key that equals no other, for a message without a key in observe mode.

    A redelivery has the same key, unless the source gives the message no id.
    """
    # A sequence number is unique in its stream only, which is the group.
    parts = [delivery.id, str(delivery.position), delivery.group or ""]
    if delivery.id == WHOLE_EVENT:
        parts.append(os.urandom(16).hex())
    name, *others = [part.encode(errors="replace").decode() for part in parts]
    return Key(name, record_id(rule.namespace, ["", name, *others]))


# Items


@dataclass(eq=False, slots=True)
class _Draft:
    """An item that more deliveries may join.

    Attributes:
        key, own_key, place, stage, repeats, differing: see `WorkItem`.
        group: group of all deliveries of the item; None if they have no order.
        follows: items that this item comes after.
        is_repeated: whether a later item has the same key.
        token: owner token that the deliveries carry; None if no delivery carries one.
        first_body: first body as `_canonicalize` writes it; None until the first comparison.
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
        """Whether a delivery may share the end of this item, the last item before the delivery."""
        # A claim carries one token: a copy with another token comes later. A stated key is not
        # confirmed yet, so it does not count as equal to an own key.
        is_same = identity.key == self.key and identity.own_key == self.own_key
        return is_same and (delivery.token is None or self.token in (None, delivery.token))

    def add(self, delivery: Delivery) -> None:
        """Add a delivery that shares the end of this item."""
        if self.deliveries:
            if self.first_body is None:
                self.first_body = _canonicalize(self.deliveries[0].body)
            if not self.first_body or self.first_body != _canonicalize(delivery.body):
                self.differing.add(len(self.deliveries))
        self.deliveries.append(delivery)
        self.token = self.token or delivery.token

    def finish(self, near_limit: int) -> WorkItem:
        """Build the item; at least ``near_limit`` receives of a delivery put it near the limit."""
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
    """Return one text for all equal JSON, in which 1 is not true; empty if JSON cannot hold it."""
    try:
        return json.dumps(body, sort_keys=True, default=repr)
    except (ValueError, RecursionError):
        return ""


class _Drafts:
    """The unfinished items of a batch, in the order of their first deliveries."""

    def __init__(self, *, coalesces: bool) -> None:
        self.in_order: list[_Draft] = []
        self._coalesces = coalesces
        # The first item whose own key this is, whatever key others state.
        self._leaders: dict[Key, _Draft] = {}
        # The last item of a group; without a group, the last of the items that may be coalesced.
        self._tails: dict[str | tuple[Key, bool], _Draft] = {}

    def place(self, delivery: Delivery, identity: Identity) -> None:
        """Add a delivery to an item, or make it a new item."""
        chain = delivery.group or (identity.key, identity.own_key is None)
        tail = self._tails.get(chain)
        if tail is None or not (self._coalesces and tail.can_take(delivery, identity)):
            tail = self._append(delivery, identity, tail if delivery.group else None)
            self._tails[chain] = tail
        tail.add(delivery)

    def _append(self, delivery: Delivery, identity: Identity, before: _Draft | None) -> _Draft:
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
        """Place an item with a stated key after all other items that have this key.

        The item may turn out to have another key. So it is claimed alone after all others, and
        delays only its group, where that other key is next.
        """
        draft.repeats = True
        if leader := self._leaders.get(draft.key):
            draft.stage = max(draft.stage, leader.stage + 1)
        if draft.group and isinstance(draft.own_key, Key):
            self._leaders.setdefault(draft.own_key, draft)

    def _order_repetition(self, draft: _Draft, delivery: Delivery, before: _Draft | None) -> None:
        """Place an item with a repeated key after the first item of that key."""
        leader = self._leaders.setdefault(draft.key, draft)
        if leader is draft:
            return
        if before and not leader.is_repeated:
            self._delay(leader, draft, before)
        leader.is_repeated = draft.repeats = True
        draft.stage = max(draft.stage, leader.stage + 1)
        # The end of an item with a stated key says nothing about this item.
        if delivery.token in (None, leader.token) and leader.own_key is None:
            draft.follows += (leader,)

    def _delay(self, leader: _Draft, again: _Draft, before: _Draft) -> None:
        """Place the first item of a key after the items that precede its second in another group.

        This keeps both orders. If the first item's group has gone on meanwhile, that group decides.
        """
        if leader.group != again.group and self._tails.get(leader.group or "") is leader:
            leader.stage = max(leader.stage, before.stage + 1)
