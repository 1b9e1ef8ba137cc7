"""Random batches with liars among the senders, and a vandal for a processor.

A liar may send any body and any attributes to the queue. It does not choose what SQS says of its
message: its id, its sender, its queue. A vandal changes all that it gets, and keeps it.
"""

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from idempotent_lambda.clock import Millis
from idempotent_lambda.errors import PermanentFailure
from idempotent_lambda.settings import UNWRAP_CHOICES
from idempotent_lambda.sources.message import Message
from tests.handler.events import (
    QUEUE_ARN,
    bus_event,
    event,
    fifo_order,
    kinesis_record,
    notification,
    order,
    record,
    s3_record,
    sns_record,
    stream_record,
)
from tests.handler.harness import ConsumerHarness

TOKEN = "IdempotencyOwner"  # its name, not a secret
FUNCTION = "AROAFUNCTION"
SHOPS = ("AIDASHOP1", "AIDASHOP2")
LIAR = "AIDALIAR"

Rule = tuple[str | None, frozenset[str]]
"""A key expression, and the services whose wrappers come off."""

RULES: list[Rule] = [
    (None, frozenset()),
    *(
        (expression, unwrap)
        for expression in (
            "messageId",
            "[attributes.SenderId, body.id]",
            "[eventSourceARN, attributes.SenderId, messageId]",
            "attributes.SenderId",
        )
        for unwrap in (frozenset[str](), frozenset({"sns"}), frozenset(UNWRAP_CHOICES))
    ),
]
"""Each has something in the key that only SQS says."""

ENDS = ("returns", "returns", "raises", "gives up")
"""What a processor does with a message."""


@dataclass(frozen=True)
class Genuine:
    """An order of a shop.

    Attributes:
        id: the id of the message.
        first: the behavior of its processor at the first delivery.
        then: the behavior of its processor for a redelivery, or for a copy.
    """

    id: str
    order_id: str
    shop: str
    first: str
    then: str

    def record(self) -> dict[str, Any]:
        """What Lambda gets of it."""
        return sent_by(self.shop, order(self.order_id, self.id))


@dataclass(frozen=True)
class Lie:
    """A message of a liar.

    Attributes:
        stated: the key that it names: the place of a genuine message, or any text.
        place: the place of the message before which it comes.
        end: the behavior of its processor.
    """

    body: str
    token: str
    stated: int | str
    place: int
    end: str
    attributes: Mapping[str, Any]


def sent_by(sender: str, whole: dict[str, Any]) -> dict[str, Any]:
    """The record with another sender."""
    return whole | {"attributes": whole["attributes"] | {"SenderId": sender}}


FIELDS: dict[str, Any] = {
    "messageId": st.sampled_from(["g-0", "g-1", "c-0"]),
    "attributes": st.just({"SenderId": SHOPS[0], "ApproximateReceiveCount": "1"}),
    "eventSourceARN": st.just(QUEUE_ARN),
    "eventSource": st.sampled_from(["aws:sqs", "aws:sns", "aws:kinesis", 7]),
    "body": st.just({"id": "a"}),
    "id": st.sampled_from(["a", "b", "g-0", 1, None]),
    "Type": st.just("Notification"),
    "detail-type": st.just("x"),
    "Records": st.lists(st.dictionaries(st.text(max_size=3), st.text(max_size=3)), max_size=2),
    "messageAttributes": st.just({TOKEN: {"stringValue": "x", "dataType": "String"}}),
}
"""What may overlay the record around a body."""

JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
OVERLAYS = st.fixed_dictionaries({}, optional=FIELDS)


def _wrapped(inner: str, changes: dict[str, Any]) -> list[Any]:
    return [
        notification(inner, **changes),
        bus_event("a", **changes),
        event(sns_record(inner, **changes)),
        event(s3_record(**changes)),
        event(kinesis_record("a", **changes)),
        stream_record("a", **changes),
        {**kinesis_record("a")["kinesis"], **changes},
        {"Records": [changes, changes]},
    ]


WRAPPERS = st.builds(
    _wrapped, st.builds(json.dumps, OVERLAYS) | st.text(max_size=9), OVERLAYS
).flatmap(st.sampled_from)
BODIES = st.builds(json.dumps, JUNK | OVERLAYS | WRAPPERS) | st.text(max_size=20)
ATTRIBUTES = st.dictionaries(
    st.sampled_from(["id", "SenderId", "messageId", "x"]),
    st.fixed_dictionaries({"stringValue": st.text(max_size=5), "dataType": st.just("String")}),
    max_size=2,
)
GENUINE = st.builds(
    Genuine,
    id=st.just(""),
    order_id=st.sampled_from("ab"),
    shop=st.sampled_from(SHOPS),
    first=st.sampled_from(ENDS),
    then=st.sampled_from(ENDS),
)
LIES = st.builds(
    Lie,
    body=BODIES,
    token=st.sampled_from(["", "x", "owner-0", "owner 1", "x/aws:sns", "x/aws:kinesis", "é"]),
    stated=st.integers(0, 2) | st.integers(0, 2) | st.sampled_from(["#", "#[1", '#["a"]', "a", ""]),
    place=st.integers(0, 3),
    end=st.sampled_from(ENDS),
    attributes=ATTRIBUTES,
)


class World:
    """A consumer and the messages that it gets."""

    def __init__(self, rule: Rule, genuine: Sequence[Genuine], lies: Sequence[Lie]) -> None:
        key, unwrap = rule
        self.harness = ConsumerHarness(key=key, unwrap=unwrap)
        self.harness.consumer.__dict__["processor"] = self.process
        self.genuine, self.lies = genuine, lies
        self.ends: dict[str, str] = {}
        self.ran: list[tuple[str, str]] = []
        self.keys = [self._find_key(each) for each in genuine]

    def _find_key(self, message: Genuine) -> str:
        harness = ConsumerHarness(key=self.harness.consumer.settings.key_rule.expression)
        harness.deliver(message.record())
        (record_id,) = harness.memory.records
        return record_id.partition("#")[2]

    def process(self, message: Message) -> None:
        """Do what the message's sender has drawn."""
        self.ran.append((message.id, message.key))
        match self.ends[message.id]:
            case "raises":
                raise ValueError
            case "gives up":
                raise PermanentFailure

    def delivered(self, batch: list[dict[str, Any]], called: str) -> set[str]:
        """One invocation with the liars among the senders; the genuine messages reported."""
        batch = list(batch)
        for at, lie in enumerate(self.lies):
            lied = self._record(lie, f"{called}-{at}")
            self.ends[lied["messageId"]] = lie.end
            batch.insert(min(lie.place, len(batch)), lied)
        return {each for each in self.harness.deliver(*batch) if not each.startswith("l")}

    def _record(self, lie: Lie, message_id: str) -> dict[str, Any]:
        named = self.keys[lie.stated % len(self.keys)] if isinstance(lie.stated, int) else None
        marked = f"{lie.token} {lie.stated if named is None else named}"
        mark = {TOKEN: {"stringValue": marked, "dataType": "String"}}
        attributes = {"messageAttributes": {**lie.attributes, **mark}}
        return sent_by(LIAR, record(lie.body, message_id=message_id, **attributes))

    def reported(self) -> list[Any]:
        """The ends of genuine messages, what ran of them under which key, and what is parked."""
        genuine = [each for each in self.harness.outcomes.items() if not each[0].startswith("l")]
        ran = [each for each in self.ran if not each[0].startswith("l")]
        parked = [body for body, mark in self.copies()]
        return [sorted(genuine), Counter(ran), parked]

    def copies(self) -> list[tuple[str, str]]:
        """The copies of genuine messages."""
        mine = {each.record()["body"] for each in self.genuine}
        own = {self.harness.consumer.settings.key_rule.namespace + "#" + key for key in self.keys}
        parked = {each.owner for each in self.harness.memory.records.values() if each.id in own}
        found = (
            each
            for each in self.harness.queues.dead_letters
            if each[0] in mine and each[1].split(" ")[0] in parked
        )
        # In which order messages are parked that have none is nobody's concern.
        return sorted(found, key=lambda copy: (copy[0], copy[1].partition(" ")[2]))

    def played(self) -> list[Any]:
        """What becomes of the genuine messages: sent, delivered again, and redriven."""
        self.ends = {each.id: each.first for each in self.genuine}
        first = self.delivered([each.record() for each in self.genuine], "l-first")
        self.ends |= {each.id: each.then for each in self.genuine}
        copies = self.copies()
        batch = [each.record() for each in self.genuine]
        for at, (body, marked) in enumerate(copies):
            attribute = {"stringValue": marked, "dataType": "String"}
            copy = record(body, message_id=f"c-{at}", messageAttributes={TOKEN: attribute})
            self.ends[f"c-{at}"] = "returns"
            batch.append(sent_by(FUNCTION, copy))
        second = self.delivered(batch, "l-second")
        third = self.delivered(batch, "l-third")
        return [first, second, third, *self.reported()]


@settings(deadline=None, max_examples=150)
@given(
    st.sampled_from(RULES),
    st.lists(GENUINE, min_size=1, max_size=3),
    st.lists(LIES, min_size=1, max_size=4),
)
def test_liars_change_nothing(rule: Rule, drawn: list[Genuine], lies: list[Lie]) -> None:
    """Every genuine message ends as it would without them, under the same key, as often run."""
    genuine = [
        Genuine(f"g-{at}", each.order_id, each.shop, each.first, each.then)
        for at, each in enumerate(drawn)
    ]
    assert World(rule, genuine, lies).played() == World(rule, genuine, []).played()


@settings(deadline=None, max_examples=100)
@given(BODIES, ATTRIBUTES, st.sampled_from(UNWRAP_CHOICES), st.booleans())
def test_no_body_overlays_the_record(
    body: str, attributes: dict[str, Any], service: str, everything: bool
) -> None:
    """A key takes from the record the values of SQS, whatever is in the body."""
    fields = "[messageId, attributes.SenderId, eventSourceARN]"
    harness = ConsumerHarness(
        key=fields, unwrap=frozenset(UNWRAP_CHOICES if everything else {service})
    )
    whole = record(body, message_id="m-true", messageAttributes=attributes)
    harness.deliver(sent_by("AIDATRUE", whole))
    assert set(harness.ran) <= {
        json.dumps(["m-true", "AIDATRUE", QUEUE_ARN], separators=(",", ":"))
    }
    assert {each.attributes["SenderId"] for each in harness.messages} <= {"AIDATRUE"}


EVENTS: dict[str, tuple[str | None, Callable[[], Any]]] = {
    "queue": ("body.id", lambda: event(order("a"), order("b"), order("a", "m-2"))),
    "group": ("body.id", lambda: event(fifo_order("a"), fifo_order("b"))),
    "senders": ("[attributes.SenderId, body.id]", lambda: event(order("a"), order("b"))),
    "wrapped": (None, lambda: event(record(json.dumps(notification('{"id": "a"}'))))),
    "shard": (None, lambda: event(kinesis_record("a"), kinesis_record("b", "2"))),
    "table": (None, lambda: event(stream_record("a"), stream_record("b", "2"))),
    "topic": (None, lambda: event(sns_record('{"id": ["a"]}'))),
    "bucket": (None, lambda: event(s3_record())),
    "bus": (None, lambda: bus_event(["a"])),
    "direct": ("body.id", lambda: {"id": "a", "more": {"x": [1]}}),
}


def _ruin(value: Any) -> None:
    """Change a value and all that is in it."""
    inner = list(value.values()) if isinstance(value, dict) else list(value)
    for each in inner:
        if isinstance(each, dict | list):
            _ruin(each)
    if isinstance(value, dict):
        value |= dict.fromkeys([*value, "id", "SenderId", "body", "receiptHandle"], "vandal")
    else:
        value[:] = ["vandal"]


class Vandal:
    """A processor that changes what it gets, if it is one, and what it got before."""

    def __init__(self, harness: ConsumerHarness, ends: Sequence[str], *, ruins: bool) -> None:
        self.harness, self.ends, self.ruins = harness, list(ends), ruins
        self.kept: list[Message] = []

    def __call__(self, message: Message) -> None:
        self.harness.ran.append(message.key)
        self.kept.append(message)
        self.ruin()
        end = self.ends.pop(0) if self.ends else "returns"
        if end == "raises":
            raise ValueError
        if end == "gives up":
            raise PermanentFailure

    def ruin(self) -> None:
        """Change all that was ever given."""
        for message in self.kept if self.ruins else ():
            parts: list[Any] = [message.body, message.raw, message.attributes]
            for part in (*parts, message.message_attributes):
                if isinstance(part, dict | list):
                    _ruin(part)


def _consumed(name: str, ends: Sequence[str], *, ruins: bool) -> list[Any]:
    """What comes of an event that is delivered three times, to a vandal or to another one."""
    key, make = EVENTS[name]
    harness = ConsumerHarness(key=key, unwrap=frozenset(UNWRAP_CHOICES))
    vandal = harness.consumer.__dict__["processor"] = Vandal(harness, ends, ruins=ruins)
    whole = make()
    before, answers = deepcopy(whole), []
    for _ in range(3):
        try:
            answers.append(harness.consumer.consume(whole, Millis(30_000)))
        except Exception as error:  # noqa: BLE001  # a source without partial answers
            answers.append(repr(error))
        vandal.ruin()
        assert whole == before
    records = {each.id: each.status for each in harness.memory.records.values()}
    return [answers, harness.ran, harness.outcomes, harness.queues.dead_letters, records]


@settings(deadline=None, max_examples=100)
@given(st.sampled_from(sorted(EVENTS)), st.lists(st.sampled_from(ENDS), max_size=4))
def test_a_vandal_changes_nothing(name: str, ends: list[str]) -> None:
    """Keys, answers, retries and copies come from the message as it arrived; it never changes."""
    assert _consumed(name, ends, ruins=True) == _consumed(name, ends, ruins=False)


@settings(deadline=None, max_examples=60)
@given(st.sampled_from(sorted(EVENTS)))
def test_the_copy_is_what_arrived(name: str) -> None:
    """A message that a processor changes and gives up is dead-lettered as it arrived."""
    answers, _, _, dead_letters, _ = _consumed(name, ["gives up"] * 9, ruins=True)
    whole = EVENTS[name][1]()
    records = whole.get("Records", [whole])
    bodies = [each["body"] if isinstance(each.get("body"), str) else each for each in records]
    arrived = [
        each if isinstance(each, str) else {"Records": [each]} if "Records" in whole else each
        for each in bodies
    ]
    copies = [body if body in arrived else json.loads(body) for body, _ in dead_letters]
    assert copies
    assert all(each in arrived for each in copies)
    assert answers[-1] in (None, {"batchItemFailures": []})
