"""Every end of a message and of a call, while all that fails quotes the key."""

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import pytest

from idempotent_lambda import errors
from idempotent_lambda.clock import EpochMillis, EpochSeconds, Millis
from idempotent_lambda.decorator import Wiring
from idempotent_lambda.keys import Key
from idempotent_lambda.log import JsonLines
from idempotent_lambda.protocol.record import Owner, Record
from idempotent_lambda.protocol.steps import Outcome
from idempotent_lambda.sources.message import Message
from idempotent_lambda_toolkit.testing import ManualClock
from tests.contracts.conftest import InMemory
from tests.requests import settings_of

from .decorator.shop import Context, Shop
from .events import bus_event, fifo_order, key_rule, order, record
from .harness import ConsumerHarness, FaultyStore

KEYS: dict[str, tuple[Any, tuple[str, ...]]] = {
    "plain": ("jane.doe@example.org", ("jane.doe",)),
    "composite": (["acme", "jane.doe@example.org", 4], ("jane.doe",)),
    "number": (4111_1111_1111_1111, ("4111111111111111",)),
    "quoted": ('Jörg "O\'Neil"\\\n🎈 <joerg@example.org>', ("joerg@example", "Neil", "rg ")),
}
"""Keys, and what of them is the same in every notation."""


def quoting(key: Any, prefix: str = "orders") -> str:
    """What a service or SDK says that quotes a request in every way."""
    made = (
        key_rule(prefix).for_value(key) if prefix == "orders" else Key(str(key), f"{prefix}{key}")
    )
    body = json.dumps({"id": {"S": made.record_id}, "key": key})
    plain = json.dumps({"key": made.text}, ensure_ascii=False)
    both = f"{key} \"'"
    forms = [made.text, made.record_id, body, plain, repr(body), ascii(key), repr(plain.encode())]
    return f"{forms} {made.text} {key!r} {both!r} {both!a} {body} {plain}"


def answer(key: Any, kind: type[errors.StoreError] = errors.StoreRefusedError) -> errors.StoreError:
    """What the table, or SQS, says."""
    error = kind("Test", quoting(key), maybe_written=False)
    error.__context__ = ValueError(quoting(key))
    return error


# Messages


class Lines(ConsumerHarness):
    """A consumer that writes its log to the standard output."""

    def __init__(self, secret: Any, *, hash_keys: bool, **changes: Any) -> None:
        clock = ManualClock()
        self.faulty = FaultyStore(clock, None)  # type: ignore[arg-type]
        super().__init__(self.faulty, clock, hash_keys=hash_keys, **changes)
        self.faulty.inner = self.memory
        self.secret, self.made = secret, key_rule().for_value(secret)
        settings = replace(self.consumer.settings, metrics_function_name="orders")
        observer = JsonLines.from_settings(clock, settings)
        object.__setattr__(self.consumer, "observer", observer)

    def seed(self, *, lease: int = 0, **changes: Any) -> None:
        """Put the record of somebody else."""
        now = self.clock.now()
        usual: dict[str, Any] = {
            "id": self.made.record_id,
            "status": "IN_PROGRESS",
            "owner": Owner("dead"),
            "created_at": EpochMillis(now),
            "expires_at": EpochSeconds(now // 1000 + 3600),
            "lease_expires_at": EpochMillis(now + lease),
            "attempts": 1,
        }
        self.memory.records[self.made.record_id] = Record(**usual | changes)

    def does(self, behaviour: Callable[[Message], Any]) -> "Lines":
        """Have the processor do that with the key."""
        self.behaviour[self.made.text] = behaviour
        return self

    def raises(self, error: BaseException) -> "Lines":
        """Have the processor raise it."""

        def raising(_: Message) -> Any:
            raise error

        return self.does(raising)

    def send(self, *others: dict[str, Any], remaining: int = 30_000) -> None:
        """Deliver the key, twice in a batch, and others."""
        copy = record(json.dumps({"id": self.secret, "n": 1}), message_id="m-2")
        self.deliver(order(self.secret, "m-1"), copy, *others, remaining=remaining)


def completed(key: Any, **changes: Any) -> None:
    """It runs."""
    Lines(key, **changes).send()


def duplicate(key: Any, **changes: Any) -> None:
    """It ran before."""
    harness = Lines(key, **changes)
    harness.send()
    harness.send()


def in_progress(key: Any, **changes: Any) -> None:
    """Another has it."""
    harness = Lines(key, **changes)
    harness.seed(lease=10_000)
    harness.send()
    harness.consumer.observer.report_visibility_change_failed(
        errors.StoreRefusedError("x", "y", maybe_written=False)
    )


def failed(key: Any, **changes: Any) -> None:
    """Its processor raises, and so does an invocation that cannot be answered in part."""
    Lines(key, **changes).raises(ValueError(quoting(key))).send()
    harness = Lines(key, key="body.detail.id", **changes).raises(KeyError(key))
    with pytest.raises(errors.BatchFailedError) as caught:
        harness.consumer.consume(bus_event(key), Millis(30_000))
    logging.getLogger().error("", exc_info=caught.value)


def interrupted(key: Any, **changes: Any) -> None:
    """Its processor ends the process."""
    Lines(key, **changes).raises(SystemExit(quoting(key))).send(order("b"))


def unconfirmed(key: Any, **changes: Any) -> None:
    """The completion is not answered."""
    harness = Lines(key, **changes)
    harness.faulty.faults["complete"] = answer(key, errors.StoreUnavailableError)
    harness.send(order("b"))


def lost_lease(key: Any, **changes: Any) -> None:
    """It outlives its lease."""
    harness = Lines(key, **changes)
    harness.does(lambda _: harness.seed(lease=10_000)).send()


def table_unavailable(key: Any, **changes: Any) -> None:
    """Its claim is refused."""
    harness = Lines(key, **changes)
    harness.faulty.faults["claim"] = answer(key)
    harness.send(order("b"))
    harness.consumer.observer.report_batch_calls_unavailable(answer(key))


def not_started(key: Any, **changes: Any) -> None:
    """No time is left."""
    Lines(key, **changes).send(remaining=100)


def deferred(key: Any, **changes: Any) -> None:
    """It was interrupted twice."""
    harness = Lines(key, **changes)
    harness.seed(attempts=2)
    harness.send(order("b", attributes={"ApproximateReceiveCount": "3"}))


def rejected(key: Any, **changes: Any) -> None:
    """It has no key, in several ways."""
    for expression in ("body.id", "abs(body.id)", "sum(body.id)", "body.id[*]"):
        Lines(key, key=expression, **changes).deliver(order({"email": key}, "m-1"))
        Lines(key, key=expression, **changes).deliver(order([[key]], "m-1"))
    Lines(key, key="abs(body.id)", **changes).deliver(order(str(key), "m-1"))
    Lines(key, **changes).deliver(record(f'{{"id": {key}', message_id="m-1"))


def blocked(key: Any, **changes: Any) -> None:
    """The message before it in its group fails."""
    harness = Lines(key, **changes).raises(ValueError(quoting(key)))
    first = {**fifo_order("x"), "body": json.dumps({"id": key}), "messageId": "m-1"}
    harness.deliver(first, fifo_order("b"), {**first, "messageId": "m-2"})


def parked(key: Any, **changes: Any) -> None:
    """A retry is of no use; and its copy cannot be sent."""
    Lines(key, **changes).raises(errors.PermanentFailure(quoting(key))).send()
    harness = Lines(key, **changes).raises(errors.PermanentFailure("no"))
    harness.queues.failure = answer(key)
    harness.send()


def observed(key: Any, **changes: Any) -> None:
    """Another owner has it, and it runs."""
    harness = Lines(key, observe_only=True, **changes)
    harness.seed(lease=10_000)
    harness.send()


CONSUMED = {
    Outcome(each.__name__): each
    for each in (
        completed, duplicate, in_progress, failed, interrupted, unconfirmed, lost_lease,
        table_unavailable, not_started, deferred, rejected, blocked, parked, observed,
    )
}  # fmt: skip


# Calls


class Till(Shop):
    """Decorated functions that write their log to the standard output."""

    def __init__(self, key: Any, colour: str, *, hash_keys: bool) -> None:
        super().__init__(InMemory(), colour, ManualClock())
        self.key, self.hash_keys = key, hash_keys
        self.made = key_rule("orders").for_value(key)

    def wiring(self, **changes: Any) -> Wiring:
        settings = settings_of(key_rule(), **changes, hash_keys=self.hash_keys)
        observer = JsonLines.from_settings(
            self.clock, replace(settings, metrics_function_name="orders")
        )
        return Wiring(settings, self.store, self.clock, observer)

    def seed(self, **changes: Any) -> None:
        plain = isinstance(self.key, str)
        changes = {"lease": 0, "lease_expires_at": None} | changes
        if changes["lease"]:
            del changes["lease_expires_at"]
        self.seed_record(self.made.text if plain else f"#{self.made.text}", **changes)


class Quoting:
    """A value that quotes the key when it is asked what it is."""

    def __init__(self, key: Any) -> None:
        object.__setattr__(self, "key", key)

    @property
    def __class__(self) -> Any:
        raise ValueError(quoting(object.__getattribute__(self, "key"), "orders##@charge#"))


def call_in_progress(till: Till) -> None:
    """Another call has it."""
    till.seed(lease=10_000)
    till.function()(till.key)


def call_parked(till: Till) -> None:
    """It waits for an operator."""
    till.seed(status="PARKED")
    till.function()(till.key)


def call_without_result(till: Till) -> None:
    """It is done, and its result is not stored."""
    till.seed(status="COMPLETED")
    till.function()(till.key)


def call_mismatch(till: Till) -> None:
    """The record is for another payload."""
    till.seed(status="COMPLETED", payload_hash="v1:other")
    till.function(payload="amount")(till.key)


def call_lost(till: Till) -> None:
    """It is another's."""
    till.function(lambda *_: till.seed(lease=10_000))(till.key)


def call_lost_to_another(till: Till) -> None:
    """It is another's, and done."""
    till.function(lambda *_: till.seed(status="COMPLETED"))(till.key)


def call_jmespath(till: Till) -> None:
    """A function of JMESPath refuses it, and quotes it."""
    till.function(key="abs(order_id)")(str(till.key))


def call_raising_selector(till: Till) -> None:
    """A selector raises, and quotes it."""

    def selector(order_id: Any, _: Any) -> Any:
        raise KeyError(order_id)

    till.function(key=selector)(till.key)


def call_hostile_key(till: Till) -> None:
    """A key raises, and quotes it."""
    till.function(key=lambda *_: Quoting(till.key))(till.key)


def call_hostile_payload(till: Till) -> None:
    """A payload raises, and quotes it."""
    till.function(payload=lambda *_: [Quoting(till.key)])(till.key)


def call_hostile_result(till: Till) -> None:
    """A result raises, and quotes it."""
    till.function(lambda *_: [Quoting(till.key)])(till.key)


def call_unwritable_result(till: Till) -> None:
    """A part of a result cannot be stored, and its place quotes the key."""
    till.function(lambda *_: {"rows": [{str(till.key): {1}}]})(till.key)


def call_refused(till: Till) -> None:
    """The table refuses the claim, and quotes it."""
    till.store.faults["claim"] = answer(till.key)
    till.function()(till.key)


def call_unavailable(till: Till) -> None:
    """The table does not confirm the completion, and quotes it."""
    till.store.faults["complete"] = answer(till.key, errors.StoreUnavailableError)
    till.function()(till.key)


def call_late(till: Till) -> None:
    """No time is left to start."""
    till.function()(till.key, Context(100))


def call_permanent(till: Till) -> None:
    """The function parks it, and quotes it."""
    till.function(errors.PermanentFailure(quoting(till.key)))(till.key)


@dataclass(frozen=True)
class Case:
    """A call that raises.

    Attributes:
        error: the type of the error that the call raises.
        users: the text of the error comes from the user.
    """

    call: Callable[[Till], None]
    error: type[errors.IdempotencyError]
    users: bool = False


CALLED = [
    Case(call_in_progress, errors.AlreadyInProgressError),
    Case(call_parked, errors.ParkedError),
    Case(call_without_result, errors.ResultUnavailableError),
    Case(call_mismatch, errors.PayloadMismatchError),
    Case(call_lost, errors.LostLeaseError),
    Case(call_lost_to_another, errors.LostLeaseError),
    Case(call_jmespath, errors.MissingKeyError),
    Case(call_raising_selector, errors.MissingKeyError),
    Case(call_hostile_key, errors.UnsupportedKeyError),
    Case(call_hostile_payload, errors.UnsupportedKeyError),
    Case(call_hostile_result, errors.InvalidResultError),
    Case(call_unwritable_result, errors.InvalidResultError),
    Case(call_refused, errors.StoreRefusedError),
    Case(call_unavailable, errors.StoreUnavailableError),
    Case(call_late, errors.StoreUnavailableError),
    Case(call_permanent, errors.PermanentFailure, users=True),
]
