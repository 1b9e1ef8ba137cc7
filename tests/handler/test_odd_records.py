"""One odd record never takes its batch along.

Whatever a record holds, the batch gets its answer: the good records around it are run and
acknowledged, and the odd one is reported unless it is done. `make test` writes the number of cases
to build/fuzz.json.
"""

import gc
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from idempotent_lambda import PermanentFailure
from idempotent_lambda.clock import Deadline, EpochMillis, Millis
from idempotent_lambda.errors import BatchFailedError, UnsupportedEventError
from idempotent_lambda.queues import SqsQueues
from idempotent_lambda.sources.event import read_event
from idempotent_lambda_toolkit.testing import ManualClock

from .conftest import pretend
from .events import event, order
from .harness import ConsumerHarness, Listener
from .odd import KINDS, MISSING, ODD, fields_of
from .odd_batches import FATES, Batch, Fate, Sqs, raises
from .odd_cases import EXPRESSIONS, Case, Numbered, cases_of, key_cases

pytestmark = pytest.mark.slow

REPORT = Path(__file__).parents[2] / "build" / "fuzz.json"

CASES = 10_000
"""So many at least."""

Problem = tuple[Case, str]


@pytest.fixture(autouse=True)
def no_collection() -> Iterator[None]:
    """Collect no garbage of other tests where a deep body has used up the stack."""
    gc.disable()
    yield
    gc.enable()


@pytest.fixture(scope="module")
def sqs() -> Iterator[Sqs]:
    """Where messages are postponed and copies are sent."""
    with pytest.MonkeyPatch.context() as patch:
        pretend(patch)
        yield Sqs()


def problems(sqs: Sqs, *kinds: str) -> tuple[int, list[Problem]]:
    """The number of cases of some kinds, and what is wrong with which."""
    tried, found = 0, list[Problem]()
    for name in kinds:
        kind = KINDS[name]
        batches = {True: Batch(kind, kind.expression, sqs), False: Batch(kind, None, sqs)}
        for case in cases_of(name):
            tried += 1
            said = batches[case.expressed].problems(case.record, case.fate)
            found += [(case, each) for each in said]
    return tried, found


def key_problems(sqs: Sqs) -> tuple[int, list[Problem]]:
    """The same of key expressions."""
    tried, found = 0, list[Problem]()
    kind = Numbered(KINDS["SQS"].whole, (), "", ("messageId",))
    batches = {each: Batch(kind, each, sqs) for each in EXPRESSIONS}
    for expression, case in key_cases():
        tried += 1
        said = batches[expression].problems(case.record, case.fate)
        found += [(case, each) for each in said]
    return tried, found


@pytest.mark.parametrize("kind", ["SQS", "copy", "Kinesis", "direct"])
def test_every_field(sqs: Sqs, kind: str) -> None:
    """Nothing undocumented is raised and nothing unrun acknowledged, whatever a record holds."""
    tried, found = problems(sqs, kind)
    assert found[:20] == []
    assert tried > 0


@pytest.mark.extended
def test_every_field_and_key(sqs: Sqs) -> None:
    """The same for records of every kind, and for key expressions."""
    of_fields, found = problems(sqs, *KINDS)
    of_keys, more = key_problems(sqs)
    found += more
    report = {
        "cases": of_fields + of_keys,
        "undocumented_exceptions": sum(said.startswith("raised") for _, said in found),
        "acknowledged_unrun": sum(said.startswith("acknowledged") for _, said in found),
    }
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(json.dumps(report), encoding="utf-8")
    assert found[:20] == []
    assert report["cases"] >= CASES


def test_every_field_meets_every_fate() -> None:
    """Each value comes into each field, and each fate to each field."""
    cases = [*cases_of("SQS")]
    paths = {(), *fields_of(KINDS["SQS"].odd())}
    found_state = Counter((case.path, case.value) for case in cases)
    assert {path for path, _ in found_state} == paths
    assert (
        len(found_state) == len(paths) * len(ODD) - 2
    )  # neither record nor body is missing twice over
    for path in paths:
        assert {case.fate for case in cases if case.path == path} >= {*FATES} - {"new"}


@pytest.mark.parametrize("name", ODD)
def test_every_event(name: str) -> None:
    """An odd event, or one with odd records, is refused as a whole, or it is a direct one."""
    harness, whole = ConsumerHarness(), ODD[name]
    for given in (whole, {"Records": whole}, {"Records": [whole]}, event(order("a"), whole)):
        if given == {"Records": []}:
            assert harness.consumer.consume(given, Millis(30_000)) == {"batchItemFailures": []}
            continue
        with pytest.raises((UnsupportedEventError, BatchFailedError)) as caught:
            harness.consumer.consume(given, Millis(30_000))
        assert isinstance(caught.value, UnsupportedEventError) or isinstance(given, dict)
        assert len(str(caught.value)) < 1000
    assert harness.ran == []


def test_an_odd_source() -> None:
    """A name that is not one of a source is refused with a message that can be read."""
    for source in (10**5000, "x" * 300_000, "\ud800", ["aws:sqs"], True, 1.5):
        assert_refused(event(order("a", eventSource=source)))
    for source in ("aws:" + "x" * 300_000, "aws:\ud800"):
        assert_refused({"eventSource": source})


def assert_refused(given: Any) -> None:
    """An event from there is refused in a few words."""
    with pytest.raises(UnsupportedEventError, match="from ") as caught:
        ConsumerHarness().consumer.consume(given, Millis(30_000))
    assert len(str(caught.value).encode()) < 1000


@pytest.mark.parametrize("expressed", [True, False])
def test_an_observed_id_that_is_no_text(expressed: bool) -> None:
    """An id that cannot be a key runs in observe mode without one."""
    harness = ConsumerHarness(key="body.no" if expressed else None, observe_only=True)
    assert harness.deliver("a", order("b", "\ud800"), "c") == []
    assert len(harness.ran) == 3


@pytest.mark.parametrize("value", ["", " ", " x", "  x y"])
def test_a_mark_without_a_token(value: str) -> None:
    """An attribute that names no owner does not make a copy, so no request holds an empty token."""
    mark = {"IdempotencyOwner": {"stringValue": value, "dataType": "String"}}
    (found,) = read_event(event(order("a", messageAttributes=mark)))
    assert found.mark is None


@pytest.mark.parametrize("field", ["eventSourceARN", "receiptHandle"])
def test_others_are_postponed(sqs: Sqs, field: str) -> None:
    """Messages that are in progress are postponed, whatever the first of them says of itself."""
    queues = SqsQueues(None, Listener())
    queues.__dict__["_client"] = sqs.client
    clock = ManualClock()
    for odd in ODD.values():
        sqs.wire.bodies.clear()
        if field == "receiptHandle" and isinstance(odd, str):
            continue
        first = order("odd", **{field: odd})
        if odd is MISSING:
            del first[field]
        found = read_event(event(first, *(order(each, receiptHandle=each) for each in "ab")))
        found_state = [(each, EpochMillis(clock.now())) for each in found]
        queues.postpone(found, found_state, Deadline.from_remaining(clock, Millis(30_000)))
        (body,) = sqs.wire.bodies
        assert body["QueueUrl"].endswith("/123456789012/orders")
        assert {"a", "b"} <= {each["ReceiptHandle"] for each in body["Entries"]}


class UnspeakableError(Exception):
    """Its text cannot be had."""

    def __str__(self) -> str:
        raise ValueError


class WordlessError(Exception):
    """Its text is not one."""

    def __str__(self) -> Any:
        return 7  # noqa: PLE0307  # on purpose


class LeavingError(Exception):
    """Its text ends the process."""

    def __str__(self) -> str:
        raise SystemExit


class UnspeakableFailure(UnspeakableError, PermanentFailure):  # noqa: N818  # it is one
    """The same, and no retry helps."""


class WordlessFailure(WordlessError, PermanentFailure):  # noqa: N818  # it is one
    """The same, and no retry helps."""


class LeavingFailure(LeavingError, PermanentFailure):  # noqa: N818  # it is one
    """The same, and no retry helps."""


ERRORS: dict[str, Exception] = {
    "unspeakable": UnspeakableError(),
    "wordless": WordlessError(),
    "leaving": LeavingError(),
    "digits": ValueError(10**5000),
    "surrogate": ValueError("\ud800"),
    "long": ValueError("x" * 300_000),
    "deep": ValueError(ODD["deepest"]),
    "unspeakable failure": UnspeakableFailure(),
    "wordless failure": WordlessFailure(),
    "leaving failure": LeavingFailure(),
    "failure of digits": PermanentFailure(10**5000),
    "failure of a surrogate": PermanentFailure("\ud800"),
    "long failure": PermanentFailure("x" * 300_000),
    "deep failure": PermanentFailure(ODD["deepest"]),
    "failure without a text": PermanentFailure(""),
}


@pytest.mark.parametrize("kind", ["SQS", "SQS FIFO", "Kinesis", "SNS"])
@pytest.mark.parametrize("name", ERRORS)
def test_odd_errors(monkeypatch: pytest.MonkeyPatch, name: str, kind: str) -> None:
    """The other messages of the batch are done, whatever a processor raises."""
    monkeypatch.setitem(FATES, name, Fate(act=raises(ERRORS[name])))
    batch = Batch(KINDS[kind], None)
    assert batch.problems(KINDS[kind].odd(), name) == []
    copies = 1 if isinstance(ERRORS[name], PermanentFailure) else 0
    assert len(batch.memory.dead_letters) == copies


def test_the_cases_find_faults(sqs: Sqs, monkeypatch: pytest.MonkeyPatch) -> None:
    """A consumer that acknowledges all, or refuses all, is found out."""
    monkeypatch.setattr(
        "idempotent_lambda.pipeline.consumer.build_response", lambda *_: {"batchItemFailures": []}
    )
    assert {said for _, said in problems(sqs, "copy")[1]} >= {"acknowledged unrun"}
