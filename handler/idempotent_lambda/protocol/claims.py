"""What the store answers, and the store itself as the rest of the package sees it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from idempotent_lambda.clock import Deadline, EpochMillis
from idempotent_lambda.errors import StoreError
from idempotent_lambda.protocol.record import Owner
from idempotent_lambda.protocol.requests import ClaimRequest, Request


@dataclass(frozen=True, slots=True)
class Claimed:
    """The record is the caller's.

    Attributes:
        attempts: claims since the last release; more than one means a takeover.
        recovered: the caller's own earlier request had been carried out, its answer lost.
    """

    owner: Owner
    attempts: int
    recovered: bool = False


@dataclass(frozen=True, slots=True)
class Duplicate:
    """The key is completed, and the retention is not over."""

    result: str | None = None


@dataclass(frozen=True, slots=True)
class InProgress:
    """Another owner's lease is live."""

    lease_expires_at: EpochMillis


@dataclass(frozen=True, slots=True)
class Stale:
    """The owner's lease is over, and a takeover was not asked for."""

    attempts: int
    owner: Owner


@dataclass(frozen=True, slots=True)
class Parked:
    """The record is set aside for a person; ``dead_lettered`` once its copy is known to be sent.

    Attributes:
        since: when the key was first claimed, if the record was there before.
    """

    owner: Owner
    dead_lettered: bool = False
    since: EpochMillis | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Stray:
    """The record does not belong to the copy that states its key."""


@dataclass(frozen=True, slots=True)
class Mismatch:
    """The key stands for another payload."""


@dataclass(frozen=True, slots=True)
class Completed:
    """The completion is written; ``recovered`` as in `Claimed`."""

    recovered: bool = False


@dataclass(frozen=True, slots=True)
class Released:
    """The record is gone: the key may be claimed."""


@dataclass(frozen=True, slots=True)
class LostLease:
    """The record is not the caller's any more, and nothing was written.

    Attributes:
        completed: another owner has completed the key.
        result: what that owner stored with a completion, as JSON.
        payload_hash: of what the key stands for then.
    """

    completed: bool
    result: str | None = None
    payload_hash: str | None = None


ClaimOutcome = Claimed | Duplicate | InProgress | Stale | Parked | Mismatch | Stray
CompleteOutcome = Completed | LostLease
ReleaseOutcome = Released | LostLease
ParkOutcome = Parked | LostLease

ClaimAnswer = ClaimOutcome | StoreError
CompleteAnswer = CompleteOutcome | StoreError
ReleaseAnswer = ReleaseOutcome | StoreError
ParkAnswer = ParkOutcome | StoreError


PARALLEL_CALLS = 8
"""How many calls a store makes at the same time for one request of its user."""


class ClaimStore(Protocol):
    """A table of records. One suite (tests/contracts) holds every implementation to this.

    Every method takes requests for different records and answers each in its place: with its
    outcome, or with the `StoreRefusedError` or `StoreUnavailableError` that kept it from one. It
    makes no call whose worst case would not end before the deadline's reserve, except the first
    of a completion or release. Threads may call it at the same time.
    """

    def claim(self, requests: Sequence[ClaimRequest], deadline: Deadline) -> Sequence[ClaimAnswer]:
        """Take each record if its condition holds."""

    def complete(self, requests: Sequence[Request], deadline: Deadline) -> Sequence[CompleteAnswer]:
        """Complete each record if it is still the owner's; insists until the deadline.

        The actions of a request take effect with it or not at all.
        """

    def release(self, requests: Sequence[Request], deadline: Deadline) -> Sequence[ReleaseAnswer]:
        """Delete each record if it is still the owner's; park it again if it belongs to a copy."""

    def park(self, requests: Sequence[Request], deadline: Deadline) -> Sequence[ParkAnswer]:
        """Set each record aside if it is still the owner's."""

    def mark(self, requests: Sequence[Request], deadline: Deadline) -> Sequence[ParkAnswer]:
        """Note of each parked record of this owner that its copy is dead-lettered."""
