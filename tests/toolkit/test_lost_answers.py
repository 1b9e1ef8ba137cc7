"""The `hammer` function loses requests to side effects, and answers of side effects."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import Any

import pytest

from idempotent_lambda import idempotent
from idempotent_lambda_toolkit.testing import (
    AnswerLost,
    EffectFailed,
    Effects,
    Reason,
    Report,
    events,
    hammer,
)
from idempotent_lambda_toolkit.testing.failures import make_lost_answer

pytestmark = pytest.mark.slow

BODY = {"order_id": "ORDER-1"}
ORDER = events.sqs(BODY)
KEY = "body.order_id"


class ReadTimeoutError(Exception):
    """A timeout of a library, by its name alone."""


class ConnectTimeout(ConnectionError, TimeoutError):  # noqa: N818  # as libraries name it
    """A connection that was never made: no request was sent."""


def run(function: Callable[[Any, Any], object], **more: Any) -> Report:
    """Hammer a processor that gets the charge and the message."""
    effects = Effects()
    options = {name: more.pop(name) for name in ("failure", "lost_answer", "token") if name in more}
    charge = effects.of("charge", **options)
    more.setdefault("event", ORDER)
    return hammer(
        lambda message: function(charge, message), effects=effects, **{"key": KEY, **more}
    )


def find_reasons(report: Report) -> list[Reason]:
    """Return the reasons of the findings."""
    return [each.reason for each in report.findings]


def retry(charge: Any, message: Any) -> None:
    """Charge again after any failure."""
    try:
        charge(message.body)
    except Exception:  # noqa: BLE001  # this is the mistake
        charge(message.body)


def test_a_retry_after_a_lost_answer() -> None:
    """The finding names the side effect, the lost answer and the one delivery."""
    (finding,) = run(retry).findings
    assert finding.reason is Reason.REPEATS_AFTER_LOST_ANSWER
    assert finding.steps == ("deliver (the answer of 'charge' is lost)",)
    assert finding.text == (
        "effect 'charge' for key 'ORDER-1' ran 2 times when this happened: "
        "the answer of 'charge' is lost"
    )


def test_a_lost_answer_across_deliveries() -> None:
    """A repetition in a later delivery is allowed, unless it must not repeat after a crash."""

    def plain(charge: Any, message: Any) -> None:
        charge(message.body)

    assert run(plain).passed
    (finding,) = run(plain, exactly_once=True).findings
    assert finding.reason is Reason.REPEATS_AFTER_CRASH
    assert finding.steps == ("deliver (the table does not answer the completion)", "deliver")

    def with_token(charge: Any, message: Any) -> None:
        charge(message.body, token=message.idempotency_token)

    assert run(with_token, exactly_once=True, token=lambda *_, token: token).passed


def test_an_answer_that_is_not_missed() -> None:
    """A side effect that happened is not lost if the code goes on without its answer."""

    def look_first(charge: Any, message: Any) -> None:
        with contextlib.suppress(AnswerLost):
            return charge(message.body)
        if message.key not in accounts:
            raise TimeoutError
        return None

    accounts: set[str] = set()
    effects = Effects()
    charge = effects.of("charge", lambda body: accounts.add(body["order_id"]))
    report = hammer(
        lambda message: look_first(charge, message),
        ORDER,
        effects=effects,
        key=KEY,
        fresh=accounts.clear,
    )
    assert report.passed, report


def test_a_request_that_is_lost_for_good() -> None:
    """A timeout may be taken for done at any later delivery."""

    def give_up(charge: Any, message: Any) -> None:
        try:
            charge(message.body)
        except TimeoutError:
            if message.receive_count < 4:
                raise

    (finding,) = run(give_up).findings
    assert finding.reason is Reason.SWALLOWED
    again = "deliver (the request to 'charge' is lost again)"
    assert finding.steps == ("deliver (the request to 'charge' is lost)", again, again, again)


def test_an_earlier_side_effect_is_reported_once() -> None:
    """What a failure after it repeats, a lost answer after it repeats too, in one finding."""

    def two(charge: Any, message: Any) -> None:
        charge(message.body)
        charge(message.body)

    report = run(two)
    assert find_reasons(report) == [Reason.REPEATS_ON_RETRY]


def test_two_messages_of_one_key_are_no_retry() -> None:
    """A handler that runs the second message of a key after the first one failed is right."""
    effects = Effects()
    charge = effects.of("charge")

    @idempotent(name="each", key="record.body", lease_seconds=30)
    def charge_record(record: Any) -> None:
        charge(record["body"])

    def handler(event: Any, context: Any) -> Any:
        del context
        failed = []
        for record in event["Records"]:
            try:
                charge_record(record)
            except Exception:  # noqa: BLE001  # every error is reported
                failed.append({"itemIdentifier": record["messageId"]})
        return {"batchItemFailures": failed}

    report = hammer(handler, events.sqs(BODY, BODY), effects=effects)
    assert report.passed, report


def test_an_async_side_effect() -> None:
    """The answer of an awaited side effect is lost after it has happened."""
    effects = Effects()

    async def do_nothing() -> None:
        """Do nothing."""

    charge = effects.of("charge", do_nothing)

    async def charge_twice() -> None:
        try:
            await asyncio.wait_for(charge(), 5)
        except TimeoutError:
            await charge()

    report = hammer(lambda _: asyncio.run(charge_twice()), ORDER, effects=effects, key=KEY)
    assert find_reasons(report) == [Reason.REPEATS_AFTER_LOST_ANSWER]


def test_a_fallback_without_the_token() -> None:
    """A second attempt without the token of the first one is a repetition, not another token."""

    def try_another(charge: Any, message: Any) -> None:
        try:
            charge(token=message.idempotency_token)
        except TimeoutError:
            charge(token=None)

    report = run(try_another, token=lambda token: token)
    assert find_reasons(report) == [Reason.REPEATS_AFTER_LOST_ANSWER]


@pytest.mark.parametrize("exactly_once", [False, True])
def test_a_transaction(exactly_once: bool) -> None:  # pytest names it
    """A commit whose answer is lost happens once, in this delivery or in the next one."""

    def deposit(message: Any, transaction: Any) -> None:
        transaction.put("orders", message.body)

    report = hammer(deposit, ORDER, effects=Effects(), key=KEY, exactly_once=exactly_once)
    assert report.passed, report


@pytest.mark.parametrize("failure", [TimeoutError(), ConnectionResetError(), ReadTimeoutError()])
def test_a_failure_that_leaves_a_doubt(failure: Exception) -> None:
    """A declared timeout or broken connection is also the lost answer."""
    assert make_lost_answer("charge", failure) is failure
    report = run(retry, failure=failure)
    assert find_reasons(report) == [Reason.REPEATS_AFTER_LOST_ANSWER]


@pytest.mark.parametrize(
    "failure", [None, EffectFailed(), KeyError(), ConnectionRefusedError(), ConnectTimeout()]
)
def test_a_failure_without_a_doubt(failure: Exception | None) -> None:
    """Any other failure proves that nothing happened, so a retry after it alone is right."""
    lost = make_lost_answer("charge", failure)
    assert type(lost) is AnswerLost
    assert isinstance(lost, EffectFailed | TimeoutError)

    def retry_refusals(charge: Any, message: Any) -> None:
        try:
            charge(message.body)
        except AnswerLost:
            raise
        except Exception:  # noqa: BLE001  # a refusal
            charge(message.body)

    assert run(retry_refusals, failure=failure).passed


def test_a_lost_answer_of_its_own() -> None:
    """The code gets the exception that the test declares, and so meets what catches just that."""

    def retry_readings(charge: Any, message: Any) -> None:
        try:
            charge(message.body)
        except ReadTimeoutError:
            charge(message.body)

    report = run(retry_readings, failure=KeyError(), lost_answer=ReadTimeoutError())
    assert find_reasons(report) == [Reason.REPEATS_AFTER_LOST_ANSWER]
    assert run(retry_readings, failure=KeyError()).passed


def test_failure() -> None:
    """A side effect fails as it was declared to, and so meets what catches just that."""

    def swallow(charge: Any, message: Any) -> None:
        with contextlib.suppress(ConnectionError):
            charge(message.body)

    assert find_reasons(run(swallow, failure=ConnectionError("away"))) == [Reason.SWALLOWED]
