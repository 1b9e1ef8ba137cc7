"""Events that no source sends: each is refused, or no record of it goes unnoticed."""

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idempotent_lambda.clock import Millis
from idempotent_lambda.errors import BatchFailedError, UnsupportedEventError
from idempotent_lambda.settings import UNWRAP_CHOICES
from idempotent_lambda.sources.event import read_event
from idempotent_lambda.sources.source import Source

from .events import (
    event,
    golden,
    kinesis_record,
    order,
    record,
    s3_record,
    sns_record,
    stream_record,
    unwrapped,
)
from .harness import ConsumerHarness
from .test_messages import GOLDEN

SUPPORTED = "supported are batches of SQS, "


class TestUnsupported:
    """Whole events that are handed back."""

    @pytest.mark.parametrize(
        ("whole", "found"),
        [
            (None, "the event is NoneType, not an object"),
            ([], "the event is a list"),
            ([order("a")], "the event is a list, as EventBridge Pipes sends it"),
            ("text", "the event is str"),
            (7, "the event is int"),
            ({"Records": None}, "Records that are not a list"),
            ({"Records": {}}, "Records that are not a list"),
            ({"Records": [], "order_id": "A-1"}, "no Records, but other fields"),
            ({"eventSource": "aws:kafka", "records": {}}, "the event is from 'aws:kafka'"),
            ({"eventSource": "aws:mq", "messages": []}, "the event is from 'aws:mq'"),
            ({"eventSource": "SelfManagedKafka"}, "the event is from 'SelfManagedKafka'"),
        ],
    )
    def test_event(self, whole: object, found: str) -> None:
        """An error for an event of an unknown source or type names it and the supported ones."""
        with pytest.raises(UnsupportedEventError, match=SUPPORTED) as caught:
            read_event(whole)
        assert found in str(caught.value)

    @pytest.mark.parametrize("name", ["web", "", None, 7, ["aws:kafka"], {"name": "aws:kafka"}])
    def test_own_field(self, name: object) -> None:
        """A caller may use the name of the field for anything that names no batch."""
        whole = {"eventSource": name, "order_id": "A-1"}
        harness = ConsumerHarness(key="body.order_id")
        assert told_by(harness, whole) == []
        assert harness.ran == ["A-1"]

    @pytest.mark.parametrize("broken", [None, 7, "text", []])
    def test_record_is_no_object(self, broken: Any) -> None:
        """A record that is not an object fails the batch."""
        with pytest.raises(UnsupportedEventError, match=f"record that is {type(broken).__name__}"):
            read_event(event(order("a"), broken))

    @pytest.mark.parametrize(
        "source",
        ["aws:ses", "aws:codecommit", "aws:events", "direct", None, "AWS:SQS", ["aws:sqs"]],
    )
    def test_other_source(self, source: object) -> None:
        """A record of another source fails the batch and is named."""
        with pytest.raises(UnsupportedEventError, match=SUPPORTED) as caught:
            read_event(event(order("a"), record(eventSource=source)))
        named = "a list" if isinstance(source, list) else repr(source)
        assert f"a record from {named}" in str(caught.value)

    @pytest.mark.parametrize("message_id", [None, "", 7, ["m-1"], {}])
    def test_without_an_id(self, message_id: Any) -> None:
        """A record that could not be reported fails the batch: unreported means deleted."""
        with pytest.raises(UnsupportedEventError, match="aws:sqs without a messageId"):
            read_event(event(order("a"), record(message_id=message_id)))

    @pytest.mark.parametrize(
        ("broken", "place"),
        [
            (kinesis_record("a", ""), "aws:kinesis without a kinesis.sequenceNumber"),
            (kinesis_record("a", kinesis=None), "aws:kinesis without a kinesis.sequenceNumber"),
            (stream_record("a", dynamodb={}), "aws:dynamodb without a dynamodb.SequenceNumber"),
            (sns_record("a", Sns={}), "aws:sns without a Sns.MessageId"),
        ],
    )
    def test_without_an_id_elsewhere(self, broken: dict[str, Any], place: str) -> None:
        """So does a record of another source, and the error says where the id should be."""
        with pytest.raises(UnsupportedEventError, match=place):
            read_event(event(broken))

    @pytest.mark.parametrize(
        "broken",
        [
            kinesis_record("a", kinesis={"sequenceNumber": "1"}),
            kinesis_record("a", kinesis={"sequenceNumber": "1", "data": "x"}),
            kinesis_record("a", kinesis={"sequenceNumber": "1", "data": "%%%%"}),
            sns_record("a", Sns={"MessageId": "n-1"}),
            s3_record(s3={}),
        ],
    )
    def test_not_as_documented(self, broken: dict[str, Any]) -> None:
        """A record without the part that is its message is rejected alone, not guessed at."""
        for key in (None, "eventSource"):
            harness = ConsumerHarness(key=key)
            good = read_event(event(broken))[0].source
            assert told_by(harness, event(broken)) != []
            assert (harness.ran, list(harness.outcomes.values())) == ([], ["rejected"])
            (error,) = next(iter(harness.histories.values())).errors
            assert "not as" in str(error)
            assert good in ("aws:kinesis", "aws:sns", "aws:s3")

    def test_mixed(self) -> None:
        """Records of several sources cannot be answered together."""
        with pytest.raises(UnsupportedEventError, match="records of several sources"):
            read_event(event(order("a"), kinesis_record("b")))

    def test_shows_no_values(self) -> None:
        """The error shows nothing of a message but its source."""
        with pytest.raises(UnsupportedEventError) as caught:
            read_event(event(record("secret", message_id="", receiptHandle="secret")))
        assert "secret" not in str(caught.value)

    def test_nothing_runs_before_the_whole_event_is_read(self, harness: ConsumerHarness) -> None:
        """A bad last record stops the batch before the first effect."""
        with pytest.raises(UnsupportedEventError):
            harness.deliver("a", "b", record(message_id=""))
        assert harness.ran == []
        assert harness.memory.records == {}


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


def answer(whole: Any, key: str | None) -> list[str] | None:
    """The ids reported for an event; None where the event is refused as a whole."""
    harness = ConsumerHarness(key=key, unwrap=frozenset(UNWRAP_CHOICES))
    try:
        deliveries = unwrapped(whole)
        reported = told_by(harness, whole)
    except UnsupportedEventError:
        assert harness.ran == []
        return None
    delivered = [each.id for each in deliveries]
    assert set(reported) <= set(delivered)
    assert len(reported) == len(set(reported))
    # Every message has an end, and what has not run to completion is reported.
    assert set(harness.outcomes) == set(delivered)
    rejected = {each for each, outcome in harness.outcomes.items() if outcome == "rejected"}
    if not (deliveries and deliveries[0].source in (Source.KINESIS, Source.DYNAMODB)):
        assert rejected <= set(reported)
    return reported


def told_by(harness: ConsumerHarness, whole: Any) -> list[str]:
    """What a consumer reports of an event, in its response or its error."""
    try:
        response: Any = harness.consumer.consume(whole, Millis(30_000))
    except BatchFailedError as error:
        return list(error.ids)
    if response is None:
        return []
    assert list(response) == ["batchItemFailures"]
    assert all(list(each) == ["itemIdentifier"] for each in response["batchItemFailures"])
    return [each["itemIdentifier"] for each in response["batchItemFailures"]]


@given(JSON)
def test_any_event(whole: Any) -> None:
    """An arbitrary event is refused by type, or answered only with ids that it contains."""
    answer(whole, "messageId")


@given(damaged(), st.sampled_from(["messageId", "body.id", "[body.id, attributes.SenderId]"]))
def test_damaged_event(whole: Any, key: str) -> None:
    """A damaged batch is refused by type, or answered only with ids that it contains."""
    reported = answer(whole, key)
    if reported is not None:
        # No record goes unnoticed: only S3's test event gives no message, and there is none here.
        assert len(unwrapped(whole)) == len(whole["Records"])


NAMES = [name for name in GOLDEN if name != "s3_test"]


@st.composite
def mangled(draw: st.DrawFn) -> Any:
    """A golden event, or the event inside of it, with values taken out or replaced anywhere."""
    whole = golden(draw(st.sampled_from(NAMES)))
    for _ in range(draw(st.integers(1, 3))):
        place: Any = whole
        while True:
            names = list(place) if isinstance(place, dict) else list(range(len(place)))
            if not names:
                break
            name = draw(st.sampled_from(names))
            inside = place[name]
            if isinstance(inside, dict | list) and draw(st.integers(0, 9)):
                place = inside
                continue
            if isinstance(inside, str) and inside.startswith("{") and draw(st.booleans()):
                text = json.dumps({**json.loads(inside), draw(st.sampled_from(names)): draw(JSON)})
                place[name] = text
            elif isinstance(place, dict) and draw(st.booleans()):
                del place[name]
            else:
                place[name] = draw(JSON)
            break
    return whole


@given(mangled(), st.sampled_from([None, "body.order_id", "messageId", "body"]))
def test_mangled_event(whole: Any, key: str | None) -> None:
    """A mangled event of any source is refused by type, or no record of it goes unnoticed."""
    if answer(whole, key) is not None:
        records = whole.get("Records")
        deliveries = unwrapped(whole)
        assert len({id(each.raw) for each in deliveries}) == (
            1 if records is None else len(records)
        )


@given(st.integers(0, 400))
def test_truncated_body(length: int) -> None:
    """A body cut short anywhere rejects its own message and no other."""
    body = json.dumps({"id": "a", "note": "x" * 350})[:length]
    whole = event(record(body, message_id="m-cut"), order("b"))
    expected = [] if length >= 373 else ["m-cut"]
    assert answer(whole, "body.id") == expected
