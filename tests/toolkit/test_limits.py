"""What `hammer` does not see: each limit of docs/testing.md has a test, and the reverse.

This module has the limits of side effects and their receivers.
"""

import importlib
import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.client import BaseClient

from idempotent_lambda import idempotent
from idempotent_lambda_toolkit.testing import AnswerLost, Effects, Reason, Report, events, hammer

from . import test_limits_of_deliveries as deliveries

pytestmark = pytest.mark.slow

PAGE = Path(__file__).parents[2] / "docs" / "testing.md"
KEY = "body.order_id"
ORDER = events.sqs({"order_id": "ORDER-1"})


def rehearse(effects: Effects, process: Callable[[Any], object], **options: Any) -> Report:
    """The report on a processor."""
    return hammer(process, ORDER, effects=effects, key=KEY, **options)


def list_reasons(report: Report) -> list[Reason]:
    """The reasons of a report."""
    return [finding.reason for finding in report.findings]


def charge(order: Any) -> None:
    """A placeholder for a call to the payment provider."""


def charge_twice(order: Any) -> None:
    """Charge, and charge again: a decorator that retries does that after a lost answer."""
    charge(order)
    charge(order)


def test_a_side_effect_that_is_not_declared() -> None:
    """A mail that nobody declared repeats unseen."""
    effects, mails = Effects(), list[str]()
    pay = effects.of("pay")

    def process(message: Any) -> None:
        mails.append(message.key)
        pay(message.body)

    assert rehearse(effects, process).passed
    assert len(mails) > 1


def test_a_side_effect_at_import(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each start of a process imports the code, and the test imports it once."""
    (tmp_path / "orders_at_import.py").write_text(
        f"from {__name__} import charge\n\ncharge('start')\n\n\n"
        "def process(message):\n    charge(message.body)\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    effects = Effects()
    with effects.patch(f"{__name__}.charge"):
        orders = importlib.import_module("orders_at_import")
        report = rehearse(effects, orders.process)
    assert report.passed
    assert [call.args for call in effects.calls] == [("start",)]


def test_more_than_twenty_side_effects() -> None:
    """A failure of the last of 21 side effects is swallowed unseen."""
    effects = Effects()
    mail = effects.of("mail", token=str)

    def process(_: Any) -> None:
        for number in range(21):
            try:
                mail(number)
            except Exception:
                if number < 20:
                    raise

    assert rehearse(effects, process).passed


@pytest.mark.parametrize(
    ("name", "lets_lost_answers_through", "reasons"),
    [
        ("set_aside", True, [Reason.SWALLOWED]),
        ("pay", True, []),
        ("pay", False, [Reason.REPEATS_AFTER_LOST_ANSWER]),
    ],
)
def test_a_side_effect_instead_of_another(
    name: str, *, lets_lost_answers_through: bool, reasons: list[Reason]
) -> None:
    """A write to the user's own dead-letter queue replaces a charge only under the same name."""
    effects = Effects()
    pay, set_aside = effects.of("pay"), effects.of(name)

    def process(message: Any) -> None:
        try:
            pay(message.body)
        except TimeoutError:
            if lets_lost_answers_through:
                raise
            set_aside(message.body)
        except Exception:  # noqa: BLE001  # every refusal is set aside
            set_aside(message.body)

    assert list_reasons(rehearse(effects, process)) == reasons


def test_compensation() -> None:
    """A charge that is refunded and then done again counts as a repetition."""
    effects, refunds = Effects(), list[Any]()
    pay, ship = effects.of("pay"), effects.of("ship")

    def process(message: Any) -> None:
        pay(message.body)
        try:
            ship(message.body)
        except Exception:
            refunds.append(message.body)
            raise

    assert Reason.REPEATS_ON_RETRY in list_reasons(rehearse(effects, process))
    assert refunds


@pytest.mark.parametrize(("target", "times"), [("charge_twice", 1), ("charge", 2)])
def test_decorators_of_replaced_functions(target: str, times: int) -> None:
    """Code around the receiver does not run if it is replaced as well."""
    effects = Effects()
    with effects.patch(f"{__name__}.{target}"):
        charge_twice("ORDER-1")
    assert len(effects.calls) == times


def test_a_token_that_does_not_work() -> None:
    """A receiver that ignores its token charges twice, and hammer does not know."""
    effects, charged = Effects(), list[str]()

    def receive(order: Any, token: str) -> None:
        charged.append(f"{order['order_id']} {token}")

    pay = effects.of("pay", receive, token="token")

    def process(message: Any) -> None:
        pay(message.body, token=message.idempotency_token)

    assert rehearse(effects, process, exactly_once=True).passed
    assert len(charged) > len({*charged})


def test_two_receivers_with_one_name_and_one_token() -> None:
    """A second provider does not know the token of the first one, which hammer does not see."""
    effects = Effects()
    first, second = effects.of("pay", token=str), effects.of("pay", token=str)

    def process(message: Any) -> None:
        try:
            first(message.idempotency_token)
        except AnswerLost:
            second(message.idempotency_token)

    assert rehearse(effects, process).passed


def test_tokens_of_other_consumers() -> None:
    """Without ``shared``, a token that every consumer has passes."""
    effects = Effects()
    pay = effects.of("pay", token=str)
    assert rehearse(effects, lambda message: pay(message.key)).passed


def test_shared_tokens_of_decorated_functions() -> None:
    """In a decorated function, a text around a value of the event passes, whoever else adds it."""
    effects = Effects()
    pay = effects.of("pay", token=str, shared=True)

    @idempotent(name="pay_of_limits", key="order.order_id", lease_seconds=20)
    def decorated(order: Any) -> None:
        pay(f"order-{order['order_id']}")

    def handler(event: Any, _: Any) -> None:
        decorated(event)

    assert hammer(handler, events.direct({"order_id": "ORDER-1"}), effects=effects).passed


def test_retries_of_boto3(monkeypatch: pytest.MonkeyPatch) -> None:
    """A request that boto3 repeats below the operation is one side effect."""
    requests: list[Any] = []
    monkeypatch.setattr(BaseClient, "_make_request", requests.append)
    import boto3  # noqa: PLC0415  # only this test needs it

    sns = boto3.client("sns", region_name="eu-central-1")
    effects = Effects()
    with effects.patch_aws("sns.Publish"):
        report = rehearse(effects, lambda message: sns.publish(TopicArn="a", Message=message.key))
    assert (report.passed, requests) == (True, [])


LIMITS: dict[str, list[Callable[..., None]]] = {
    "side effects that you do not declare": [
        test_a_side_effect_that_is_not_declared,
        test_a_side_effect_at_import,
    ],
    "faults at the 21st side effect": [test_more_than_twenty_side_effects],
    "a side effect that replaces a failed one": [test_a_side_effect_instead_of_another],
    "compensation": [test_compensation],
    "the decorators of a function that you replace": [test_decorators_of_replaced_functions],
    "whether a token works": [test_a_token_that_does_not_work],
    "that two receivers of one name": [test_two_receivers_with_one_name_and_one_token],
    "that another consumer passes the same token": [
        test_tokens_of_other_consumers,
        test_shared_tokens_of_decorated_functions,
    ],
    "that boto3 sends a request again": [test_retries_of_boto3],
    "a key of the whole batch": [deliveries.test_a_key_of_the_batch_with_one_record],
    "behavior after more than five failures": [deliveries.test_more_than_five_failures],
    "an event source mapping without `ReportBatchItemFailures`": [
        deliveries.test_a_mapping_that_reads_no_failures
    ],
    "messages that run at the same time": [
        deliveries.test_messages_at_the_same_time,
        deliveries.test_parking,
    ],
    "the end of a process": [
        deliveries.test_code_after_a_kill,
        deliveries.test_a_token_that_a_process_keeps,
        deliveries.test_ids_of_a_process,
    ],
    "memory that lasts less than six function timeouts": [
        deliveries.test_memory_that_ends_before_the_redelivery
    ],
    "differences between times over two days apart": [
        deliveries.test_months,
        deliveries.test_dropping_what_is_older_than_two_days,
    ],
    "a rate limit by the wall clock": [deliveries.test_a_rate_limit_by_the_wall_clock],
    "a wait that it cannot simulate": [deliveries.test_a_wait_that_hammer_cannot_replace],
    "a clock or sleep function in a default value": [
        deliveries.test_a_sleep_that_hammer_cannot_replace
    ],
    "the length of a sleep in another thread": [deliveries.test_a_sleep_of_another_thread],
}
"""The tests of each limit, by the first words of its line on the page."""


def test_every_limit_has_a_test() -> None:
    """The page has exactly the limits of the table, in its order."""
    (limits,) = re.findall(r"\n## Limits\n(.*?)(?=\n## |\Z)", PAGE.read_text("utf-8"), re.DOTALL)
    lines = [" ".join(line.split()) for line in re.split(r"^- ", limits, flags=re.MULTILINE)[1:]]
    found = [[words for words in LIMITS if line.startswith(words)] for line in lines]
    assert found == [[words] for words in LIMITS], lines


def test_every_test_is_of_a_limit() -> None:
    """Each test of these two modules belongs to one limit."""
    modules = inspect.getmodule(test_every_limit_has_a_test), deliveries
    functions = [
        function
        for module in modules
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if name.startswith("test_") and not name.startswith("test_every_")
    ]
    listed = [function for functions in LIMITS.values() for function in functions]
    assert sorted(function.__name__ for function in functions) == sorted(
        function.__name__ for function in listed
    )
