"""Records that the real Powertools library has written suppress duplicates here."""

import random
from collections.abc import Callable
from typing import Any

import pytest

from idempotent_lambda.clock import Millis
from idempotent_lambda.decorator import idempotent
from idempotent_lambda.errors import AlreadyInProgressError, PayloadMismatchError
from idempotent_lambda.migration import PowertoolsRecords
from idempotent_lambda.sources.message import Message

from .conftest import NewCode, OldCode, Processor, order, sqs

pytestmark = [pytest.mark.emulator, pytest.mark.slow]

HANDLER = """
import options
from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer, IdempotencyConfig, idempotent
)
from shop import charge

config = IdempotencyConfig(**options.CONFIG)
store = DynamoDBPersistenceLayer(table_name=options.TABLE, **options.STORE)

@idempotent(config=config, persistence_store=store, **options.DECORATOR)
def handler(event, context):
    return charge(event)
"""

FUNCTION = """
import options
from aws_lambda_powertools.utilities.idempotency import (
    DynamoDBPersistenceLayer, IdempotencyConfig, idempotent_function
)
from shop import charge

config = IdempotencyConfig(**options.CONFIG)
store = DynamoDBPersistenceLayer(table_name=options.TABLE, **options.STORE)
once = idempotent_function(
    data_keyword_argument="%s", config=config, persistence_store=store, **options.DECORATOR
)
"""

PROCESS = f"""{FUNCTION % "record"}
@once
def process(record):
    return charge(record.json_body)
"""

INNER = f"""{FUNCTION % "order"}
class Shop:
    @staticmethod
    @once
    def sell(order):
        return charge(order)

def handler(event, context):
    config.register_lambda_context(context) if context else None
    return Shop.sell(order=event)
"""

ATTRIBUTES = {
    "key_attr": "k",
    "expiry_attr": "e",
    "in_progress_expiry_attr": "i",
    "status_attr": "s",
    "data_attr": "d",
    "validation_key_attr": "v",
}

Select = Callable[[Message], Any]


def options(table: str, *, key: str = "order_id", **more: Any) -> dict[str, Any]:
    """What the old code is set up with."""
    config = {"event_key_jmespath": key} | more.get("config", {})
    store, decorator = more.get("store", {}), more.get("decorator", {})
    return {"TABLE": table, "CONFIG": config, "STORE": store, "DECORATOR": decorator}


def guarded(new: NewCode, before: PowertoolsRecords, select: Select) -> Processor:
    """A processor that asks first."""

    def process(message: Message) -> None:
        if before.find_completion(select(message)):
            return
        new.charge(message.body)

    return process


def by_order_id(message: Message) -> Any:
    """What the old key expression finds."""
    return message.body["order_id"]


HANDLED = "orders-function.app.handler"
WAYS: dict[str, tuple[str, str, dict[str, Any], dict[str, Any], Select]] = {
    "a handler": (HANDLER, "handler", {}, {"prefix": HANDLED}, by_order_id),
    "a function": (INNER, "handler", {}, {"prefix": "orders-function.app.Shop.sell"}, by_order_id),
    "a batch": (
        PROCESS,
        "batch",
        {"key": "powertools_json(body).order_id"},
        {"prefix": "orders-function.app.process"},
        by_order_id,
    ),
    "a batch by message id": (
        PROCESS,
        "batch",
        {"key": "messageId"},
        {"prefix": "orders-function.app.process"},
        lambda message: message.raw["messageId"],
    ),
    "a custom prefix": (
        HANDLER,
        "handler",
        {"decorator": {"key_prefix": "charges"}},
        {"prefix": "charges"},
        by_order_id,
    ),
    "another hash": (
        HANDLER,
        "handler",
        {"config": {"hash_function": "sha256"}},
        {"prefix": HANDLED, "hash_function": "sha256"},
        by_order_id,
    ),
    "a list": (
        HANDLER,
        "handler",
        {"key": "[order_id, amount_cents]"},
        {"prefix": HANDLED},
        lambda message: [message.body["order_id"], message.body["amount_cents"]],
    ),
    "an object": (
        HANDLER,
        "handler",
        {"key": "{z: order_id, a: amount_cents}"},
        {"prefix": HANDLED},
        lambda message: {"z": message.body["order_id"], "a": message.body["amount_cents"]},
    ),
    "the whole event": (
        HANDLER,
        "handler",
        {"key": ""},
        {"prefix": HANDLED},
        lambda message: message.body,
    ),
    "custom attributes": (
        HANDLER,
        "handler",
        {"store": ATTRIBUTES},
        {"prefix": HANDLED, **ATTRIBUTES},
        by_order_id,
    ),
    "a sort key": (
        HANDLER,
        "handler",
        {"store": {"key_attr": "pk", "sort_key_attr": "sk"}},
        {
            "prefix": HANDLED,
            "key_attr": "pk",
            "sort_key_attr": "sk",
            "static_pk_value": "idempotency#orders-function",
        },
        by_order_id,
    ),
    "a local cache": (
        HANDLER,
        "handler",
        {"config": {"use_local_cache": True}},
        {"prefix": HANDLED},
        by_order_id,
    ),
}


@pytest.mark.parametrize("way", WAYS)
def test_what_was_completed_does_not_run_again(
    old: OldCode, new: NewCode, clients: Any, way: str
) -> None:
    """An operation that the real library completed is a duplicate here, in each of its setups."""
    code, call, set_up, described, select = WAYS[way]
    table = f"old-{way.replace(' ', '-').replace(chr(39), '-')}"
    keys = [described.get("key_attr", "id"), *filter(None, [described.get("sort_key_attr")])]
    clients[1].create_table(
        TableName=table,
        KeySchema=[
            {"AttributeName": name, "KeyType": kind}
            for name, kind in zip(keys, ("HASH", "RANGE"), strict=False)
        ],
        AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in keys],
        BillingMode="PAY_PER_REQUEST",
    )
    event = sqs(order("ÄB-1")) if call == "batch" else order("ÄB-1")
    answer = old.call(code, call, event, options=options(table, **set_up))
    assert "error" not in answer
    assert old.charged() == [order("ÄB-1")]
    before = PowertoolsRecords(table=table, clock=new.clock, **described)
    assert new.deliver(guarded(new, before, select), order("ÄB-1"), order("ÄB-2")) == []
    assert new.charged == [order("ÄB-2")]


@pytest.mark.parametrize("hash_function", ["md5", "sha256", "sha3_512", "blake2b"])
def test_ids_are_those_of_the_library(old: OldCode, old_table: str, hash_function: str) -> None:
    """The id of an operation is the id that the library makes, for any JSON."""
    dice = random.Random(7)  # noqa: S311  # guards nothing

    def value(depth: int = 0) -> Any:
        kind = dice.randrange(8 if depth < 3 else 6)
        if kind == 6:
            return [value(depth + 1) for _ in range(dice.randrange(1, 4))]
        if kind == 7:
            return {f"k{dice.randrange(9)}": value(depth + 1) for _ in range(3)}
        texts = "".join(dice.choices('aZ09 "\\/#ä€\U0001f980\n\u2028', k=5))
        plain = (texts, dice.randrange(-(10**20), 10**20), dice.uniform(-1e9, 1e9), 1e22, True)
        return plain[kind] if kind < 5 else dice.random() * 10 ** dice.randrange(-20, 20)

    values = [0, False, 0.1, -0.0, [None, 1], *(value() for _ in range(300))]
    given = options(old_table, key="", config={"hash_function": hash_function}) | {"PREFIX": "p"}
    reported = old.call(HANDLER, "ids", values, options=given)["answer"]
    before = PowertoolsRecords(table=old_table, prefix="p", hash_function=hash_function)
    assert [before.id_of(each) for each in values] == reported
    assert len(set(reported)) > 200


@pytest.mark.parametrize("end", ["return", "raise", "kill"])
def test_what_is_in_progress_is_given_back(
    old: OldCode, new: NewCode, old_table: str, end: str
) -> None:
    """During a run of the old code nothing runs here; after it, only orders that it left undone."""
    before = PowertoolsRecords(table=old_table, prefix=HANDLED, clock=new.clock)
    process = guarded(new, before, by_order_id)
    given = options(old_table)
    held = old.call(HANDLER, "handler", order("A"), options=given, behaviour="hold")
    assert held == {"holding": True}
    assert new.deliver(process, order("A"), order("B")) == ["m-A"]
    assert new.charged == [order("B")]
    if end == "kill":
        old.kill()
        # Its deadline was 30 s away; the margin and what the test itself took come on top.
        new.clock.advance(Millis(29_000))
        assert new.deliver(process, order("A")) == ["m-A"]
        new.clock.advance(Millis(60_000))
    else:
        old.go_on(end)
    assert new.deliver(process, order("A")) == []
    everywhere = [*old.charged(), *new.charged]
    assert everywhere.count(order("A")) == 1
    assert (order("A") in new.charged) is (end != "return")


def test_without_a_context_it_is_in_progress_until_it_expires(
    old: OldCode, new: NewCode, old_table: str
) -> None:
    """If the library got no deadline, a killed run is given back until its expiry."""
    before = PowertoolsRecords(
        table=old_table, prefix="orders-function.app.Shop.sell", clock=new.clock
    )
    process = guarded(new, before, by_order_id)
    given = options(old_table, config={"expires_after_seconds": 100})
    old.call(INNER, "handler", order("A"), options=given, behaviour="hold", in_lambda=False)
    old.kill()
    new.clock.advance(Millis(95_000))
    assert new.deliver(process, order("A")) == ["m-A"]
    # The old code may have begun long after this clock, on a slow machine.
    new.clock.advance(Millis(65_000))
    assert new.deliver(process, order("A")) == []
    assert new.charged == [order("A")]


def test_what_has_expired_runs(old: OldCode, new: NewCode, old_table: str) -> None:
    """Once the library itself would run it again, so does this package, and then never again."""
    given = options(old_table, config={"expires_after_seconds": 100})
    old.call(HANDLER, "handler", order("A"), options=given)
    before = PowertoolsRecords(table=old_table, prefix=HANDLED, clock=new.clock)
    new.clock.advance(Millis(160_000))
    for _ in range(2):
        assert new.deliver(guarded(new, before, by_order_id), order("A")) == []
    assert new.charged == [order("A")]


def test_what_failed_runs(old: OldCode, new: NewCode, old_table: str) -> None:
    """An operation that raised under the library has no record, and runs here."""
    given = options(old_table)
    answer = old.call(HANDLER, "handler", order("A"), options=given, behaviour="raise")
    assert "ValueError" in answer["error"]
    before = PowertoolsRecords(table=old_table, prefix=HANDLED, clock=new.clock)
    assert new.deliver(guarded(new, before, by_order_id), order("A")) == []
    assert new.charged == [order("A")]


def test_another_payload_is_an_error(old: OldCode, new: NewCode, old_table: str) -> None:
    """A key that the library has seen with another payload is an error; the same is done."""
    given = options(old_table, config={"payload_validation_jmespath": "[amount_cents]"})
    old.call(HANDLER, "handler", order("A"), options=given)
    before = PowertoolsRecords(table=old_table, prefix=HANDLED, clock=new.clock)
    assert before.find_completion("A", payload=[1999])
    with pytest.raises(PayloadMismatchError):
        before.find_completion("A", payload=[2999])


def test_who_asks_again_gets_the_first_answer(old: OldCode, new: NewCode, old_table: str) -> None:
    """Across the change-over a decorated function goes on giving the answer of the old code."""
    answer = old.call(HANDLER, "handler", order("A"), options=options(old_table))["answer"]
    before = PowertoolsRecords(table=old_table, prefix=HANDLED, clock=new.clock)

    @idempotent(name="charge", key="event.order_id", lease_seconds=30, wiring=new.wiring)
    def handler(event: Any) -> Any:
        if done := before.find_completion(event["order_id"]):
            return done.result
        return new.charge(event)

    assert handler(order("A")) == answer == {"charged": order("A")}
    new.clock.advance(Millis(4000_000))
    assert before.find_completion("A") is None
    assert handler(order("B"))["by"] == "the new code"
    assert new.charged == [order("B")]


def test_a_decorated_function_is_busy_beside_the_old_one(
    old: OldCode, new: NewCode, old_table: str
) -> None:
    """A call whose key the old code works on raises Busy, and leaves no claim behind."""
    before = PowertoolsRecords(table=old_table, prefix=HANDLED, clock=new.clock)

    @idempotent(name="charge", key="event.order_id", lease_seconds=30, wiring=new.wiring)
    def handler(event: Any) -> Any:
        done = before.find_completion(event["order_id"])
        return done.result if done else new.charge(event)

    old.call(HANDLER, "handler", order("A"), options=options(old_table), behaviour="hold")
    with pytest.raises(AlreadyInProgressError) as caught:
        handler(order("A"))
    assert 30_000 < caught.value.lease_expires_at - new.clock.now() < 60_000
    answer = old.go_on("return")["answer"]
    assert handler(order("A")) == answer
    assert new.charged == []


def test_the_old_code_does_not_know_the_new(old: OldCode, new: NewCode, old_table: str) -> None:
    """The guide's limit: a duplicate that reaches the old code after the new has done it runs."""
    before = PowertoolsRecords(table=old_table, prefix=HANDLED, clock=new.clock)
    assert new.deliver(guarded(new, before, by_order_id), order("A")) == []
    old.call(HANDLER, "handler", order("A"), options=options(old_table))
    assert (new.charged, old.charged()) == ([order("A")], [order("A")])
