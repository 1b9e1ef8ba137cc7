"""A lying producer cannot choose the key of anything that it did not send."""

import json
from dataclasses import replace
from typing import Any

import pytest

from idempotent_lambda import PermanentFailure
from idempotent_lambda.clock import EpochSeconds, Millis
from idempotent_lambda.errors import MessageError, UnconfirmedCopyError
from idempotent_lambda.protocol.record import Owner, Record
from idempotent_lambda.settings import UNWRAP_CHOICES
from idempotent_lambda.sources.copy_mark import CopyMark

from .events import (
    bus_event,
    event,
    fifo_order,
    kinesis_record,
    marked,
    notification,
    order,
    record,
    s3_record,
    sns_record,
    stream_record,
)
from .harness import ConsumerHarness, FaultyStore, raising

NEVER = raising(PermanentFailure("no such account"))
EVERYTHING = frozenset(UNWRAP_CHOICES)

LIE = {"attributes": {"SenderId": "VICTIM"}, "messageId": "m-victim", "eventSourceARN": "arn:x"}
"""What the record says of others, in a body."""

TENANT = {"t": {"Type": "String", "Value": "victim"}}

WRAPPERS = {
    "notification": notification('{"order_id": "1"}', **LIE),
    "notification that carries an event": notification(json.dumps(bus_event("a", **LIE))),
    "event": bus_event("a", **LIE),
    "bucket": event(s3_record(**LIE)),
    "topic": event(sns_record('{"order_id": "1"}', **LIE)),
    "piped": stream_record("a", **LIE),
    "shard": event(kinesis_record("a", **LIE)),
}
"""Bodies in the shape of what a service wraps."""


class TestEnvelope:
    """The fields of the record that Lambda delivers."""

    @pytest.mark.parametrize("wrapper", WRAPPERS)
    @pytest.mark.parametrize("unwrap", [frozenset(), EVERYTHING])
    @pytest.mark.parametrize("field", ["attributes.SenderId", "messageId", "eventSourceARN"])
    def test_no_body_chooses_them(self, field: str, unwrap: frozenset[str], wrapper: str) -> None:
        """A body that looks like an event does not overlay what SQS says of its message."""
        harness = ConsumerHarness(key=field, unwrap=unwrap)
        truth = record(json.dumps(WRAPPERS[wrapper]))
        harness.deliver(truth)
        found: Any = truth
        for name in field.split("."):
            found = found[name]
        assert harness.ran == [found]

    @pytest.mark.parametrize("unwrap", [frozenset(), EVERYTHING])
    def test_another_senders_order_runs(self, unwrap: frozenset[str]) -> None:
        """With the sender in the key, nobody suppresses the order of somebody else."""
        harness = ConsumerHarness(key="[attributes.SenderId, body.order_id]", unwrap=unwrap)
        body = {"order_id": "1"}
        liar = record(json.dumps({**notification(json.dumps(body)), **LIE}), message_id="m-liar")
        sender = {"SenderId": "VICTIM", "ApproximateReceiveCount": "1"}
        assert harness.deliver(liar) in ([], ["m-liar"])
        assert harness.deliver(record(json.dumps(body), attributes=sender)) == []
        assert harness.ran[-1] == '["VICTIM","1"]'

    def test_the_processor_reads_them(self) -> None:
        """The attributes of a message are those that SQS gives, whatever its body says."""
        harness = ConsumerHarness(key="messageId", unwrap=EVERYTHING)
        harness.deliver(
            *(record(json.dumps(each), message_id=name) for name, each in WRAPPERS.items())
        )
        assert len(harness.messages) == len(WRAPPERS)
        assert {each.attributes["SenderId"] for each in harness.messages} == {
            "AIDAIENQZJOLO23YVJ4VO"
        }

    def test_inner_wrappers_do_not_overlay_outer_ones(self) -> None:
        """An event in a notification cannot replace the topic that SNS states."""
        harness = ConsumerHarness(key="wrapped.TopicArn", unwrap=EVERYTHING)
        inner = json.dumps(bus_event("a", TopicArn="arn:forged"))
        harness.deliver(record(json.dumps(notification(inner))))
        assert harness.ran == [notification("")["TopicArn"]]


class TestDefaultKey:
    """Without an expression."""

    @pytest.mark.parametrize("wrapper", WRAPPERS)
    def test_no_body_chooses_it(self, wrapper: str) -> None:
        """Where nothing is to be unwrapped, the key is the id that SQS gave."""
        harness = ConsumerHarness(key=None)
        harness.deliver(record(json.dumps(WRAPPERS[wrapper])))
        assert harness.ran == ["m-1"]
        assert harness.messages[0].body == WRAPPERS[wrapper]

    def test_a_test_event_is_a_message(self) -> None:
        """So is what looks like the test event of S3."""
        harness = ConsumerHarness(key=None)
        harness.deliver(record('{"Service": "Amazon S3", "Event": "s3:TestEvent"}'))
        assert harness.ran == ["m-1"]

    @pytest.mark.parametrize("stated", ["m-victim", '#["m-victim"]', "#7", "#no JSON", "#", ""])
    def test_no_attribute_chooses_it(self, stated: str) -> None:
        """A message that only claims to be a copy has its own key, and the other one runs."""
        harness = ConsumerHarness(key=None)
        assert harness.deliver(record(**marked(f"x {stated}"))) == []
        assert harness.deliver(record(message_id="m-victim")) == []
        assert harness.ran == ["m-1", "m-victim"]

    @pytest.mark.parametrize("liar_first", [True, False])
    def test_not_in_one_batch_either(self, *, liar_first: bool) -> None:
        """Both run, whichever comes first."""
        harness = ConsumerHarness(key=None)
        pair = [record(**marked("x m-victim")), record(message_id="m-victim")]
        assert harness.deliver(*(pair if liar_first else reversed(pair))) == []
        assert sorted(harness.ran) == ["m-1", "m-victim"]

    def test_not_of_a_parked_record(self) -> None:
        """Without its token, a parked record stays parked and the liar's message runs."""
        harness = ConsumerHarness(key=None)
        harness.behaviour["m-a"] = NEVER
        harness.deliver("a")
        assert harness.deliver(record(**marked("x m-a"))) == []
        assert harness.ran == ["m-a", "m-1"]
        assert harness.memory.records["orders#m-a"].status == "PARKED"

    @pytest.mark.parametrize("lies", [(0,), (1,), (0, 2)])
    def test_not_the_order_of_groups(self, lies: tuple[int, ...]) -> None:
        """A key in two groups waits for its predecessors in both, even if liars state it."""
        batch = [fifo_order("a", "2"), fifo_order("c", "3"), fifo_order("a", "3", messageId="m-2")]
        for at in reversed(lies):
            batch.insert(at, fifo_order(f"lie-{at}", "1", **marked("x a")))
        harness = ConsumerHarness()
        assert harness.deliver(*batch) == []
        assert [key for key in harness.ran if key in "ac"] == ["c", "a"]

    def test_not_who_shares_an_end(self) -> None:
        """Messages with one key are one item, even if a liar states that key between them."""
        harness = ConsumerHarness()
        harness.behaviour["a"] = raising(ValueError())
        liar = order("lie", **marked("x a"))
        twin = order("a", "m-2")
        assert harness.deliver(liar, "a", liar | {"messageId": "m-3"}, twin) == ["m-a", "m-2"]
        assert harness.ran.count("a") == 1

    def test_an_unconfirmed_copy_is_logged(self) -> None:
        """The line of a false copy says so, and never names the key that it states."""
        harness = ConsumerHarness(key=None)
        assert harness.deliver(record(**marked("x m-victim"))) == []
        (error,) = harness.histories["m-1"].errors
        assert isinstance(error, UnconfirmedCopyError)
        assert [key and key.text for key in harness.keys] == ["m-1"]
        assert harness.deliver(record(**marked("x m-victim")), remaining=1200) == ["m-1"]
        assert [key and key.text for key in harness.keys] == ["m-1", "m-1"]

    def test_many_liars(self) -> None:
        """They are claimed after all others, one by one, and hold up nobody."""
        harness = ConsumerHarness()
        batch = [order(f"o-{n % 3}", f"m-{n}", **marked(f"x v-{n}")) for n in range(30)]
        assert harness.deliver(*batch, "good") == []
        assert harness.ran == ["good", "o-0", "o-1", "o-2"]

    def test_liars_hold_up_nobody(self) -> None:
        """Honest messages are claimed first, even if liars before them state all their keys."""
        harness = ConsumerHarness()
        store = FaultyStore(harness.clock, harness.memory)
        store.millis = 100
        harness.consumer.__dict__["store"] = store
        liars = [order(f"l-{n}", **marked(f"x v-{n}")) for n in range(150)]
        honest = [order(f"v-{n}") for n in range(150)]
        reported = harness.deliver(*liars, *honest)
        assert not {each["messageId"] for each in honest} & set(reported)
        assert harness.ran[:150] == [f"v-{n}" for n in range(150)]

    @pytest.mark.parametrize("changes", [{}, {"concurrency": 3}, {"park_interrupted": True}])
    def test_a_liar_in_front_of_its_own_key(self, changes: Any) -> None:
        """A group goes on behind what only says that it is a copy, and repeats it."""
        harness = ConsumerHarness(**changes)
        liar = fifo_order("a", **marked("x zzz"))
        batch = [liar, fifo_order("a", messageId="m-2"), fifo_order("c")]
        assert harness.deliver(*batch) == []
        assert harness.ran == ["a", "c"]

    @pytest.mark.parametrize("position", ["/1", "/2", "/x", "/-1", "/9999999999"])
    def test_a_place_that_is_not_there(self, position: str) -> None:
        """A copy of one of several that holds one only is rejected."""
        harness = ConsumerHarness(key=None)
        harness.memory.records["orders#k"] = parked_by("orders#k", "t")
        assert harness.deliver(record(**marked(f"t //id{position} k"))) == ["m-1"]
        assert harness.ran == []

    def test_one_of_several_when_observing(self) -> None:
        """A part is not acknowledged for the whole: without confirmation it is reported."""
        harness = ConsumerHarness(key=None, observe_only=True, unwrap=EVERYTHING)
        body = json.dumps(event(s3_record("k1"), s3_record("k2")))
        assert harness.deliver(record(body, **marked("x //id/2 k"))) == ["m-1"]
        assert harness.ran == []

    def test_a_liar_without_a_key(self) -> None:
        """A message that is not a copy and has no key is rejected alone."""
        harness = ConsumerHarness()
        liar = record('{"no": "id"}', **marked("x a"))
        assert harness.deliver(liar, "a", "b") == ["m-1"]
        assert harness.outcomes == {"m-1": "rejected", "m-a": "completed", "m-b": "completed"}
        assert "body.id" in str(harness.histories["m-1"].errors[0])


COPIED = {
    "plain": (None, event(record("text"))),
    "sender": ("[attributes.SenderId, body.id]", event(order("a"))),
    "shard": (None, event(kinesis_record("a"))),
    "table": (None, event(stream_record("a"))),
    "partition key": ("kinesis.partitionKey", event(kinesis_record("a"))),
    "topic": (None, event(sns_record('{"id": "a"}'))),
    "bucket": (None, event(s3_record())),
    "bus": (None, bus_event("a")),
    "detail": ("body.detail.id", bus_event("a")),
    "body": ("body.id", event(order("a"))),
    "odd text": ("body.id", event(order("#é\n'"))),
    "number": ("body.id", event(order(7))),
    "long": ("body.id", event(order("x" * 3000))),
    "fifo": (None, event(fifo_order("a"))),
}
"""Key expression and event of messages that are parked."""


@pytest.mark.parametrize("name", COPIED)
class TestCopy:
    """The copy of a parked message, redriven: nothing but its token says what it is."""

    def parked(self, name: str, **changes: Any) -> tuple[ConsumerHarness, dict[str, Any], str]:
        """A harness on which the message was parked, its copy and its record id."""
        key, whole = COPIED[name]
        harness = ConsumerHarness(key=key, **changes)
        harness.consumer.__dict__["processor"] = NEVER
        harness.consumer.consume(whole, Millis(30_000))
        harness.consumer.__dict__["processor"] = harness.process
        ((body, token),) = harness.queues.dead_letters
        (record_id,) = harness.memory.records
        return harness, record(body, message_id="m-copy", **marked(token)), record_id

    def test_it_has_the_key_and_the_body(self, name: str) -> None:
        """It runs under the key that was parked, once, with what the message had."""
        harness, copy, record_id = self.parked(name)
        whole = COPIED[name][1]
        plain = ConsumerHarness(key=COPIED[name][0])
        plain.consumer.consume(whole, Millis(30_000))
        assert harness.deliver(copy) == []
        assert harness.deliver(copy) == []
        assert (harness.ran, harness.messages[0].body) == (plain.ran, plain.messages[0].body)
        assert harness.messages[0].message_attributes == plain.messages[0].message_attributes
        assert {record_id: "COMPLETED"} == {
            each.id: each.status for each in harness.memory.records.values()
        }

    def test_it_fails_again(self, name: str) -> None:
        """Raised means not done: the copy keeps its key, and what has that key waits for it."""
        harness, copy, record_id = self.parked(name)
        harness.consumer.__dict__["processor"] = raising(ValueError())
        assert harness.deliver(copy) == ["m-copy"]
        harness.consumer.__dict__["processor"] = harness.process
        assert harness.deliver(copy) == []
        assert len(harness.ran) == 1
        assert harness.memory.records[record_id].status == "COMPLETED"

    def test_parked_twice(self, name: str) -> None:
        """The copy of a copy has the same key and body too, and the id that the message had."""
        harness, copy, record_id = self.parked(name)
        harness.consumer.__dict__["processor"] = NEVER
        assert harness.deliver(copy) == []
        harness.consumer.__dict__["processor"] = harness.process
        body, token = harness.queues.dead_letters[-1]
        first, second = (CopyMark.parse(each) for _, each in harness.queues.dead_letters)
        assert second == first._replace(token=second.token)
        assert harness.deliver(record(body, message_id="m-again", **marked(token))) == []
        plain = ConsumerHarness(key=COPIED[name][0])
        plain.consumer.consume(COPIED[name][1], Millis(30_000))
        assert (harness.ran, harness.messages[0].body) == (plain.ran, plain.messages[0].body)
        assert harness.memory.records[record_id].status == "COMPLETED"

    def test_two_copies(self, name: str) -> None:
        """A copy that was sent twice runs once, also in one batch."""
        harness, copy, _ = self.parked(name)
        twin = copy | {"messageId": "m-twin"}
        assert harness.deliver(copy, twin) == []
        assert len(harness.ran) == 1

    @pytest.mark.parametrize("park_interrupted", [True, False])
    def test_interrupted(self, name: str, park_interrupted: bool) -> None:
        """Its takeover needs the copy; in park mode another decision, and another copy."""
        harness, copy, record_id = self.parked(name, park_interrupted=park_interrupted)
        harness.consumer.__dict__["processor"] = raising(SystemExit())
        assert harness.deliver(copy) == ["m-copy"]
        harness.consumer.__dict__["processor"] = harness.process
        assert harness.deliver(copy) == ["m-copy"]
        assert not harness.ran
        harness.clock.advance(Millis(60_000))
        assert harness.deliver(copy) == []
        if park_interrupted:
            assert not harness.ran
            assert harness.deliver(copy) == []
            assert not harness.ran
            _, token = harness.queues.dead_letters[-1]
            newest = copy | marked(token, messageId="m-newest")
            assert harness.deliver(newest) == []
        assert len(harness.ran) == 1
        assert harness.memory.records[record_id].status == "COMPLETED"


UPLOADS = event(s3_record("k1"), s3_record("k2"), s3_record("k3"))
SEVERAL = {
    "queue": event(record(json.dumps(UPLOADS))),
    "topic in queue": event(record(json.dumps(notification(json.dumps(UPLOADS))))),
    "shard": event(kinesis_record(json.dumps(UPLOADS).encode())),
    "topic": event(sns_record(json.dumps(UPLOADS))),
}
"""Records that hold several messages."""


@pytest.mark.parametrize(
    "key", [None, "body.s3.object.key", "[messageId || 'x', body.s3.object.key]"]
)
@pytest.mark.parametrize("name", SEVERAL)
class TestOneOfSeveral:
    """A message that shares its record with others."""

    def test_its_copy_is_of_it_alone(self, name: str, key: str | None) -> None:
        """Only the parked message runs again, with its key and body, and nothing else with it."""
        harness = ConsumerHarness(key=key, unwrap=EVERYTHING)
        runs: list[tuple[str, str]] = []

        def process(message: Any) -> None:
            runs.append((message.key, message.body["s3"]["object"]["key"]))
            if runs[-1][1] != "k1" and len(runs) <= 3:
                raise PermanentFailure

        harness.consumer.__dict__["processor"] = process
        harness.consumer.consume(SEVERAL[name], Millis(30_000))
        first = list(runs)
        assert len(harness.queues.dead_letters) == 2
        for number, (body, token) in enumerate(harness.queues.dead_letters):
            assert harness.deliver(record(body, message_id=f"m-{number}", **marked(token))) == []
        assert runs == [*first, *first[1:]]
        assert {each.status for each in harness.memory.records.values()} == {"COMPLETED"}

    def test_forged(self, name: str, key: str | None) -> None:
        """A copy that nothing confirms is rejected as a whole, and does not run."""
        harness = ConsumerHarness(key=key, unwrap=EVERYTHING)
        source = {"shard": "aws:kinesis", "topic": "aws:sns"}.get(name, "")
        text = json.dumps(SEVERAL[name]) if source else SEVERAL[name]["Records"][0]["body"]
        for position in ("1", "3", "4", "x", ""):
            liar = record(text, message_id="m-9", **marked(f"x /{source}/id/{position} k2"))
            reported = harness.deliver(liar)
            if position:
                assert (reported, harness.ran) == (["m-9"], [])


class TestOtherSettings:
    """Copies whose settings have changed between their parking and their redrive."""

    def copied(self, whole: Any, before: Any, after: Any) -> tuple[ConsumerHarness, list[str]]:
        """The consumer after a redrive of all copies, and what is reported."""
        first = ConsumerHarness(key=None, unwrap=frozenset(before))
        first.consumer.__dict__["processor"] = NEVER
        first.consumer.consume(whole, Millis(30_000))
        harness = ConsumerHarness(first.memory, first.clock, key=None, unwrap=frozenset(after))
        copies = [
            record(body, message_id=f"m-copy-{at}", **marked(token))
            for at, (body, token) in enumerate(first.queues.dead_letters)
        ]
        return harness, harness.deliver(*copies)

    @pytest.mark.parametrize("name", SEVERAL)
    def test_unwrapped_no_more(self, name: str) -> None:
        """Nobody gets the whole in the place of a part: the copies are rejected."""
        harness, reported = self.copied(SEVERAL[name], UNWRAP_CHOICES, ())
        assert len(reported) == 3
        assert harness.ran == []

    @pytest.mark.parametrize("name", ["shard", "topic"])
    def test_unwrapped_since(self, name: str) -> None:
        """Nobody gets the wrapper of another source."""
        harness, reported = self.copied(SEVERAL[name], (), UNWRAP_CHOICES)
        assert len(reported) == 1
        assert harness.ran == []

    def test_a_test_event(self) -> None:
        """A copy of a parked message is not acknowledged as a test event of S3."""
        whole = event(record('{"Service": "Amazon S3", "Event": "s3:TestEvent"}'))
        harness, reported = self.copied(whole, (), UNWRAP_CHOICES)
        assert (reported, harness.ran) == (["m-copy-0"], [])


@pytest.mark.parametrize("source", ["aws:kinesis", "aws:sns", "aws:s3", "aws:dynamodb"])
@pytest.mark.parametrize(
    "key", ["body.id", "wrapped.TopicArn || messageId", "message_attributes.t"]
)
def test_a_forged_source_unwraps_nothing(source: str, key: str) -> None:
    """Only the record of the stated key lets the mark say what is the body."""
    inside = {
        "aws:kinesis": kinesis_record("victim"),
        "aws:sns": sns_record('{"id": "victim"}', Sns=notification("{}", MessageAttributes=TENANT)),
        "aws:s3": s3_record(),
        "aws:dynamodb": stream_record("victim"),
    }
    harness = ConsumerHarness(key=key)
    liar = record(json.dumps(event(inside[source])), **marked(f"x /{source}/id victim"))
    assert harness.deliver(liar, "a") == ["m-1", *(["m-a"] if key.startswith("message") else [])]
    assert len(harness.ran) == (0 if key.startswith("message") else 1)
    assert isinstance(harness.histories["m-1"].errors[0], MessageError)


def parked_by(record_id: str, owner: str) -> Record:
    """A record that this owner has parked, its copy sent."""
    about: Any = {"owner": owner, "created_at": 0, "dead_lettered_at": 0}
    return Record(id=record_id, status="PARKED", **about)


class TestHistory:
    """The record of the copies that have claimed a key."""

    @pytest.mark.parametrize("owner", [None, "", 0, {"NULL": True}])
    @pytest.mark.parametrize("status", ["PARKED", "COMPLETED"])
    def test_of_an_unreadable_owner(self, status: str, owner: Any) -> None:
        """Where nobody can say whose copy it is, the message is reported and not run."""
        harness, copy = self.parked()
        found = harness.memory.records["orders#m-a"]
        later = EpochSeconds(harness.clock.now() // 1000 + 3600)
        harness.memory.records[found.id] = replace(
            found, status=status, owner=owner, expires_at=later
        )
        assert harness.deliver(copy, "b") == ["m-copy"]
        assert harness.ran == ["m-a", "m-b"]

    def parked(self, **changes: Any) -> tuple[ConsumerHarness, dict[str, Any]]:
        """A harness on which m-a was parked, and its copy."""
        harness = ConsumerHarness(key=None, **changes)
        harness.behaviour["m-a"] = NEVER
        harness.deliver("a")
        harness.behaviour.clear()
        ((body, token),) = harness.queues.dead_letters
        return harness, record(body, message_id="m-copy", **marked(token))

    def test_completed_by_an_operator(self) -> None:
        """A copy that is left over then is a duplicate, though no copy has claimed the record."""
        harness, copy = self.parked()
        found = harness.memory.records["orders#m-a"]
        expires_at = EpochSeconds(harness.clock.now() // 1000 + 3600)
        harness.memory.records[found.id] = replace(found, status="COMPLETED", expires_at=expires_at)
        assert harness.deliver(copy) == []
        assert harness.ran == ["m-a"]

    @pytest.mark.parametrize("lease", [0, 5_000])
    def test_of_a_claim(self, *, lease: int) -> None:
        """The token of a claim, which a processor may have passed on, proves no copy."""
        harness = ConsumerHarness(key=None)
        harness.seed_record("m-a", lease=lease)
        assert harness.deliver(record(**marked("dead m-a"))) == []
        assert harness.ran == ["m-1"]
        assert harness.memory.records["orders#m-a"].owner == "dead"

    def test_of_a_newer_version(self) -> None:
        """Nobody knows whether such a record is the copy's, so it is reported and not run."""
        harness, copy = self.parked()
        found = harness.memory.records["orders#m-a"]
        newer = {"status": "ARCHIVED", "owner": Owner("newer")}
        harness.memory.records[found.id] = replace(found, **newer)
        assert harness.deliver(copy) == ["m-copy"]
        assert harness.outcomes["m-copy"] == "table_unavailable"
        assert harness.ran == ["m-a"]

    def test_an_older_copy(self) -> None:
        """An older copy does not claim a record that a newer copy unlocked: it would release it."""
        harness, older = self.parked()
        harness.behaviour["m-a"] = NEVER
        assert harness.deliver(older) == []
        body, token = harness.queues.dead_letters[-1]
        newer = record(body, message_id="m-newer", **marked(token))
        harness.behaviour["m-a"] = raising(SystemExit())
        assert harness.deliver(newer) == ["m-newer"]
        harness.behaviour["m-a"] = raising(ValueError())
        harness.clock.advance(Millis(60_000))
        assert harness.deliver(older | {"messageId": "m-twin"}, "a") == []
        assert harness.outcomes["m-twin"] == harness.outcomes["m-a"] == "parked"
        harness.behaviour.clear()
        assert harness.deliver(newer) == []
        assert harness.ran == ["m-a"] * 4

    @pytest.mark.parametrize("completes", [True, False])
    def test_after_the_retention(self, completes: bool) -> None:
        """A message that runs again after the retention treats older copies as duplicates."""
        harness, copy = self.parked()
        assert harness.deliver(copy) == []
        harness.clock.advance(Millis(3_602_000))
        if not completes:
            harness.behaviour["m-a"] = raising(SystemExit())
        harness.deliver("a")
        assert harness.ran == ["m-a"] * 3
        harness.behaviour.clear()
        harness.clock.advance(Millis(60_000))
        assert harness.deliver(copy) == []
        assert harness.ran == ["m-a"] * (3 if completes else 4)
        assert harness.deliver("a", copy) == []
        assert harness.status("m-a") == "COMPLETED"
