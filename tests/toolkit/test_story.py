"""The story of a finding, in cases that the corpus does not have."""

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from idempotent_lambda import idempotent
from idempotent_lambda_toolkit.testing import Effects, Finding, Reason, events, hammer
from idempotent_lambda_toolkit.testing.hammering.recording import Kind, Moment, describe_key
from idempotent_lambda_toolkit.testing.reporting.story import Problem, write_story

from .stories import check_stories

BODY = {"order_id": "ORDER-1"}
KEY = "body.order_id"


def find(
    build: Callable[[Effects], Callable[..., Any]], event: Any = None, **options: Any
) -> Finding:
    """The only finding on a function that has effects, after a check of its story."""
    effects = Effects()
    event = events.sqs(BODY) if event is None else event
    report = hammer(build(effects), event, effects=effects, **options)
    check_stories(report)
    (finding,) = report.findings
    return finding


def pay(token: str) -> None:
    """A call with a token."""
    del token


def test_a_crash() -> None:
    """The story of a crash names the kill, the wait, the takeover and the count."""

    def build(effects: Effects) -> Any:
        charge = effects.of("charge", pay, token="token")
        return lambda message: charge(message.id)

    finding = find(build, key=KEY)
    assert finding.reason is Reason.TOKEN_OF_THE_ENVELOPE
    assert finding.story == (
        "SQS delivers the message. The consumer claims ORDER-1.",
        "`charge` is done for ORDER-1.",
        "The process is killed after `charge`.",
        (
            "Three minutes later, the producer sends the same again, and SQS delivers it. "
            "The lease is over, so the consumer takes over the claim of ORDER-1."
        ),
        "`charge` is done again for ORDER-1, with another token: twice instead of once.",
    )


def test_an_overlap() -> None:
    """A second invocation during a side effect is in the story where it happens."""
    known = set[str]()

    def build(effects: Effects) -> Any:
        charge = effects.of("charge")

        def handler(event: Any, _: Any) -> None:
            if event["order_id"] not in known:
                charge()
                known.add(event["order_id"])

        return handler

    finding = find(build, events.direct(BODY), fresh=known.clear)
    assert finding.story == (
        "Lambda invokes the function with the event.",
        "`charge` begins.",
        "Meanwhile, Lambda invokes the function with the event again, in another invocation.",
        "`charge` is done without a claim.",
        "The event is acknowledged.",
        "`charge` is done again, without a claim: twice instead of once.",
    )


def test_a_large_batch() -> None:
    """The story of a batch names a few keys, and only the side effects that explain something."""

    def build(effects: Effects) -> Any:
        charge, mail = effects.of("charge"), effects.of("mail")

        def process(message: Any) -> None:
            charge()
            if message.body["order_id"] == "ORDER-7":
                mail()

        return process

    batch = events.sqs(*({"order_id": f"ORDER-{n}"} for n in range(10)))
    finding = find(build, batch, key=KEY)
    assert finding.reason is Reason.REPEATS_ON_RETRY
    assert "claims ORDER-0, ORDER-1 and 8 more keys." in finding.story[0]
    assert len(finding.story) < 8
    assert finding.story[-1] == "`charge` is done again for ORDER-7: twice instead of once."
    assert max(map(len, finding.story)) < 200


def test_repetitions_are_one_sentence() -> None:
    """Deliveries that go the same way are counted instead of written out."""

    def build(effects: Effects) -> Any:
        charge = effects.of("charge")

        def process(message: Any) -> None:
            try:
                charge()
            except Exception:
                if message.receive_count < 5:
                    raise

        return process

    finding = find(build, key=KEY)
    assert finding.reason is Reason.SWALLOWED
    assert "The same happens twice more." in finding.story
    assert len(finding.story) < 12


def test_a_hostile_key() -> None:
    """A key cannot move the cursor, turn the text around, or fill the screen."""
    key = "\x1b[2J\u202e\r\n<b x=1>" + "x" * 2000

    def build(effects: Effects) -> Any:
        charge, mail = effects.of("charge"), effects.of("mail")

        def process(_: Any) -> None:
            charge()
            mail()

        return process

    finding = find(build, events.sqs({"order_id": key}), key=KEY)
    assert "\\x1b[2J\\u202e\\r\\n<b x=1>xxx" in finding.story[0]
    assert all(sentence.isprintable() for sentence in finding.story)
    assert max(map(len, finding.story)) < 500


@pytest.mark.parametrize(
    ("source", "sentence"),
    [
        (events.kinesis(BODY), "Kinesis delivers the record. The consumer claims ORDER-1."),
        (events.sqs(BODY, {"order_id": "B"}), "SQS delivers 2 messages. The consumer claims"),
        (events.sns(json.dumps(BODY)), "SNS invokes the function with the event. The consumer "),
        (events.eventbridge(BODY), "EventBridge invokes the function with the event. "),
    ],
)
def test_sources(source: Any, sentence: str) -> None:
    """Each source delivers in its own words."""

    def build(effects: Effects) -> Any:
        charge, mail = effects.of("charge"), effects.of("mail")

        def process(_: Any) -> None:
            charge()
            mail()

        return process

    key = "body.detail.order_id" if "detail" in source else KEY
    assert find(build, source, key=key).story[0].startswith(sentence)


def test_lost_time() -> None:
    """A timeout comes at its simulated time, and takes none that is real."""

    def build(effects: Effects) -> Any:
        charge = effects.of("charge")

        def process(_: Any) -> None:
            charge()
            time.sleep(100)

        return process

    finding = find(build, key=KEY)
    assert finding.story[-2] == "The function times out."
    (timeout,) = (moment for moment in finding.timeline if moment.kind is Kind.TIMED_OUT)
    assert timeout.seconds == 30


def test_every_kind_has_words() -> None:
    """No moment is left out of a story but those that the next one implies."""
    silent = {Kind.BEGUN, Kind.RETURNED, Kind.COMES_BACK}
    begin = Moment(0, 0, Kind.DELIVERED, "SQS", detail="first", number=1)
    problem = Problem(Reason.SWALLOWED, "charge", "text", {"ORDER-1": 1})
    for kind in {*Kind} - silent - {Kind.DELIVERED}:
        moment = Moment(0, 0, kind, "charge", "ORDER-1", "after")
        short, _ = write_story((begin,), problem)
        story, _ = write_story((begin, moment), problem)
        assert len(" ".join(story)) > len(" ".join(short)) + 5, kind


def test_a_decorated_call_has_its_name_in_the_key() -> None:
    """The key of a decorated function begins with its name."""

    def build(effects: Effects) -> Any:
        charge, mail = effects.of("charge"), effects.of("mail")

        @idempotent(name="pay", key="order.order_id", lease_seconds=30)
        def pay(order: Any) -> None:
            charge()
            mail()
            del order

        return lambda event, _: pay(event)

    assert "claims pay#ORDER-1." in find(build, events.direct(BODY)).story[0]
    assert describe_key(None) == ""


def test_receipt_handles_are_named() -> None:
    """A receipt handle, which differs in each run, is named as a whole."""
    effects = Effects()
    charge = effects.of("charge")
    order = events.sqs({"order_id": "ORDER-1"})
    key = {"key": "receiptHandle"}
    (finding,) = hammer(
        lambda message: charge(message.body), order, effects=effects, **key
    ).findings
    assert "'id-2'" in finding.text
    assert "AQEB" not in str(finding)
