"""`hammer` does not see what docs/testing.md says that it does not see: wrong code passes."""

import json
from typing import Any

import pytest

from idempotent_lambda import idempotent
from idempotent_lambda_toolkit.testing import Effects, HammerError, Reason, Report, events, hammer

KEY = "body.order_id"
ORDER = events.sqs({"order_id": "ORDER-1"})
TWO = events.sqs({"order_id": "ORDER-1"}, {"order_id": "ORDER-2"})

EFFECTS = Effects()
charge = EFFECTS.of("charge")


def reasons(report: Report) -> set[Reason]:
    """The reasons of a report."""
    return {each.reason for each in report.findings}


@idempotent(name="bulk", key="orders[].order_id", lease_seconds=20)
def charge_all(orders: Any) -> None:
    """Charge several orders under one key."""
    for order in orders:
        charge(order)


def handle_batch(event: Any, _: Any) -> None:
    """Hand a whole batch to a decorated function."""
    charge_all([json.loads(record["body"]) for record in event["Records"]])


def test_a_key_of_the_batch_with_one_record() -> None:
    """A key of the whole batch shows only if the event has two records."""
    assert hammer(handle_batch, ORDER, effects=EFFECTS).passed
    assert Reason.KEY_OF_THE_BATCH in reasons(hammer(handle_batch, TWO, effects=EFFECTS))


def test_more_than_five_failures() -> None:
    """Code that gives up at the sixth failure passes."""
    failures = 0

    def process(message: Any) -> None:
        nonlocal failures
        try:
            charge(message.body)
        except Exception:
            failures += 1
            if message.receive_count > 5:
                return
            raise

    assert hammer(process, ORDER, effects=EFFECTS, key=KEY).passed
    assert failures > 5


def test_a_side_effect_that_is_not_declared() -> None:
    """A mail that nobody declared repeats unseen."""
    mails: list[str] = []

    def process(message: Any) -> None:
        mails.append(message.key)
        charge(message.body)

    assert hammer(process, ORDER, effects=EFFECTS, key=KEY).passed
    assert len(mails) > 1


def test_compensation() -> None:
    """A charge that is refunded and then done again counts as a repetition."""
    effects = Effects()
    pay, ship = effects.of("pay"), effects.of("ship")

    def process(message: Any) -> None:
        pay(message.body)
        try:
            ship(message.body)
        except Exception:
            refund(message.body)
            raise

    def refund(order: Any) -> None:
        """Give the money back."""

    assert Reason.REPEATS_ON_RETRY in reasons(hammer(process, ORDER, effects=effects, key=KEY))


def test_state_of_one_process() -> None:
    """A killed process goes on to its `finally`, whose changes in memory stay."""
    ended: list[str] = []

    def process(message: Any) -> None:
        try:
            charge(message.body)
        except BaseException as error:
            ended.append(type(error).__name__)
            raise

    assert hammer(process, ORDER, effects=EFFECTS, key=KEY).passed
    assert "Killed" in ended


def test_messages_at_the_same_time() -> None:
    """Two messages of one batch never run at the same time, so a race between them passes."""
    running: set[str] = set()
    together: list[set[str]] = []

    def process(message: Any) -> None:
        running.add(message.key)
        together.append({*running})
        try:
            charge(message.body)
        finally:
            running.clear()

    assert hammer(process, TWO, effects=EFFECTS, key=KEY).passed
    assert {len(each) for each in together} == {1}


def test_a_token_that_does_not_work() -> None:
    """A receiver that ignores its token charges twice, and hammer does not know."""
    charged: list[str] = []
    effects = Effects()

    def receive(order: Any, token: str) -> None:
        charged.append(f"{order['order_id']} {token}")

    pay = effects.of("pay", receive, token="token")

    def process(message: Any) -> None:
        pay(message.body, token=message.idempotency_token)

    assert hammer(process, ORDER, effects=effects, key=KEY, exactly_once=True).passed
    assert len(charged) > len({*charged})


def test_a_message_that_is_always_refused() -> None:
    """There is nothing to judge in a message that never succeeds."""
    with pytest.raises(HammerError, match="without any fault"):
        hammer(lambda message: message.body["missing"], ORDER, effects=EFFECTS, key=KEY)
