"""Random batches with groups, compared with a consumer that takes one message at a time."""

from collections.abc import Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from idempotent_lambda.clock import Millis
from tests.handler.events import fifo_order
from tests.handler.harness import ConsumerHarness, raising

Sent = tuple[str, str]
"""A message: its key and its group."""

BATCHES = st.lists(st.tuples(st.sampled_from("abcde"), st.sampled_from("xyz")), max_size=12)


def reported_of(batch: Sequence[Sent], failing: str) -> list[int]:
    """The places in a batch that are reported: the reference, one message after the other.

    A message is done if its key is, or can be; nothing is done behind one of its group that is not,
    nor where the first message of its key was not.
    """
    done: dict[str, bool] = {}
    broken: set[str] = set()
    reported = []
    for place, (key, group) in enumerate(batch):
        good = group not in broken and done.get(key, True) and key not in failing
        done.setdefault(key, good)
        if not good:
            broken.add(group)
            reported.append(place)
    return reported


def consume(
    batch: Sequence[Sent], failing: str, stale: str, done: str, **changes: Any
) -> tuple[list[int], ConsumerHarness]:
    """What a consumer reports of the batch; some keys are stale claims at first, some are done."""
    harness = ConsumerHarness(**changes)
    harness.deliver(*done)
    harness.messages.clear()
    harness.ran.clear()
    harness.behaviour = dict.fromkeys(failing, raising(ValueError()))
    for each in stale:
        harness.seed_record(each)
    records = [
        fifo_order(key, group, messageId=str(place)) for place, (key, group) in enumerate(batch)
    ]
    response: Any = harness.consumer.consume({"Records": records}, Millis(600_000))
    return [int(each["itemIdentifier"]) for each in response["batchItemFailures"]], harness


def orders_of(batch: Sequence[Sent]) -> dict[str, list[int]]:
    """The places of each group, in its order."""
    groups = dict.fromkeys(group for _, group in batch)
    return {each: [at for at, (_, group) in enumerate(batch) if group == each] for each in groups}


@settings(deadline=None)
@given(
    BATCHES,
    st.sampled_from(["", "a", "ab", "e"]),
    st.sampled_from(["", "b", "a"]),
    st.sampled_from(["", "c", "cd"]),
    st.sampled_from([1, 1, 3]),
)
def test_groups_are_consumed_one_message_at_a_time(
    batch: list[Sent], failing: str, stale: str, done: str, concurrency: int
) -> None:
    """Each group runs in its order and reports the same messages, whatever fails."""
    reported, harness = consume(batch, failing, stale, done, concurrency=concurrency)
    assert reported == reported_of(batch, failing)
    assert len(harness.ran) == len(set(harness.ran))
    ran = [int(message.id) for message in harness.messages]
    for places in orders_of(batch).values():
        mine = [place for place in ran if place in places]
        assert mine == sorted(mine)
    acknowledged = {batch[place][0] for place in range(len(batch)) if place not in reported}
    completed = {key for key in "abcde" if harness.status(key) == "COMPLETED"}
    assert completed == acknowledged | set(done)
