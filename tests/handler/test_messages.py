"""From event to deliveries, and from failures to the response Lambda expects."""

import copy
import json
from dataclasses import FrozenInstanceError
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idempotent_lambda.clock import Deadline, Millis
from idempotent_lambda.errors import UnsupportedEventError
from idempotent_lambda.messages import Message, Source, deliveries_of, response_of
from idempotent_lambda_toolkit.testing import ManualClock

from .bench import Bench
from .events import event, order, record


class TestDeliveries:
    """The records of an event."""

    def test_one_record(self) -> None:
        """A record becomes a delivery with its id, source, decoded body and receive count."""
        raw = record('{"id": 7}', message_id="m-9", attributes={"ApproximateReceiveCount": "3"})
        (delivery,) = deliveries_of(event(raw))
        assert delivery.id == "m-9"
        assert delivery.source is Source.SQS
        assert delivery.body == {"id": 7}
        assert delivery.body_problem is None
        assert delivery.receive_count == 3
        assert delivery.raw is raw

    def test_order_is_kept(self) -> None:
        """Deliveries come in the order of the event."""
        deliveries = deliveries_of(event(order("b"), order("a"), order("c")))
        assert [each.id for each in deliveries] == ["m-b", "m-a", "m-c"]

    def test_empty_batch(self) -> None:
        """No records, no deliveries."""
        assert deliveries_of({"Records": []}) == ()

    @pytest.mark.parametrize(
        ("text", "body", "decoded"),
        [
            ("7", 7, True),
            ("null", None, True),
            ('"x"', "x", True),
            ("[]", [], True),
            ("plain", "plain", False),
            ("", "", False),
            ('{"a": 1', '{"a": 1', False),
            ('{"a": NaN}', '{"a": NaN}', False),
            ('{"a": -Infinity}', '{"a": -Infinity}', False),
        ],
    )
    def test_body(self, text: str, body: object, decoded: bool) -> None:
        """A JSON body is decoded; any other is its text, and the delivery knows why."""
        (delivery,) = deliveries_of(event(record(text)))
        assert delivery.body == body
        assert (delivery.body_problem is None) is decoded

    def test_body_problem_never_quotes(self) -> None:
        """What is wrong with a body is told by place, without its text."""
        (delivery,) = deliveries_of(event(record('{"card": 4111, secret}')))
        assert delivery.body_problem is not None
        assert "at character 15" in delivery.body_problem
        assert "4111" not in delivery.body_problem
        assert "secret" not in delivery.body_problem

    def test_repr_shows_no_body(self) -> None:
        """A delivery that ends up in a log by accident shows no body."""
        (delivery,) = deliveries_of(event(record('{"card": "4111"}')))
        assert "4111" not in repr(delivery)

    @pytest.mark.parametrize("count", [None, "", "x", "-1", "1.5", 3, ["2"]])
    def test_receive_count_unknown(self, count: object) -> None:
        """A receive count that cannot be read is 1: it is shown, nothing depends on it."""
        (delivery,) = deliveries_of(event(record(attributes={"ApproximateReceiveCount": count})))
        assert delivery.receive_count == 1


class TestUnsupported:
    """Whole batches that are handed back."""

    @pytest.mark.parametrize(
        "whole",
        [None, [], "text", 7, {}, {"Records": None}, {"Records": {}}, {"detail": {"id": 1}}],
    )
    def test_no_records(self, whole: object) -> None:
        """An event without a list of records is no SQS batch."""
        with pytest.raises(UnsupportedEventError, match="no list of Records"):
            deliveries_of(whole)

    def test_says_what_it_found(self) -> None:
        """The error shows the names in the event, and no values."""
        with pytest.raises(UnsupportedEventError) as caught:
            deliveries_of({"detail": "secret", "source": "x"})
        assert "['detail', 'source']" in str(caught.value)
        assert "event source mapping" in str(caught.value)
        assert "secret" not in str(caught.value)

    @pytest.mark.parametrize("broken", [None, 7, "text", []])
    def test_record_is_no_object(self, broken: Any) -> None:
        """A record that is no object fails the batch."""
        with pytest.raises(UnsupportedEventError, match="no object"):
            deliveries_of(event(order("a"), broken))

    @pytest.mark.parametrize("source", ["aws:kinesis", "aws:sns", None, "AWS:SQS", ["aws:sqs"]])
    def test_other_source(self, source: object) -> None:
        """A record of another source fails the batch and is named."""
        with pytest.raises(UnsupportedEventError, match="'aws:sqs' only"):
            deliveries_of(event(order("a"), record(eventSource=source)))

    def test_fifo(self) -> None:
        """A FIFO queue is refused by name, because its order would not be kept."""
        arn = "arn:aws:sqs:eu-central-1:123456789012:orders.fifo"
        with pytest.raises(UnsupportedEventError, match=r"orders\.fifo is a FIFO queue"):
            deliveries_of(event(record(eventSourceARN=arn)))

    @pytest.mark.parametrize("message_id", [None, "", 7, ["m-1"], {}])
    def test_without_an_id(self, message_id: Any) -> None:
        """A record that could not be reported fails the batch: unreported means deleted."""
        with pytest.raises(UnsupportedEventError, match="messageId"):
            deliveries_of(event(order("a"), record(message_id=message_id)))

    def test_nothing_runs_before_the_whole_event_is_read(self, bench: Bench) -> None:
        """A bad last record stops the batch before the first effect."""
        with pytest.raises(UnsupportedEventError):
            bench.deliver("a", "b", record(message_id=""))
        assert bench.ran == []
        assert bench.memory.records == {}


class TestResponse:
    """The partial batch response."""

    def test_shape(self) -> None:
        """The response is the documented object, and JSON says it as Lambda reads it."""
        response = response_of(deliveries_of(event(order("a"), order("b"))))
        assert json.dumps(response) == (
            '{"batchItemFailures": [{"itemIdentifier": "m-a"}, {"itemIdentifier": "m-b"}]}'
        )

    def test_all_is_well(self) -> None:
        """Nothing failed is an empty list, never null: null would be read as something else."""
        assert response_of(()) == {"batchItemFailures": []}

    def test_each_id_once(self) -> None:
        """An id that the event holds twice is reported once."""
        response = response_of(deliveries_of(event(order("a"), order("b", "m-a"))))
        assert response == {"batchItemFailures": [{"itemIdentifier": "m-a"}]}


class TestMessage:
    """What a processor gets."""

    def test_fields(self, clock: ManualClock) -> None:
        """A message shows its delivery, key, owner and time, under these names."""
        attributes = {"trace": {"stringValue": "t", "dataType": "String"}}
        raw = record('{"id": 1}', messageAttributes=attributes)
        (delivery,) = deliveries_of(event(raw))
        deadline = Deadline.after(clock, Millis(9000))
        message = Message.of(delivery, key="1", owner="owner-1", deadline=deadline)
        assert (message.id, message.key, message.owner) == ("m-1", "1", "owner-1")
        assert message.body == {"id": 1}
        assert message.attributes["SentTimestamp"] == "1545082649183"
        assert message.message_attributes["trace"]["stringValue"] == "t"
        assert (message.source, message.receive_count) == (Source.SQS, 1)
        assert message.raw is raw
        clock.advance(Millis(1))
        assert message.remaining_millis() == 8999

    def test_frozen(self, clock: ManualClock) -> None:
        """A message cannot be changed."""
        (delivery,) = deliveries_of(event(record()))
        deadline = Deadline.after(clock, Millis(1))
        message = Message.of(delivery, key="a", owner="o", deadline=deadline)
        with pytest.raises(FrozenInstanceError):
            message.key = "b"  # type: ignore[misc]

    def test_without_attributes(self, clock: ManualClock) -> None:
        """A record without attributes gives empty ones, not None."""
        (delivery,) = deliveries_of(event(record(attributes=None, messageAttributes=None)))
        deadline = Deadline.after(clock, Millis(1))
        message = Message.of(delivery, key="a", owner="o", deadline=deadline)
        assert (message.attributes, message.message_attributes) == ({}, {})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)
FIELDS = [
    "messageId",
    "body",
    "attributes",
    "messageAttributes",
    "eventSource",
    "eventSourceARN",
    "receiptHandle",
]


@st.composite
def damaged(draw: st.DrawFn) -> Any:
    """A batch of orders with fields taken out, replaced, or cut short."""
    whole = copy.deepcopy(event(order("a"), order("b"), order("c"), order("a", "m-d")))
    for _ in range(draw(st.integers(1, 3))):
        victim = draw(st.sampled_from(whole["Records"]))
        field = draw(st.sampled_from(FIELDS))
        match draw(st.sampled_from(["remove", "replace", "truncate"])):
            case "remove":
                victim.pop(field, None)
            case "replace":
                victim[field] = draw(JSON)
            case "truncate":
                text = victim.get(field)
                if isinstance(text, str):
                    victim[field] = text[: draw(st.integers(0, len(text)))]
    return whole


def answer(whole: Any, key: str) -> list[str] | None:
    """The ids reported for an event; None where the event is refused as a whole."""
    bench = Bench(key=key)
    try:
        response = bench.consumer.consume(whole, Millis(30_000))
    except UnsupportedEventError:
        assert bench.ran == []
        return None
    assert list(response) == ["batchItemFailures"]
    failures = response["batchItemFailures"]
    assert all(list(each) == ["itemIdentifier"] for each in failures)
    reported = [each["itemIdentifier"] for each in failures]
    delivered = [each["messageId"] for each in whole["Records"]]
    assert set(reported) <= set(delivered)
    assert len(reported) == len(set(reported))
    # Every message has an end, and what has not run to completion is reported.
    assert set(bench.outcomes) == set(delivered)
    rejected = {each for each, outcome in bench.outcomes.items() if outcome == "rejected"}
    assert rejected <= set(reported)
    return reported


@given(JSON)
def test_any_event(whole: Any) -> None:
    """An arbitrary event is refused by type, or answered with ids of its own."""
    answer(whole, "messageId")


@given(damaged(), st.sampled_from(["messageId", "body.id", "[body.id, attributes.SenderId]"]))
def test_damaged_event(whole: Any, key: str) -> None:
    """A damaged batch is refused by type, or answered with ids of its own."""
    answer(whole, key)


@given(st.integers(0, 400))
def test_truncated_body(length: int) -> None:
    """A body cut short anywhere rejects its own message and no other."""
    body = json.dumps({"id": "a", "note": "x" * 350})[:length]
    whole = event(record(body, message_id="m-cut"), order("b"))
    expected = [] if length >= 373 else ["m-cut"]
    assert answer(whole, "body.id") == expected
