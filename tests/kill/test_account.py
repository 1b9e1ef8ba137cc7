"""The account finds every broken promise of a round, and accepts the repeats that P5 allows."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from scripts.kill.account import MARKED, Account, Cause, Run
from scripts.kill.plan import Event, Mode, Moment, plan_round

FIRST, SECOND = Run("a", "first"), Run("a", "second")
DONE, BEGUN, PARKED, SENT = (
    {FIRST: state} for state in ("COMPLETED", "IN_PROGRESS", "PARKED", MARKED)
)


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One delivery of a batch, and the tables after it."""

    killed: bool = False
    acknowledged: Iterable[str] = ()
    effects: Sequence[Run] = ()
    raised: Sequence[Run] = ()
    unconfirmed: Iterable[str] = ()
    records: Mapping[Run, str] = field(default_factory=dict)
    copies: Iterable[Run] = ()
    counters: Mapping[str, int] = field(default_factory=dict)


KILLED = Delivery(killed=True, effects=[FIRST], records=BEGUN)
REPEATED = Delivery(effects=[SECOND], acknowledged="a", records=DONE)
DUPLICATE = Delivery(acknowledged="a", records=DONE)
ORDINARY = replace(DUPLICATE, effects=[FIRST])


def account(
    *deliveries: Delivery, mode: Mode = Mode.RETRY, keys: str = "a", left: str = ""
) -> Account:
    """The result of a round of these deliveries."""
    moments = dict.fromkeys(range(len(deliveries)), Moment(Event.BATCH, 1))
    found = Account(planned=replace(plan_round(mode, 1, 1), keys=list(keys), moments=moments))
    for delivery in deliveries:
        found.add(
            {
                "effect": delivery.effects,
                "raised": delivery.raised,
                "unconfirmed": [(key,) for key in delivery.unconfirmed],
                "answer": [] if delivery.killed else [()],
            },
            acknowledged=set(delivery.acknowledged),
            left=set(left if delivery is deliveries[-1] else keys),
            records=delivery.records,
            copies=set(delivery.copies),
            counters=delivery.counters,
        )
    return found


def broken(*deliveries: Delivery, **known: Any) -> Mapping[str, set[str]]:
    """The broken promises of a round, with their keys."""
    return {name: keys for name, keys in account(*deliveries, **known).wrong.items() if keys}


def wrong(*deliveries: Delivery, **known: Any) -> Mapping[str, set[str]]:
    """The broken promises of a round that may not have ended, with their keys."""
    found = broken(*deliveries, **known)
    return {name: keys for name, keys in found.items() if name != "unfinished"}


def test_an_ordinary_round() -> None:
    """A message that runs once and is confirmed breaks nothing; an idle kill leaves no doubt."""
    assert broken(ORDINARY) == {}
    assert broken(Delivery(killed=True), ORDINARY) == {}
    found = account(Delivery(killed=True), ORDINARY)
    assert (found.in_doubt, found.repeats, found.deliveries) == ([0], {}, 2)
    assert found.kills == [Event.BATCH]


@pytest.mark.parametrize(
    "records", [{}, BEGUN, DONE], ids=["without a record", "in progress", "without its effect"]
)
def test_acknowledged_too_early(records: Mapping[Run, str]) -> None:
    """A message is lost that is acknowledged while nothing proves that it is done."""
    effects = [] if records is DONE else [FIRST]
    early = Delivery(effects=effects, acknowledged="a", records=records)
    assert wrong(early, left="a") == {"lost": {"a"}}


def test_lost_for_good() -> None:
    """A key of which nothing is left at the end is lost, though it was never acknowledged."""
    assert wrong(ORDINARY, keys="ab") == {"lost": {"b"}}


def test_a_raised_effect_is_none() -> None:
    """An effect whose processor raised does not count as done."""
    raised = replace(ORDINARY, raised=[FIRST])
    assert wrong(raised) == {"lost": {"a"}}


def test_repeated_after_a_kill() -> None:
    """A message that a kill left unconfirmed is in doubt, and may repeat."""
    found = account(KILLED, REPEATED)
    assert wrong(KILLED, REPEATED) == {}
    assert found.in_doubt == [1]
    assert found.repeats == {Cause.INTERRUPTED: 1}


@pytest.mark.parametrize(
    "before",
    [ORDINARY, replace(KILLED, records=DONE), replace(KILLED, killed=False)],
    ids=["after an answer", "after its confirmation", "without a kill"],
)
def test_an_unexplained_repeat(before: Delivery) -> None:
    """An effect that was confirmed, or that no kill put in doubt, must not repeat."""
    assert wrong(before, REPEATED) == {"unexplained_repeats": {"a"}}


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ({"raised": [FIRST]}, Cause.RAISED),
        ({"unconfirmed": "a"}, Cause.UNCONFIRMED),
    ],
)
def test_other_causes(change: Mapping[str, Any], cause: Cause) -> None:
    """An effect may repeat after its processor raised, or as its completion is unconfirmed."""
    before = replace(KILLED, killed=False, **change)
    assert wrong(before, REPEATED) == {}
    assert account(before, REPEATED).repeats[cause] == 1


def test_a_third_effect_needs_a_cause_of_its_own() -> None:
    """One kill explains one repetition, not another one after that."""
    third = replace(REPEATED, effects=[Run("a", "third")])
    assert wrong(KILLED, REPEATED, third) == {"unexplained_repeats": {"a"}}


def test_an_older_doubt_is_not_counted_twice() -> None:
    """A key that the first kill left in doubt is none of the second kill's."""
    second = replace(KILLED, effects=[])
    assert account(KILLED, second, REPEATED).in_doubt == [1, 0]


@pytest.mark.parametrize("copies", [[], [Run("a", "other")]])
def test_parked_without_a_copy(copies: Sequence[Run]) -> None:
    """Marked as sent, or acknowledged, a parked record needs a copy with its own token."""
    for delivery in (
        Delivery(records=SENT, copies=copies),
        Delivery(records=PARKED, acknowledged="a", copies=copies),
    ):
        assert wrong(delivery, mode=Mode.PARK, left="a") == {"parked_without_copy": {"a"}}


def test_parked_with_its_copy() -> None:
    """A parked record with its copy is kept; one whose copy is still to be sent is not complete."""
    kept = Delivery(records=SENT, acknowledged="a", copies=[FIRST])
    unsent = Delivery(killed=True, records=PARKED)
    assert wrong(unsent, kept, mode=Mode.PARK, left="a") == {}


def test_a_copy_that_is_never_run() -> None:
    """A record that is still parked when all copies are redriven and acknowledged is lost."""
    kept = Delivery(records=SENT, acknowledged="a", copies=[FIRST])
    assert wrong(KILLED, kept, mode=Mode.PARK) == {"lost": {"a"}}


@pytest.mark.parametrize(
    ("count", "expected"), [(0, ["lost", "counter_errors"]), (2, ["counter_errors"])]
)
def test_counters(count: int, expected: list[str]) -> None:
    """In transaction mode every key counts to exactly one."""
    played = replace(DUPLICATE, counters={"a": 1})
    assert wrong(played, mode=Mode.TRANSACTION) == {}
    played = replace(DUPLICATE, counters={"a": count})
    assert list(wrong(played, mode=Mode.TRANSACTION)) == expected


def test_a_commit_without_its_completion() -> None:
    """A counter that a kill left without a completed record is an effect in doubt."""
    torn = Delivery(killed=True, counters={"a": 1}, records=BEGUN)
    assert account(torn, mode=Mode.TRANSACTION, left="a").in_doubt == [1]


def test_unfinished() -> None:
    """A round that does not end says so, and what is still to come is not lost."""
    assert broken(KILLED, left="a") == {"unfinished": {"a"}}
