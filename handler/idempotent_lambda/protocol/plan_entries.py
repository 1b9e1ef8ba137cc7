"""The entries of a batch plan: items, tasks, and follow-ups that wait for the end of a stage."""

from enum import StrEnum
from typing import Generic, NamedTuple, Protocol, TypeVar

from idempotent_lambda.protocol.steps import End, Settled, Step


class Item(Protocol):
    """The properties of a work item that a plan uses. A plan uses no others."""

    @property
    def place(self) -> int:
        """The item's number in the batch, from 0."""

    @property
    def stage(self) -> int:
        """The item's stage: it starts only after all lower stages are settled; 0 without groups."""

    @property
    def after(self) -> tuple[int, ...]:
        """The places of items that must be acknowledged before this item starts."""

    @property
    def repeats(self) -> bool:
        """Whether an earlier item has the same key: once that is settled, this item is claimed."""

    @property
    def near_receive_limit(self) -> bool:
        """Whether a message of the item is dead-lettered after this receive or the next."""


ItemT = TypeVar("ItemT", bound=Item)

Task = tuple[ItemT, Step | Settled]
"""An item and its next step; or its end, if nothing more is done for the item."""

FinishedTask = tuple[ItemT, Step | Settled, Step | End]
"""An item, the step that was done, and the step or end that follows."""

Order = tuple[int, int, int, int]
"""The sort key of a follow-up: the stage; then steps by place, then takeovers. Takeovers with the
fewest attempts come first; among equals, the last item of the batch: items after one that kills its
process never started."""


class Decision(StrEnum):
    """The next action of a thread that has nothing to do."""

    GO = "it asks for tasks"
    FLUSH = "it asks for tasks, of which the completions come first"
    WAIT = "it waits for the completions in flight, but not for long"


class FollowUp(NamedTuple, Generic[ItemT]):
    """An item that is handled alone, after all other work of its stage.

    Attributes:
        step: next step, or the end; None for a takeover, whose claim is not made yet.
        attempts: number of claims of the key before a takeover.
    """

    order: Order
    item: ItemT
    step: Step | Settled | None
    attempts: int = 0


def follow_up_with_step(item: ItemT, step: Step | Settled) -> FollowUp[ItemT]:
    """Return the follow-up for a step."""
    return FollowUp((item.stage, 0, item.place, 0), item, step)


def follow_up_with_takeover(item: ItemT, attempts: int) -> FollowUp[ItemT]:
    """Return the follow-up for the takeover of a key whose claim is stale."""
    return FollowUp((item.stage, 1, attempts, -item.place), item, None, attempts)


def is_blocked(item: Item, undone: int) -> bool:
    """Whether an item that must come first is not acknowledged, or will not be.

    ``undone`` has a bit for the place of each such item.
    """
    return any(undone >> place & 1 for place in item.after) if item.after else False
