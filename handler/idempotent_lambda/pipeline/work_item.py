"""One key of a batch and its deliveries."""

from dataclasses import dataclass
from typing import ClassVar

from idempotent_lambda.errors import MessageError
from idempotent_lambda.keys import Key
from idempotent_lambda.sources.delivery import Delivery


@dataclass(frozen=True, slots=True)
class WorkItem:
    """One key of a batch and its deliveries: the first delivery leads, the others share its end.

    Attributes:
        near_receive_limit: one of the deliveries is on its last receive, or the one before; after
            that, the dead-letter queue gets the delivery.
        place: number in the batch.
        stage: higher than the stage of the item before in the group; 0 without groups.
        after: places of the items that come first: the item before in the group, and the item with
            the same key. If one of them is not acknowledged, this item must not start.
        repeats: an earlier item has the same key; this item is claimed once that item is settled.
        own_key: key of a redriven copy as an ordinary message, or the error if it has none; None
            unless ``key`` is just stated by the copy.
        differing: positions of the deliveries whose bodies differ from the first body.
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
    """Only the key decides whether two messages are the same."""

    @property
    def record_id(self) -> str:
        """The id of the key's record."""
        return self.key.record_id

    @property
    def redelivered(self) -> bool:
        """Whether the source has delivered one of the deliveries before."""
        return any(delivery.receive_count > 1 for delivery in self.deliveries)

    @property
    def token(self) -> str | None:
        """The owner token of a copy from the dead-letter queue; None if there is no such copy."""
        return next((delivery.token for delivery in self.deliveries if delivery.token), None)

    @property
    def states_key(self) -> bool:
        """Whether ``key`` is just the stated key of a redriven copy."""
        return self.own_key is not None
