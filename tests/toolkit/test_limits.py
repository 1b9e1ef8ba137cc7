"""What `hammer` does not see: each line of the limits in docs/testing.md that a test can show."""

import os
import time
from datetime import UTC, datetime
from typing import Any

from idempotent_lambda_toolkit.testing import Effects, events, hammer

KEY = "body.order_id"
ORDER = events.sqs({"order_id": "ORDER-1"})
EFFECTS = Effects()
charge = EFFECTS.of("charge", lambda order, token=None: (order, token), token="token")


def test_ids_of_a_process() -> None:
    """A token from the process id is not found, because all deliveries run in one process."""

    def process(message: Any) -> None:
        charge(message.body, token=f"{message.key}-{os.getpid()}")

    assert hammer(process, ORDER, effects=EFFECTS, key=KEY).passed


def test_months() -> None:
    """A token with the month is not found, unless the month ends within a day."""

    def process(message: Any) -> None:
        charge(message.body, token=f"{message.key}-{datetime.now(UTC):%Y-%m}")

    assert hammer(process, ORDER, effects=EFFECTS, key=KEY).passed


def test_dropping_what_is_older_than_two_days() -> None:
    """Code that drops older messages than a scenario has is not found."""

    def process(message: Any) -> None:
        if time.time() - int(message.attributes["SentTimestamp"]) / 1000 < 2 * 24 * 3600:
            charge(message.body)

    assert hammer(process, ORDER, effects=EFFECTS, key=KEY).passed


def test_memory_that_ends_before_the_redelivery() -> None:
    """A circuit breaker that returns while it is open is not found if it closes in a minute."""
    opened = float("-inf")

    def process(message: Any) -> None:
        nonlocal opened
        if time.monotonic() - opened < 60:
            return
        try:
            charge(message.body)
        except Exception:
            opened = time.monotonic()
            raise

    assert hammer(process, ORDER, effects=EFFECTS, key=KEY).passed
