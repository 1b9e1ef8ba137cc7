"""With hashed keys no output of the package shows one: no line, no error and no traceback."""

import json
import logging
import re
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from idempotent_lambda import errors, idempotent, redaction
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
        observer = JsonLines(clock, hash_keys=hash_keys, function="orders")
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
    """What is before it in its group fails."""
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
        observer = JsonLines(self.clock, hash_keys=self.hash_keys, function="orders")
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
    """It waits for a person."""
    till.seed(status="PARKED")
    till.function()(till.key)


def call_without_result(till: Till) -> None:
    """It is done, and its result is not stored."""
    till.seed(status="COMPLETED")
    till.function()(till.key)


def call_mismatch(till: Till) -> None:
    """It stands for something else."""
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
        error: what it raises.
        users: the text of the error is the user's own.
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
    Case(call_refused, errors.StoreRefusedError),
    Case(call_unavailable, errors.StoreUnavailableError),
    Case(call_late, errors.StoreUnavailableError),
    Case(call_permanent, errors.PermanentFailure, users=True),
]


# What is looked for, and where


def said_by(error: BaseException) -> Iterator[str]:
    """All that an error says, with those behind it that a traceback leaves out."""
    yield "".join(traceback.format_exception(error))
    yield from (str(error), repr(error), str(vars(error)))
    for behind in (error.__cause__, error.__context__):
        if behind is not None:
            yield from said_by(behind)


class Output:
    """Everything that gets out."""

    def __init__(self, capsys: Any, caplog: pytest.LogCaptureFixture) -> None:
        self._capsys, self._caplog = capsys, caplog
        caplog.set_level(0)

    def of(self, *error: BaseException) -> str:
        """What was written since the last time, and what some errors say."""
        for each in error:
            logging.getLogger().error("", exc_info=each)
        out, err = self._capsys.readouterr()
        text = "\n".join([out, err, self._caplog.text, *(say for e in error for say in said_by(e))])
        self._caplog.clear()
        return text


@pytest.fixture
def output(capsys: Any, caplog: pytest.LogCaptureFixture) -> Output:
    """What the test writes."""
    return Output(capsys, caplog)


def outcomes_in(text: str) -> set[str]:
    """The outcomes of the lines of messages."""
    return set(re.findall(r'"outcome":"(\w+)"', text))


def shown_in(text: str, fragments: tuple[str, ...]) -> list[str]:
    """Those fragments of a key that are to be seen."""
    return [each for each in fragments if each in text]


@pytest.mark.parametrize("kind", KEYS)
@pytest.mark.parametrize("outcome", CONSUMED)
def test_messages(output: Output, outcome: Outcome, kind: str) -> None:
    """Whatever becomes of a message, no output shows its key; its hash is there."""
    key, fragments = KEYS[kind]
    CONSUMED[outcome](key, hash_keys=True)
    text = output.of()
    assert outcome in outcomes_in(text)
    assert shown_in(text, fragments) == []
    if outcome is not Outcome.REJECTED:
        assert key_rule().for_value(key).show(hashed=True) in text


def test_every_outcome(output: Output) -> None:
    """The messages of these tests end in every way there is, and the package writes every line."""
    for consume in CONSUMED.values():
        consume("a", hash_keys=True)
    text = output.of()
    assert outcomes_in(text) == {*Outcome} == {*CONSUMED}
    events = set(re.findall(r'"event":"(\w+)"', text))
    assert events == {"message", "batch", "batch_calls_unavailable", "visibility_change_failed"}


@pytest.mark.parametrize("kind", KEYS)
@pytest.mark.parametrize("outcome", [each for each in CONSUMED if each is not Outcome.REJECTED])
def test_messages_with_plain_keys(output: Output, outcome: Outcome, kind: str) -> None:
    """The same messages show their keys where that is the setting."""
    key, fragments = KEYS[kind]
    CONSUMED[outcome](key, hash_keys=False)
    assert shown_in(output.of(), fragments) != []


def error_of(till: Till, case: Case) -> BaseException:
    """What a call raises."""
    with pytest.raises(case.error) as caught:
        case.call(till)
    return caught.value


@pytest.mark.parametrize("kind", KEYS)
@pytest.mark.parametrize("case", CALLED, ids=lambda each: each.call.__name__)
@pytest.mark.parametrize("colour", ["sync", "async"])
def test_calls(output: Output, colour: str, case: Case, kind: str) -> None:
    """Whatever a decorated function raises, neither it nor the log shows the key."""
    key, fragments = KEYS[kind]
    error = error_of(Till(key, colour, hash_keys=True), case)
    text = output.of(*[error] * (not case.users))
    assert '"event":"message"' in text
    assert shown_in(text, fragments) == []


@pytest.mark.parametrize("kind", KEYS)
@pytest.mark.parametrize("case", CALLED, ids=lambda each: each.call.__name__)
@pytest.mark.parametrize("colour", ["sync", "async"])
def test_calls_with_plain_keys(output: Output, colour: str, case: Case, kind: str) -> None:
    """The same calls show their keys where that is the setting."""
    key, fragments = KEYS[kind]
    error = error_of(Till(key, colour, hash_keys=False), case)
    assert shown_in(output.of(error), fragments) != []


def test_every_error() -> None:
    """The calls of these tests raise every error that the decorator documents."""
    documented = {
        getattr(errors, name)
        for name in re.findall(r"`(\w+)`", str(idempotent.__doc__))
        if hasattr(errors, name)
    }
    assert len(documented) == 10
    raised = {each.error for each in CALLED}
    assert documented - {errors.StoreError} <= raised
    assert {*errors.StoreError.__subclasses__()} <= raised


@pytest.mark.parametrize(
    "call",
    [call_in_progress, call_parked, call_without_result, call_mismatch, call_lost, call_refused],
)
def test_one_form(output: Output, call: Callable[[Till], None]) -> None:
    """The error shows the key in the form of the log line, so that the two can be joined."""
    till = Till(KEYS["plain"][0], "sync", hash_keys=True)
    with pytest.raises(errors.IdempotencyError) as caught:
        call(till)
    line = json.loads(output.of().splitlines()[0])
    assert re.fullmatch("sha256:[0-9a-f]{64}", line["key"])
    assert line["key"] in str(caught.value)


@pytest.fixture
def patterns(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The lengths of the patterns that are made of keys."""
    lengths: list[int] = []
    sub = redaction.re.sub

    def counting(pattern: str, *others: Any) -> str:
        lengths.append(len(pattern))
        return sub(pattern, *others)

    monkeypatch.setattr(redaction.re, "sub", counting)
    return lengths


class TestCalls:
    """Errors of a call for many keys, each of which may quote all of them."""

    @pytest.mark.parametrize("texts", [1, 200])
    def test_work(self, monkeypatch: pytest.MonkeyPatch, output: Output, texts: int) -> None:
        """One text is searched for every key, and of different ones only the codes are shown."""
        searched: list[str] = []
        hide_in = Key.hide_in
        monkeypatch.setattr(
            Key, "hide_in", lambda key, text: [searched.append(text), hide_in(key, text)][1]
        )
        harness = Lines("jane-0", hash_keys=True)
        every = " ".join(f"jane-{n}" for n in range(200))
        answers = [
            errors.StoreRefusedError("Code", f"{n % texts} {every}", maybe_written=False)
            for n in range(200)
        ]
        monkeypatch.setattr(harness.faulty, "claim", lambda *_: answers)
        harness.deliver(*(order(f"jane-{n}", f"m-{n}") for n in range(200)))
        lines = [json.loads(line) for line in output.of().splitlines() if "message_id" in line]
        said = {each["text"] for line in lines for each in line["errors"]}
        assert len(lines) == 200
        assert "jane" not in str(said)
        assert (said == {"Code"}) is (texts > 1)
        # For each key in the call, and in the line of its message.
        assert len(searched) <= 2 * 200


class TestHideIn:
    """What is replaced in a text."""

    def test_composite(self) -> None:
        """Of an array its longer texts and numbers are replaced too, and nothing else."""
        key = key_rule().for_value(["acme", 12345, "eu", 7, True])
        shown = key.show(hashed=True)
        assert key.hide_in("acmes, 123456 in eu; True 7") == f"{shown}s, {shown}6 in eu; True 7"
        assert key.hide_in(f"<{key.text}>") == f"<{shown}>"

    def test_text_that_looks_like_an_array(self) -> None:
        """A text that only begins as an array, or is a deep one, is hidden as it is."""
        for text in ("[acme", "[" * 500, '["acme"]'):
            key = key_rule().for_value(text)
            assert key.hide_in(f"<{text}>") == f"<{key.show(hashed=True)}>"

    @pytest.mark.parametrize("text", ["\\jane", "\\", '"', "\n", "\\\n", "ü\\", "\0", "\u2028"])
    def test_quoted_again_and_again(self, text: str) -> None:
        """A text is found however often it was quoted, behind a backslash too."""
        key = key_rule().for_value(text + "jane")
        written = key.text
        for quote in (str, json.dumps, repr, ascii, json.dumps, repr):
            written = quote(written)
            assert "jane" not in key.hide_in(f"C:\\{written}")

    def test_case_of_an_escape(self) -> None:
        """Services may write hexadecimal digits in upper case."""
        assert "rg" not in key_rule().for_value("J\u00f6rg").hide_in(r"J\u00F6rg")

    @pytest.mark.parametrize(
        "key",
        ["ü" * 501, "ü" * 50, "\U0001f600" * 490, '"' * 60, ["ß" * 9 + str(n) for n in range(99)]],
    )
    def test_costly_keys(self, key: Any, patterns: list[int]) -> None:
        """Where a key with many escaped characters could be quoted, no pattern is made of it."""
        made = key_rule().for_value(key)
        hidden = f"not shown, as it may quote {made.show(hashed=True)}"
        parts = key if isinstance(key, list) else [made.text]
        texts = ["x" * 2000 + "\\", "\\" + json.dumps(parts), "x" * 600, "\\"]
        assert [made.hide_in(each) for each in texts] == [hidden, hidden, *texts[2:]]
        assert made.text not in made.hide_in(made.text)
        if isinstance(key, list):  # for which the text is too short, but not for each part
            assert made.hide_in("x" * 99 + "\\") == hidden
        assert max([0, *patterns]) < 1000

    def test_long_keys(self, patterns: list[int]) -> None:
        """A plain key is replaced up to 700 characters, and a text with a longer one not shown."""
        for length in (700, 1600, 2000, 9000):
            key = key_rule().for_value("x" * length)
            shown = key.show(hashed=True)
            for text in (f"<{key.text}>", f"<\\{key.text}>", f"<{key.record_id}>"):
                shows = length == 700 or (length > 2000 and "x" not in text)
                expected = text.replace(key.record_id, shown).replace(key.text, shown)
                assert key.hide_in(text) == (
                    expected if shows else f"not shown, as it may quote {shown}"
                )
        assert max(patterns) < 2000

    def test_a_key_of_ordinary_length(self) -> None:
        """A name in another script is replaced, and the rest of the text is shown."""
        key = key_rule().for_value("Ольга Петрова, Санкт-Петербург")
        shown = key.show(hashed=True)
        assert key.hide_in(f"no {key.text!a}") == f"no '{shown}'"
        assert key.hide_in(f"no {key.text}") == f"no {shown}"

    def test_before_it_is_cut(self, output: Output) -> None:
        """A key at the place where a text is cut is hidden first."""
        key, fragments = KEYS["plain"]
        Lines(key, hash_keys=True).raises(ValueError("x" * 990 + key)).send()
        assert shown_in(output.of(), ("jane", *fragments)) == []
