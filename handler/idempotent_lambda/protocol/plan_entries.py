"""What a batch plan holds: items, their tasks, and follow-ups that wait for the end of a stage."""

from enum import StrEnum
from typing import Generic, NamedTuple, Protocol, TypeVar

from idempotent_lambda.protocol.steps import End, Settled, Step


class Item(Protocol):
    """What a plan needs to know of a piece of work. It looks at nothing else."""

    @property
    def place(self) -> int:
        """Its number in the batch, from 0."""

    @property
    def stage(self) -> int:
        """Nothing of a stage starts before all lower ones are settled; 0 without groups."""

    @property
    def after(self) -> tuple[int, ...]:
        """The places of items that must be acknowledged before this one starts."""

    @property
    def repeats(self) -> bool:
        """An earlier item has the same key, so this one is claimed when that one is settled."""

    @property
    def near_receive_limit(self) -> bool:
        """After this receive, or the next one, the dead-letter queue gets a message of it."""


ItemT = TypeVar("ItemT", bound=Item)

Task = tuple[ItemT, Step | Settled]
"""An item and its next step; or its end, if nothing is done for it any more."""

FinishedTask = tuple[ItemT, Step | Settled, Step | End]
"""An item, the step that was done, and the step or end that follows it."""

Order = tuple[int, int, int, int]
"""When a follow-up is done: by stage; then steps by place, before takeovers. Of takeovers those
with the fewest attempts come first, and of equals the last of the batch: whatever came after an
item that kills its process never started."""


class Decision(StrEnum):
    """How a thread goes on that has nothing to do."""

    GO = "it asks for tasks"
    FLUSH = "it asks for tasks, of which the completions come first"
    WAIT = "it waits for the completions in flight, but not for long"


class FollowUp(NamedTuple, Generic[ItemT]):
    """An item that is done by itself, once nothing else of its stage is to be done.

    Attributes:
        step: its next step, or its end; None for a takeover, whose claim is not made yet.
        attempts: before a takeover, how often the key has been claimed.
    """

    order: Order
    item: ItemT
    step: Step | Settled | None
    attempts: int = 0


def follow_up_with_step(item: ItemT, step: Step | Settled) -> FollowUp[ItemT]:
    """Return the follow-up that does this step."""
    return FollowUp((item.stage, 0, item.place, 0), item, step)


def follow_up_with_takeover(item: ItemT, attempts: int) -> FollowUp[ItemT]:
    """Return the follow-up that takes over a key whose claim is stale."""
    return FollowUp((item.stage, 1, attempts, -item.place), item, None, attempts)


def is_blocked(item: Item, undone: int) -> bool:
    """Whether an item that it comes after is not, or will not be, acknowledged.

    ``undone`` has a bit for the place of each such item.
    """
    return any(undone >> place & 1 for place in item.after) if item.after else False
