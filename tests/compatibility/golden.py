"""The records and assumptions of this version, kept for the tests of later versions.

    PYTHONPATH=.:handler:toolkit python -m tests.compatibility.golden

The command rewrites the directory of the present version, and no other: each kind of record as the
table has it, made by the real consumer, decorator and store on the emulator with a clock that does
not run by itself; the record ids of messages; the meaning of environments. Once a version is
released its directory does not change, and a change that would alter it belongs to a new version.
"""

import contextlib
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final
from unittest.mock import patch

from idempotent_lambda import PermanentFailure, __version__, errors, idempotent
from idempotent_lambda.clock import Millis
from idempotent_lambda.decorator import Wiring
from idempotent_lambda.pipeline.grouping import find_key
from idempotent_lambda.protocol.record import Owner
from idempotent_lambda.settings import UNWRAP_CHOICES, Settings
from idempotent_lambda.sources.event import read_event
from idempotent_lambda.store.dynamodb import DynamoDBClaimStore
from idempotent_lambda_toolkit.testing import ManualClock
from scripts.support.emulator import Emulator, EmulatorError, new_account, running
from tests.clients import patient_client
from tests.handler.conftest import create_table
from tests.handler.events import GOLDEN_EVENTS, golden, key_rule, order
from tests.handler.harness import ConsumerHarness, raising, table_unavailable

GOLDEN: Final = Path(__file__).with_name("golden")

TABLE: Final = "orders-idempotency"
EFFECTS: Final = "orders-balances"

Kind = dict[str, Any]
"""A record as it is kept: ``at`` in epoch milliseconds, when it was last written; its origin, a
``message`` with this key, or a ``call``; and the ``item``."""

EXPRESSIONS: Final = (None, "body && to_string(body)", "body && sort(keys(@))")
"""Expressions for message keys: the default, the body itself, and other parts of the event."""

ENVIRONMENTS: Final = {
    "the least": {
        "IDEMPOTENCY_NAMESPACE": "orders",
        "IDEMPOTENCY_PROCESSOR": "orders.process",
        "IDEMPOTENCY_RETENTION_SECONDS": "1900800",
        "IDEMPOTENCY_TABLE": "orders-idempotency",
    },
    "all of it": {
        "IDEMPOTENCY_CONCURRENCY": "4",
        "IDEMPOTENCY_DEAD_LETTER_QUEUE_URL": "https://sqs.eu-central-1.amazonaws.com/1/failed",
        "IDEMPOTENCY_KEY": "[body.tenant, body.order_id]",
        "IDEMPOTENCY_LEASE_MARGIN_MILLIS": "5000",
        "IDEMPOTENCY_LOG": "sampled:100",
        "IDEMPOTENCY_LOG_KEYS": "hashed",
        "IDEMPOTENCY_MANAGED_INSTANCES": "accept_overlapping_runs",
        "IDEMPOTENCY_MAX_RECEIVE_COUNT": "5",
        "IDEMPOTENCY_METRICS": "on",
        "IDEMPOTENCY_MINIMUM_REMAINING_MILLIS": "1500",
        "IDEMPOTENCY_MODE": "observe",
        "IDEMPOTENCY_NAMESPACE": "orders",
        "IDEMPOTENCY_ON_INTERRUPTED": "park",
        "IDEMPOTENCY_PROCESSOR": "orders.process",
        "IDEMPOTENCY_RETENTION_SECONDS": "1900800",
        "IDEMPOTENCY_TABLE": "orders-idempotency",
        "IDEMPOTENCY_UNWRAP": "events,pipes,s3,sns",
    },
    "the other choices": {
        "IDEMPOTENCY_LOG": "problems",
        "IDEMPOTENCY_LOG_KEYS": "plain",
        "IDEMPOTENCY_MANAGED_INSTANCES": "refuse",
        "IDEMPOTENCY_METRICS": "by_decorated_name",
        "IDEMPOTENCY_MODE": "enforce",
        "IDEMPOTENCY_NAMESPACE": "orders",
        "IDEMPOTENCY_ON_INTERRUPTED": "retry",
        "IDEMPOTENCY_PROCESSOR": "orders.process",
        "IDEMPOTENCY_RETENTION_SECONDS": "60",
        "IDEMPOTENCY_TABLE": "orders-idempotency",
        "IDEMPOTENCY_UNWRAP": "sns",
    },
}
"""What the module sets."""

CRASH: Final = raising(SystemExit())
LEASE: Final = Millis(35_000)
"""Of a message that has 30 s left, with the margin."""


class Writer:
    """A consumer and a decorator on the emulator, whose owner tokens are counted."""

    def __init__(self, emulator: Emulator) -> None:
        account = new_account()
        self.client = patient_client(emulator.environment(account))
        self.admin = emulator.client("dynamodb", account)
        for name in (TABLE, EFFECTS):
            create_table(self.admin, name)
        self.owners = 0

    def new_owner(self, _: int = 16) -> bytes:
        """The bytes of the next token."""
        self.owners += 1
        return self.owners.to_bytes(16)

    def make_harness(self, clock: ManualClock, **changes: Any) -> ConsumerHarness:
        """A consumer with the module's defaults."""
        store = DynamoDBClaimStore(self.client, TABLE, clock, ConsumerHarness())
        harness = ConsumerHarness(store, clock, **changes)
        object.__setattr__(harness.consumer, "new_owner", lambda: Owner(self.new_owner().hex()))
        return harness

    def kept(self, clock: ManualClock, **what: Any) -> Kind:
        """The only record in the table, which is empty afterwards."""
        (item,) = self.admin.scan(TableName=TABLE, ConsistentRead=True)["Items"]
        self.admin.delete_item(TableName=TABLE, Key={"id": item["id"]})
        return {"at": clock.now(), **what, "item": dict(sorted(item.items()))}

    def message(
        self,
        key: object = "ORDER-1",
        *behaviours: Callable[..., Any],
        unsent: bool = False,
        **changes: Any,
    ) -> Kind:
        """The record of a message; each behaviour is one delivery's, a lease after the last."""
        clock = ManualClock()
        for at, behaviour in enumerate(behaviours or (lambda _: None,)):
            clock.advance(LEASE if at else Millis(0))
            harness = self.make_harness(clock, **changes)
            harness.queues.failure = table_unavailable() if unsent else None
            harness.behaviour = dict.fromkeys([deliveries_key(key)], behaviour)
            harness.deliver(order(key, message_id="m-1"))
        return self.kept(clock, message=key)

    def call(self, function: Callable[..., Any], key: object = "ORDER-1", **options: Any) -> Kind:
        """The record of a call."""
        clock = ManualClock()
        harness = self.make_harness(clock)
        wiring = Wiring(harness.consumer.settings, harness.consumer.store, clock, harness)

        @idempotent(name="charge", key="order.id", lease_seconds=30, wiring=wiring, **options)
        def charge(order: Any) -> Any:
            return function(order)

        asked = {"id": key, "cents": 1999}
        tokens = patch(
            "idempotent_lambda.pipeline.asking.os", SimpleNamespace(urandom=self.new_owner)
        )
        ends = (errors.InvalidResultError, PermanentFailure, SystemExit)
        with tokens, contextlib.suppress(*ends):
            charge(asked)
        return self.kept(clock, call=asked, options=options)


def deliveries_key(key: object) -> str:
    """The key of an order as people read it."""
    (delivery,) = read_event({"Records": [order(key, message_id="m-1")]})
    return find_key(key_rule(expression="body.id"), delivery).text


def _committed(_: object, transaction: Any) -> None:
    transaction.put(EFFECTS, {"id": "A-1"})


def records(emulator: Emulator) -> Iterator[tuple[str, Kind]]:
    """Every kind of record, with its name."""
    writer = Writer(emulator)
    never = raising(PermanentFailure("no such account"))
    yield "completed", writer.message()
    yield "completed-after-takeover", writer.message("ORDER-1", CRASH, lambda _: None)
    yield "completed-transaction", writer.message("ORDER-1", _committed, transactional=True)
    yield "in-progress", writer.message("ORDER-1", CRASH)
    yield "in-progress-taken-over", writer.message("ORDER-1", CRASH, CRASH)
    yield "parked", writer.message("ORDER-1", never)
    yield "parked-interrupted", writer.message("ORDER-1", CRASH, CRASH, park_interrupted=True)
    yield "parked-unsent", writer.message("ORDER-1", never, unsent=True)
    yield "key-list", writer.message(["acme", 7, "ORDER-1"])
    yield "key-long", writer.message("x" * 3000)
    yield "key-number", writer.message(42)
    yield "key-number-sign", writer.message("#1")
    yield "key-true", writer.message(True)  # noqa: FBT003  # a key
    yield "key-unicode", writer.message("Bestellung ÄÖ€\U0001f980")
    yield "call-completed", writer.call(lambda order: {"charged_cents": order["cents"]})
    yield "call-discarded", writer.call(lambda _: 7, results="discard")
    yield "call-in-progress", writer.call(CRASH, payload="order.cents")
    yield "call-key-list", writer.call(lambda _: [], key=["acme", 7])
    yield "call-none", writer.call(lambda _: None)
    yield "call-parked", writer.call(never)
    yield "call-payload", writer.call(lambda _: 7, payload="order.cents")
    yield "call-unstorable", writer.call(lambda _: object())


def ids(event: Any, expression: str | None) -> list[str]:
    """The record ids of an event's messages; the name of the error of one that has none."""
    rule = key_rule(expression=expression)
    found = []
    for delivery in read_event(event, UNWRAP_CHOICES):
        try:
            found.append(find_key(rule, delivery).record_id)
        except errors.MessageError as error:
            found.append(type(error).__name__)
    return found


def meaning(environment: dict[str, str]) -> dict[str, Any]:
    """What an environment means."""
    settings = Settings.from_environment(environment)
    names = [each for each in Settings.__slots__ if each != "key_rule"]
    rule = settings.key_rule
    return {name: getattr(settings, name) for name in names} | {
        "unwrap": sorted(settings.unwrap),  # JSON has no sets
        "namespace": rule.namespace,
        "expression": rule.expression,
    }


def files(emulator: Emulator) -> dict[str, Any]:
    """What is kept of this version, by the names of the files."""
    events = {}
    for path in sorted(GOLDEN_EVENTS.glob("*.json")):
        event = golden(path.stem)
        found = [{"expression": each, "ids": ids(event, each)} for each in EXPRESSIONS]
        events[path.stem] = {"event": event, "keys": found}
    environments = [{"variables": each, "means": meaning(each)} for each in ENVIRONMENTS.values()]
    kinds = {f"records/{name}": kind for name, kind in records(emulator)}
    return {**kinds, "events": events, "environments": environments}


def main() -> int:
    """Write the files; return the exit code."""
    try:
        with running() as emulator:
            found = files(emulator)
    except EmulatorError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    directory = GOLDEN / __version__
    for name, content in found.items():
        path = directory / f"{name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text(content), encoding="utf-8")
    sys.stdout.write(f"wrote {len(found)} files into {directory.name}\n")
    return 0


def text(content: Any) -> str:
    """A golden file's text."""
    return json.dumps(content, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.exit(main())
