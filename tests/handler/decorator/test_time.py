"""How long a call may take, and how long it took."""

from typing import Any

import pytest

from idempotent_lambda import errors
from idempotent_lambda.clock import Millis
from idempotent_lambda.store.dynamodb import DynamoDBClaimStore
from idempotent_lambda_toolkit.testing import ManualClock
from tests.contracts.conftest import InMemory
from tests.handler.harness import START, Wire

from .shop import Context, Shop


@pytest.mark.parametrize(
    ("args", "kwargs"),
    [
        (("a", Context(20_000)), {}),
        (("a",), {"context": Context(20_000)}),
        (("a", 1, Context(20_000)), {}),
        (("a",), {"more": Context(20_000)}),
    ],
)
def test_lease_of_the_context(shop: Shop, args: Any, kwargs: Any) -> None:
    """The lease ends with the invocation, wherever the context is among the arguments."""
    seen: list[Any] = []

    def handler(order_id: str, *rest: Any, context: Any = None, **more: Any) -> None:
        del rest, context, more
        seen.append(shop.record(order_id))

    # A context says more than what was given for its absence.
    shop.decorated(handler, name="charge", key="order_id", lease_seconds=9)(*args, **kwargs)
    assert [each.lease_expires_at for each in seen] == [START + 20_000 + 5000]
    assert [each["request_id"] for each in shop.log()] == ["r-1"]


def test_lease_that_is_given(shop: Shop) -> None:
    """Without a context a call has the time that it is given."""
    seen: list[Any] = []
    shop.function(lambda order_id, _: seen.append(shop.record(order_id)), lease_seconds=2.5)("a")
    assert [each.lease_expires_at for each in seen] == [START + 2500 + 5000]


def test_no_lease(shop: Shop) -> None:
    """Without either, nothing runs and the error says what to do."""
    with pytest.raises(errors.ConfigurationError, match="set lease_seconds"):
        shop.function(lease_seconds=None)("a")
    assert shop.ran == shop.store.calls == []


def test_too_little_time(shop: Shop) -> None:
    """Nothing starts with less than the minimum left, and its claim is given back."""
    charge = shop.function("x", minimum_remaining=Millis(3000))
    with pytest.raises(errors.StoreUnavailableError, match="less than 3500 ms"):
        charge("a", Context(3499))
    assert (shop.ran, shop.record()) == ([], None)
    assert shop.outcomes() == ["not_started"]
    assert charge("a", Context(3500)) == "x"


@pytest.mark.parametrize(
    ("lease", "least", "is_enough"),
    [(3.5, 3000, False), (3.501, 3000, True), (2.301, 1800, True), (2.3, 1800, False),
     (0.001, 1, False), (0.501, 1, False), (2, 1, False), (2.001, 1, True)],
)  # fmt: skip
def test_lease_that_lets_nothing_start(
    shop: Shop, lease: float, least: int, is_enough: bool
) -> None:
    """A lease in which no call could start is refused by the first one, before its claim."""
    charge = shop.function("x", minimum_remaining=Millis(least), lease_seconds=lease)
    if is_enough:
        assert charge("a") == "x"
        return
    with pytest.raises(errors.ConfigurationError) as caught:
        charge("a")
    text = str(caught.value)
    assert f"lease_seconds is {lease}" in text
    assert f"more than {max(least, 1500) + 500} ms" in text
    assert "raise lease_seconds" in text
    # If the worst case of a request decides, this is not a remedy.
    assert ("or lower IDEMPOTENCY_MINIMUM_REMAINING_MILLIS" in text) is (least > 1500)
    assert shop.ran == shop.store.calls == shop.log() == []
    assert charge("a", Context()) == "x"


def test_observed_lease(shop: Shop) -> None:
    """In observe mode everything starts, so no lease is refused."""
    assert shop.function("x", observe_only=True, lease_seconds=0.001)("a") == "x"


def test_time_spent_on_the_claim(shop: Shop) -> None:
    """A claim that took too long is given back; a duplicate is answered all the same."""
    charge = shop.function("done", minimum_remaining=Millis(5000), lease_seconds=6.5)
    shop.store.millis = 1500
    with pytest.raises(errors.StoreUnavailableError, match="has not started"):
        charge("a")
    assert (shop.ran, shop.record()) == ([], None)
    shop.store.millis = 0
    charge("a")
    shop.store.millis = 1500
    assert charge("a") == "done"


def test_patience(dead: tuple[DynamoDBClaimStore, Wire], clock: ManualClock) -> None:
    """A table that does not answer costs a call some seconds, whatever the time it has."""
    store, wire = dead
    engine = InMemory()
    engine.store = store

    def silence(request: Any, through: Any) -> Any:
        del request, through
        clock.advance(Millis(1500))
        raise TimeoutError

    wire.always = silence
    shop = Shop(engine, "sync", clock)
    with pytest.raises(errors.StoreUnavailableError):
        shop.function(lease_seconds=900)("a")
    assert shop.ran == []
    assert clock.now() - START < 7000


def test_durations(shop: Shop) -> None:
    """The log reports how long the claim, the run and the settlement took."""
    shop.store.millis = 7
    shop.function(lambda *_: shop.clock.advance(Millis(40)))("a")
    (line,) = shop.log()
    assert (line["claim_ms"], line["run_ms"], line["settle_ms"]) == (7, 40, 7)
    assert (line["message_id"], line["key"], line["level"]) == ("charge", "a", "INFO")
