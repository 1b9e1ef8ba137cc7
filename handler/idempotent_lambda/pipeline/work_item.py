"""One key of a batch and its deliveries."""

from dataclasses import dataclass
from typing import ClassVar

from idempotent_lambda.errors import MessageError
from idempotent_lambda.keys import Key
from idempotent_lambda.sources.delivery import Delivery


@dataclass(frozen=True, slots=True)
class WorkItem:
    """One key of the batch and its deliveries: the first leads, the others share its end.

    Attributes:
        near_receive_limit: one of the deliveries is on its last receive, or the one before: after
            that the dead-letter queue has it.
        place: its number in the batch.
        stage: more than that of the item before it in its group; 0 without groups.
        after: the places of the items that it follows: the one before it in its group, and the one
            whose key it repeats. If one of them is not acknowledged, this one must not start.
        repeats: an earlier item has the same key, so this one is claimed when that one is settled.
        own_key: of a redriven copy whose ``key`` is only what it states: the key that it has as any
            message, or why it has none. None for all others.
        differing: the positions of the deliveries whose bodies differ from that of the first.
    """

    key: Key
    deliveries: tuple[Delivery, ...]
    near_receive_limit: bool = False
    place: int = 0
    stage: int = 0
    after: tuple[int, ...] = ()
    repeats: bool = False
    own_key: Key | MessageError | None = None
    differing: frozenset[int] = frozenset()

    payload_hash: ClassVar[None] = None
    """Nothing but the key decides whether two messages are the same."""

    @property
    def record_id(self) -> str:
        """The id of the key's record."""
        return self.key.record_id

    @property
    def redelivered(self) -> bool:
        """Whether the source has handed one of the deliveries out before."""
        return any(delivery.receive_count > 1 for delivery in self.deliveries)

    @property
    def token(self) -> str | None:
        """The owner token that a copy from the dead-letter queue carries, if one of them is one."""
        return next((delivery.token for delivery in self.deliveries if delivery.token), None)

    @property
    def states_key(self) -> bool:
        """Whether ``key`` is only what a redriven copy states."""
        return self.own_key is not None
