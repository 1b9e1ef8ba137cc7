"""The `hammer` function finds defects, and does not find any in correct code."""

import asyncio
import contextlib
import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from typing import Any

import pytest

from idempotent_lambda import PermanentFailure, idempotent
from idempotent_lambda.clock import Millis
from idempotent_lambda.errors import InvalidSettingsError
from idempotent_lambda.settings import UNWRAP_CHOICES
from idempotent_lambda_toolkit.testing import (
    AnswerLost,
    EffectFailed,
    Effects,
    HammerError,
    ManualClock,
    Reason,
    Report,
    events,
    hammer,
)
from idempotent_lambda_toolkit.testing.hammering import scenario as scenario_module
from idempotent_lambda_toolkit.testing.hammering.invocation import NAMESPACE
from idempotent_lambda_toolkit.testing.hammering.scenario import Scenario
from idempotent_lambda_toolkit.testing.hammering.simulated_time import SimulatedTime
from idempotent_lambda_toolkit.testing.hammering.steps import DeliveryStep, Fault
from idempotent_lambda_toolkit.testing.hammering.subject import Subject, describe_subject
from idempotent_lambda_toolkit.testing.hammering.workers import Workers
from tests.handler.events import key_rule
from tests.requests import settings_of

pytestmark = pytest.mark.slow

BODY = {"order_id": "ORDER-1"}
ORDER = events.sqs(BODY)
KEY = "body.order_id"


class Shop:
    """Effects, and handlers that have them."""

    def __init__(self) -> None:
        self.effects = Effects()
        self.lookups: dict[str, str] = {}

    @cached_property
    def charge(self) -> Callable[..., Any]:
        return self.effects.of("charge")

    @cached_property
    def mail(self) -> Callable[..., Any]:
        return self.effects.of("mail", token="token")

    def hammer(
        self, function: Callable[..., Any], event: Any = ORDER, key: str | None = KEY, **more: Any
    ) -> Report:
        return hammer(function, event, effects=self.effects, key=key, **more)


@pytest.fixture
def shop() -> Shop:
    """Effects of one test."""
    return Shop()


class Good:
    """Processors with which nothing is wrong, though it looks as if."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop

    def plain(self, message: Any) -> None:
        self.shop.charge(message.body)

    def twice(self, message: Any) -> None:
        for _ in range(2):
            self.shop.mail(token=f"{message.key}-{_}")

    def tries_again(self, message: Any) -> None:
        for attempt in range(3):
            try:
                return self.shop.charge(message.body)
            except AnswerLost:
                raise
            except EffectFailed:
                time.sleep(2**attempt)
        raise RuntimeError("three times in vain")

    def falls_back(self, message: Any) -> None:
        try:
            self.shop.charge(message.body)
        except AnswerLost:
            raise
        except EffectFailed:
            self.shop.charge(message.body)

    def alerts(self, message: Any) -> None:
        try:
            self.shop.charge(message.body)
        except Exception:
            self.shop.effects.of("alert")()
            raise

    def gives_up_for_good(self, message: Any) -> None:
        try:
            self.shop.charge(message.body)
        except EffectFailed as error:
            raise PermanentFailure("no such card") from error

    def gives_up_in_the_end(self, message: Any) -> None:
        if message.receive_count > 3:
            raise PermanentFailure("three times in vain")
        self.shop.charge(message.body)

    def cleans_up(self, message: Any) -> None:
        try:
            self.shop.charge(message.body)
        finally:
            self.shop.lookups.clear()

    def remembers_what_it_read(self, message: Any) -> None:
        self.shop.lookups.setdefault(message.key, "cached")
        self.shop.charge(message.body)

    def waits_for_its_thread(self, message: Any) -> None:
        with ThreadPoolExecutor(1) as pool:
            pool.submit(self.shop.charge, message.body).result()

    def runs_a_coroutine(self, message: Any) -> None:
        async def work() -> None:
            await asyncio.to_thread(self.shop.charge, message.body)

        asyncio.run(work())

    def raises_when_late(self, message: Any) -> None:
        if message.remaining_millis() < 10_000:
            raise TimeoutError
        self.shop.charge(message.body)

    def looks_when_it_comes_again(self, message: Any) -> None:
        if message.receive_count > 1:
            self.shop.effects.of("void")(message.key)
        self.shop.charge(message.body)

    def sleeps(self, message: Any) -> None:
        self.shop.charge(message.body)
        time.sleep(20)

    def changes_its_message(self, message: Any) -> None:
        self.shop.charge(message.body.pop("order_id"))

    def has_many_parameters(self, message: Any, *, limit: int = 3) -> None:
        self.shop.charge(message.body, limit)


GOOD = [name for name in vars(Good) if not name.startswith("_")]


@pytest.mark.parametrize("name", GOOD)
def test_good(shop: Shop, name: str) -> None:
    """A processor that keeps its side passes."""
    report = shop.hammer(getattr(Good(shop), name))
    assert report.passed, report
    assert report.scenarios > 10


SOURCES = {
    "sqs": events.sqs(BODY, {"order_id": "ORDER-2"}),
    "fifo": events.fifo(BODY, {"order_id": "ORDER-2"}),
    "sns in sqs": events.sns_in_sqs(BODY),
    "raw": events.sns_in_sqs(BODY, raw=True),
    "eventbridge in sqs": events.eventbridge_in_sqs(BODY),
    "s3 in sqs": events.s3_in_sqs("a.json"),
    "kinesis": events.kinesis(BODY, {"order_id": "ORDER-2"}),
    "dynamodb": events.dynamodb({"id": "a"}, {"id": "b"}),
    "sns": events.sns(BODY),
    "s3": events.s3("a.json"),
    "eventbridge": events.eventbridge(BODY),
    "direct": events.direct(BODY),
}
KEYS = {"eventbridge in sqs": "body.detail.order_id", "eventbridge": "body.detail.order_id"}
WRITTEN = {"s3", "s3 in sqs", "dynamodb"}


def test_every_wrapper_comes_off() -> None:
    """The events of this package may be wrapped by any service that the consumer unwraps."""
    subject = describe_subject(lambda message: message, KEY, 30)
    assert subject.settings.unwrap == set(UNWRAP_CHOICES)


@pytest.mark.parametrize("source", SOURCES)
def test_sources(shop: Shop, source: str) -> None:
    """A good processor passes with every source, and one that swallows with none."""
    key = None if source in WRITTEN else KEYS.get(source, KEY)
    report = shop.hammer(lambda message: shop.charge(message.id), SOURCES[source], key)
    assert report.passed, report

    def swallows(message: Any) -> None:
        with contextlib.suppress(Exception):
            shop.charge(message.id)

    report = shop.hammer(swallows, SOURCES[source], key)
    assert [each.reason for each in report.findings] == [Reason.SWALLOWED]


@pytest.mark.parametrize("source", SOURCES)
def test_tokens(shop: Shop, source: str) -> None:
    """A message has the same token in every scenario, and another message has another."""
    key = None if source in WRITTEN else KEYS.get(source, KEY)
    tokens: dict[str, set[str]] = {}

    def process(message: Any) -> None:
        tokens.setdefault(message.key, set()).add(message.idempotency_token)
        shop.mail(token=message.idempotency_token)

    report = shop.hammer(process, SOURCES[source], key, exactly_once=True)
    assert report.passed, report
    assert all(len(found) == 1 for found in tokens.values())
    assert len(set().union(*tokens.values())) == len(tokens)


@pytest.mark.parametrize("source", ["sqs", "fifo", "sns in sqs", "kinesis", "sns", "eventbridge"])
def test_the_envelopes_key(shop: Shop, source: str) -> None:
    """Without a key a producer's retry is noticed, unless there are no retries."""
    report = shop.hammer(lambda message: shop.charge(message.id), SOURCES[source], None)
    assert {each.reason for each in report.findings} == {Reason.KEY_TOO_NARROW}
    report = shop.hammer(lambda _: shop.charge(), SOURCES[source], None, retries=False)
    assert report.passed, report


class Handlers:
    """Hand-written handlers, good ones."""

    def __init__(self, shop: Shop) -> None:
        @idempotent(name="charge", key="order.order_id", lease_seconds=20)
        def charge(order: Any) -> str:
            return str(shop.charge(order))

        @idempotent(name="charge_async", key="order.order_id", lease_seconds=20)
        async def charge_async(order: Any) -> str:
            return str(shop.charge(order))

        @idempotent(name="whole", key="event.order_id")
        def whole(event: Any, context: Any) -> str:
            assert context.get_remaining_time_in_millis() <= 30_000
            return str(shop.charge(event))

        def loop(event: Any, _: Any) -> Any:
            failed = []
            for record in event["Records"]:
                try:
                    charge(json.loads(record["body"]))
                except Exception:  # noqa: BLE001  # every error is reported
                    failed.append({"itemIdentifier": record["messageId"]})
            return {"batchItemFailures": failed}

        def spoils(event: Any, context: Any) -> None:
            whole(dict(event), context)
            event.clear()

        def fails_altogether(event: Any, context: Any) -> Any:
            failed = loop(event, context)["batchItemFailures"]
            return {"batchItemFailures": [{"itemIdentifier": "unknown"} for _ in failed]}

        self.spoils, self.fails_altogether = spoils, fails_altogether
        self.whole = whole
        self.inner = lambda event, context: charge(event)  # noqa: ARG005  # Lambda gives it
        self.asynchronous = lambda event, _: asyncio.run(charge_async(event))
        self.loop = loop

    def of(self, name: str) -> Any:
        return getattr(self, name)


@pytest.mark.parametrize(
    "name", ["whole", "inner", "asynchronous", "loop", "spoils", "fails_altogether"]
)
def test_handlers(shop: Shop, name: str) -> None:
    """Decorated handlers pass, whatever they decorate."""
    queued = name in ("loop", "fails_altogether")
    event = events.sqs(BODY, {"order_id": "ORDER-2"}) if queued else events.direct(BODY)
    report = shop.hammer(Handlers(shop).of(name), event, None)
    assert report.passed, report


def test_transaction(shop: Shop) -> None:
    """A write through the transaction is a side effect, and happens exactly once."""

    def deposit(message: Any, transaction: Any) -> None:
        transaction.put("orders", message.body)

    report = shop.hammer(deposit, exactly_once=True)
    assert (report.passed, report.effects) == (True, ("transaction",)), report


def test_report(shop: Shop) -> None:
    """A report has the effect, its key, how often and when it ran, a reproduction and the fix."""

    def process(message: Any) -> None:
        shop.charge(message.body)
        shop.mail()

    report = shop.hammer(process)
    assert str(report) == (
        "hammer: 1 finding in 36 scenarios of "
        f"{__name__}.test_report.<locals>.process (effects: charge, mail)\n\n"
        "repeats on retry: effect 'charge' for key 'ORDER-1' ran 2 times when this happened: "
        "'mail' fails\n"
        "  1. SQS delivers the message. The consumer claims ORDER-1.\n"
        "  2. `charge` is done for ORDER-1.\n"
        "  3. `mail` fails for ORDER-1.\n"
        "  4. The consumer releases ORDER-1 for the next delivery.\n"
        "  5. Three minutes later, SQS delivers the message again. The consumer claims ORDER-1.\n"
        "  6. `charge` is done again for ORDER-1: twice instead of once.\n"
        f"  fix: {Reason.REPEATS_ON_RETRY.fix}"
    )
    assert not report.passed
    with pytest.raises(AssertionError, match="repeats on retry: effect 'charge'"):
        report.check()


def test_the_shortest_reproduction(shop: Shop) -> None:
    """Of all ways to see something the one with the fewest deliveries and faults is shown."""
    report = shop.hammer(lambda event, _: shop.charge(event), events.direct(BODY), None)
    (finding,) = report.findings
    assert (finding.reason, finding.steps) == (Reason.OUTSIDE, ("deliver", "deliver"))
    assert "when the same event was delivered twice" in finding.text


def test_several_findings(shop: Shop) -> None:
    """A processor with several defects gets a finding for each."""

    def process(message: Any) -> None:
        if message.remaining_millis() > 5000:
            shop.charge(message.body)
        shop.mail(token=message.owner)

    report = shop.hammer(process, key=None)
    assert {(each.reason, each.effect) for each in report.findings} == {
        (Reason.KEY_TOO_NARROW, "charge"),
        (Reason.KEY_TOO_NARROW, "mail"),
        (Reason.GIVES_UP, "charge"),
        (Reason.REPEATS_ON_RETRY, "charge"),
        (Reason.TOKEN_CHANGES, "mail"),
    }


def test_a_memory_of_one_effect(shop: Shop) -> None:
    """Where only one of several effects is remembered, that one is named."""

    def process(message: Any) -> None:
        shop.mail(token=message.key)
        if message.key not in shop.lookups:
            shop.charge(message.body)
            shop.lookups[message.key] = "charged"

    (finding,) = shop.hammer(process).findings
    assert (finding.reason, finding.effect) == (Reason.REMEMBERS, "charge")
    assert finding.steps[-1] == "deliver with another table"
    report = shop.hammer(process, fresh=shop.lookups.clear)
    assert (report.passed, report.effects) == (True, ("mail", "charge"))


def test_what_only_two_at_once_show(shop: Shop) -> None:
    """A hand-written check that withstands successive duplicates is found to be insufficient."""

    def handler(event: Any, _: Any) -> None:
        if event["order_id"] not in shop.lookups:
            shop.charge(event)
            shop.lookups[event["order_id"]] = "charged"

    report = shop.hammer(handler, events.direct(BODY), None, fresh=shop.lookups.clear)
    (finding,) = report.findings
    assert finding.reason is Reason.OUTSIDE
    assert finding.steps == ("deliver (and again while it is in 'charge')",)


@pytest.mark.parametrize(
    ("fault", "outcomes", "times"),
    [
        (Fault.CLAIM_LOST, ["table_unavailable", "completed"], 1),
        (Fault.CLAIM_UNANSWERED, ["table_unavailable", "completed"], 1),
        (Fault.COMPLETION_LOST, ["unconfirmed", "duplicate"], 1),
        (Fault.COMPLETION_UNANSWERED, ["unconfirmed", "completed"], 2),
    ],
)
def test_faults_of_the_table(shop: Shop, fault: Fault, outcomes: list[str], times: int) -> None:
    """A fault loses the call to the table, or its answer, as its name says."""
    subject = Subject(
        function=Good(shop).plain,
        handler=False,
        transactional=False,
        settings=settings_of(key_rule(NAMESPACE, KEY)),
        timeout=Millis(30_000),
    )
    simulated = SimulatedTime(time.sleep)
    with simulated.apply():
        clock = simulated.begin(ManualClock().now())
        shop.effects.stage = scenario = Scenario(subject, [ORDER], clock, Workers())
        scenario.run([DeliveryStep(fault=fault)])
    assert [each.outcomes for each in scenario.invocations] == [[each] for each in outcomes]
    assert len(scenario.done) == times


def test_effects_do_what_they_stand_for(shop: Shop) -> None:
    """An effect returns what its double returns, sync or async, and is written down."""

    async def reply(order: str, token: str) -> str:
        return f"{order} {token}"

    ask = shop.effects.of("ask", reply, token="token")
    assert asyncio.run(ask("a", "b")) == "a b"
    assert (
        shop.effects.of("add", lambda one, two: one + two, token=lambda *_, **__: 7)(1, two=2) == 3
    )
    shop.mail(token=None)

    async def fails() -> None:
        raise KeyError

    for double in (fails, lambda: {}["lost"]):
        with contextlib.suppress(KeyError):
            answer = shop.effects.of("never", double)()
            asyncio.run(answer)
    assert [(each.name, each.args, each.kwargs, each.token) for each in shop.effects.calls] == [
        ("ask", ("a", "b"), {}, "'b'"),
        ("add", (1,), {"two": 2}, "7"),
        ("mail", (), {"token": None}, None),
    ]


def test_an_effect_of_the_test_itself(shop: Shop) -> None:
    """Calls by a test between deliveries do not count as the code's effects."""
    report = shop.hammer(Good(shop).plain, fresh=lambda: shop.charge("not theirs"))
    assert report.passed, report


def test_nothing_is_left_behind(shop: Shop) -> None:
    """Afterwards time, threads' errors and effects are what they were before."""
    shop.charge("before")
    before = (time.sleep, threading.excepthook, [*shop.effects.calls])
    shop.hammer(Good(shop).sleeps)
    assert (time.sleep, threading.excepthook, shop.effects.calls) == before
    assert shop.effects.stage is None
    assert ORDER["Records"][0]["attributes"]["ApproximateReceiveCount"] == "1"


def test_errors_of_other_threads_are_shown(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """An error that ends a thread is reported as usual, unless hammer raised it."""
    shown: list[Any] = []
    monkeypatch.setattr("threading.excepthook", lambda args: shown.append(args.exc_type))

    def process(message: Any) -> None:
        for work in (lambda: {}["lost"], lambda: shop.charge(message.body)):
            thread = threading.Thread(target=work)
            thread.start()
            thread.join()

    shop.hammer(process)
    assert {*shown} == {KeyError}


def test_no_effects(shop: Shop) -> None:
    """Without declared effects there is nothing to judge, which is not a success."""
    with pytest.raises(HammerError, match="no side effect was seen"):
        shop.hammer(lambda _: None)


def test_an_event_that_fails(shop: Shop) -> None:
    """Nor is there with an event that is never done; the error says why."""
    with pytest.raises(HammerError, match="KeyError: 'amount'") as raised:
        shop.hammer(lambda message: shop.charge(message.body["amount"]))
    assert isinstance(raised.value.__cause__, KeyError)
    with pytest.raises(HammerError, match="UnsupportedEventError"):
        shop.hammer(Good(shop).plain, {"Records": [{"eventSource": "aws:kafka"}]})
    with pytest.raises(HammerError, match="PermanentFailure: no such card"):
        shop.hammer(_refuses)


def _refuses(_: Any) -> None:
    raise PermanentFailure("no such card")


def test_another_event_that_fails(shop: Shop) -> None:
    """The same holds for the events that must have different keys."""
    with pytest.raises(HammerError, match="KeyError: 'order_id'"):
        shop.hammer(
            lambda message: shop.charge(message.body["order_id"]),
            key="body.order_id || body.id",
            different=[events.sqs({"id": "ORDER-2"})],
        )


def test_wrong_keys(shop: Shop) -> None:
    """An invalid JMESPath key is reported as at a cold start, and a handler takes no key."""
    with pytest.raises(InvalidSettingsError, match="not a JMESPath expression"):
        shop.hammer(Good(shop).plain, key="body.")
    with pytest.raises(HammerError, match="leave out key"):
        shop.hammer(lambda event, _: shop.charge(event))


def test_a_handler_that_waits_for_itself(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock that two processes would not share holds nothing up for ever."""
    monkeypatch.setattr(
        "idempotent_lambda_toolkit.testing.hammering.scenario.DEADLOCK_SECONDS", 0.05
    )
    lock = threading.Lock()

    @idempotent(name="locked", key="event.order_id")
    def work(event: Any, context: Any) -> None:
        del context
        shop.charge(event)

    def handler(event: Any, context: Any) -> None:
        with lock:
            work(event, context)

    report = shop.hammer(handler, events.direct(BODY), None)
    assert report.passed, report


def test_many_effects(shop: Shop) -> None:
    """Of a long row of effects faults are tried at the first twenty."""

    def process(message: Any, effects: int) -> None:
        for number in range(effects):
            shop.mail(token=f"{message.key}-{number}")

    reports = [
        shop.hammer(lambda message, effects=effects: process(message, effects))
        for effects in (19, 20, 40)
    ]
    assert all(each.passed for each in reports)
    few, twenty, many = (each.scenarios for each in reports)
    assert few < twenty == many


def test_one_thread(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long a processor takes, no other thread confirms what it has returned."""
    there, strange = {*threading.enumerate()}, set[threading.Thread]()
    slept: list[float] = []
    monkeypatch.setattr(scenario_module, "real_sleep", slept.append)

    def process(message: Any) -> None:
        time.sleep(2)
        shop.charge(message.body)
        strange.update({*threading.enumerate()} - there)

    orders = events.sqs(*({"order_id": f"ORDER-{number}"} for number in range(3)))
    assert shop.hammer(process, orders).passed
    assert not [each.name for each in strange if each.name.startswith("ThreadPoolExecutor")]
    # The processor's own two seconds pass at once.
    assert max(slept, default=0) < 1


@pytest.mark.parametrize(("reported", "lost"), [(slice(-1, None), 1), (slice(1), 2)])
def test_whose_failure_is_lost(shop: Shop, reported: slice, lost: int) -> None:
    """Of two failures in one batch the finding names the one that Lambda does not learn of."""

    def handler(event: Any, context: Any) -> Any:
        failed = Handlers(shop).loop(event, context)["batchItemFailures"]
        return {"batchItemFailures": failed[reported]}

    (finding,) = shop.hammer(handler, events.sqs(BODY, {"order_id": "ORDER-2"}), None).findings
    assert finding.reason is Reason.SWALLOWED
    assert f"'charge#ORDER-{lost}' never ran" in finding.text
    assert finding.steps[:2] == ("deliver (every effect fails)", "deliver ('charge' fails again)")


def test_again_and_again(shop: Shop) -> None:
    """An effect fails in five deliveries, and none of them may drop it."""

    def process(message: Any) -> None:
        try:
            shop.charge(message.body)
        except EffectFailed:
            if message.receive_count < 5:
                raise

    (finding,) = shop.hammer(process).findings
    assert (finding.reason, len(finding.steps)) == (Reason.SWALLOWED, 5)
    assert finding.text.endswith("when this happened: 'charge' fails; and it fails again and again")


def test_it_is_fast(shop: Shop) -> None:
    """A simple processor takes less than a second of the processor's time."""
    shop.hammer(Good(shop).plain)
    began = time.process_time()
    shop.hammer(Good(shop).plain)
    assert time.process_time() - began < 1
