"""The `hammer` function reads results that report failures as the package and Lambda do."""

import contextlib
import queue
import threading
from typing import Any
from unittest.mock import Mock

import pytest

from idempotent_lambda import idempotent
from idempotent_lambda.decorator import Wiring
from idempotent_lambda.settings import Settings
from idempotent_lambda_toolkit.testing import (
    Effects,
    HammerError,
    InMemoryClaimStore,
    ManualClock,
    Reason,
    events,
    hammer,
)

pytestmark = pytest.mark.slow

ORDER = events.sqs({"order_id": "ORDER-1"})
KEY = "body.order_id"
EFFECTS = Effects()
charge = EFFECTS.of("charge")


def report(message_id: str) -> dict[str, Any]:
    """The response that names a message."""
    return {"batchItemFailures": [{"itemIdentifier": message_id}]}


def answers_like_a_handler(message: Any) -> Any:
    """Report every message, as a handler would."""
    charge(message.body)
    return report(message.id)


def reports_what_fails(message: Any) -> Any:
    """Report only what failed."""
    try:
        charge(message.body)
    except Exception:  # noqa: BLE001  # every error is reported
        return report(message.id)
    return None


def test_a_processor_that_returns_failures() -> None:
    """A processor whose result always reports failures is never done, and the finding says why."""
    (finding,) = hammer(answers_like_a_handler, ORDER, effects=EFFECTS, key=KEY).findings
    assert finding.reason is Reason.NOT_RUN
    assert "batchItemFailures" in finding.text
    assert "raise failures" in finding.reason.fix


def test_a_processor_that_returns_its_failure() -> None:
    """A failure that is returned instead of raised loses nothing: the message comes again."""
    assert hammer(reports_what_fails, ORDER, effects=EFFECTS, key=KEY).passed


@idempotent(name="whole_batch", key="event.Records[0].messageId")
def decorated(event: Any, context: Any) -> None:
    """Charge every order of a batch under one key."""
    del context
    for record in event["Records"]:
        charge(record["body"])


def test_a_decorated_handler_over_records() -> None:
    """The package refuses such a handler, and the error shows the way out."""
    with pytest.raises(HammerError, match=r"docs/guides/handler-over-records\.md"):
        hammer(decorated, ORDER, effects=EFFECTS)


@idempotent(name="returns_failures", key="event.order_id")
def returns_failures(event: Any, context: Any) -> Any:
    """Report the failure of an invocation that has no batch."""
    del context
    try:
        charge(event["order_id"])
    except Exception:  # noqa: BLE001  # every error is reported
        return report("unknown")
    return None


def test_failures_of_an_invocation_without_a_batch() -> None:
    """Lambda reads no failures of an asynchronous invocation, so the failure is lost."""
    (finding,) = hammer(returns_failures, {"order_id": "ORDER-1"}, effects=EFFECTS).findings
    assert finding.reason is Reason.FAILURES_NOT_READ


def test_a_decorator_with_a_wiring() -> None:
    """A decorated function with another table is refused, also if the code swallows all errors."""
    environment = {
        "IDEMPOTENCY_TABLE": "orders",
        "IDEMPOTENCY_NAMESPACE": "orders",
        "IDEMPOTENCY_RETENTION_SECONDS": "1900800",
    }
    settings = Settings.from_environment(environment, require_processor=False)
    wiring = Wiring(settings, InMemoryClaimStore(), ManualClock(), Mock())

    @idempotent(name="with_a_wiring", key="order.order_id", lease_seconds=60, wiring=wiring)
    def call(order: Any) -> None:
        charge(order)

    def handler(event: Any, _: Any) -> None:
        with contextlib.suppress(BaseException):
            call(event)

    with pytest.raises(HammerError, match=r"'with_a_wiring' has a wiring.*leave out `wiring`"):
        hammer(handler, {"order_id": "ORDER-1"}, effects=EFFECTS)


@pytest.mark.parametrize("event", [[ORDER], None, "text"])
def test_an_event_that_is_no_dict(event: Any) -> None:
    """The error says what Lambda delivers, for the event and for the different ones."""
    with pytest.raises(HammerError, match="Lambda delivers a dict"):
        hammer(reports_what_fails, event, effects=EFFECTS, key=KEY)
    with pytest.raises(HammerError, match="Lambda delivers a dict"):
        hammer(reports_what_fails, ORDER, effects=EFFECTS, key=KEY, different=[event])


def test_a_worker_thread_that_ends() -> None:
    """A thread that a failure ends, with work in its queue, is a swallowed failure and no more."""

    def process(message: Any) -> None:
        lines: queue.Queue[str | None] = queue.Queue()

        def work() -> None:
            while (line := lines.get()) is not None:
                pay(token=f"{message.idempotency_token}-{line}")

        thread = threading.Thread(target=work)
        thread.start()
        for line in ("a", "b", "c", None):
            lines.put(line)
        thread.join()

    effects = Effects()
    pay = effects.of("pay", token="token")
    report = hammer(process, ORDER, effects=effects, key=KEY)
    assert {each.reason for each in report.findings} == {Reason.SWALLOWED}, report
