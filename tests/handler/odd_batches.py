"""Batches with one odd record: the fates of its key, and the consumers that get it."""

import io
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from idempotent_lambda import PermanentFailure
from idempotent_lambda.clients import new_client
from idempotent_lambda.clock import Deadline, EpochMillis, EpochSeconds, Millis
from idempotent_lambda.errors import BatchFailedError, UnsupportedEventError
from idempotent_lambda.log import JsonLines
from idempotent_lambda.pipeline.consumer import Consumer
from idempotent_lambda.protocol.claims import ClaimRequest, Request
from idempotent_lambda.protocol.record import Owner, Record
from idempotent_lambda.queues import SqsQueues
from idempotent_lambda.sources.copy_mark import TOKEN_ATTRIBUTE, CopyMark
from idempotent_lambda.sources.message import Message
from idempotent_lambda_toolkit.testing import InMemoryClaimStore, InMemoryQueues, ManualClock
from tests.requests import settings_of

from .events import event, key_rule
from .harness import START, Wire, refused, table_unavailable
from .odd import GOOD, GROUPS, KINDS, MISSING, PLACE, Kind
from .test_sqs import succeeded

BEFORE = Owner("before")
"""Who had the odd record's key."""


@dataclass(frozen=True)
class Fate:
    """The fate of the odd record's key.

    Attributes:
        found: the existing record of the key, if there is one.
        act: the behavior of its processor.
        silent: the calls that the table does not answer for its key.
        lost: the error of those calls says that they may have been carried out.
        queue: the URL of the queue that gets its copy; None for queues in memory.
        refuses: the queue takes no copy.
        stops: the batch stops with it.
        settings: settings of its consumer that differ from the usual ones.
    """

    found: dict[str, Any] | None = None
    act: Callable[[], Any] = lambda: None
    silent: str = ""
    lost: bool = False
    queue: str | None = None
    refuses: bool = False
    stops: bool = False
    settings: dict[str, Any] = field(default_factory=dict)


def raises(error: type[BaseException] | BaseException) -> Callable[[], Any]:
    """What a processor does that raises this."""

    def act() -> Any:
        raise error

    return act


DLQ = "https://sqs.eu-central-1.amazonaws.com/123456789012/orders-dlq"
_CLAIMED = {"status": "IN_PROGRESS", "attempts": 1, "expires_at": EpochSeconds(START)}
_BUSY = _CLAIMED | {"lease_expires_at": EpochMillis(START + 10_000)}
_STALE = _CLAIMED | {"lease_expires_at": EpochMillis(START - 1)}
_SENT = {"status": "PARKED", "dead_lettered_at": EpochMillis(START)}

FATES = {
    "new": Fate(),
    "in progress": Fate(_BUSY),
    "stale": Fate(_STALE),
    "stale, to be parked": Fate(_STALE, settings={"park_interrupted": True}),
    "completed": Fate({"status": "COMPLETED", "expires_at": EpochSeconds(START)}),
    "parked": Fate(_SENT),
    "parked, no copy": Fate({"status": "PARKED"}),
    "redriven": Fate(_SENT | {"owner": Owner("token")}),
    "fails": Fate(act=raises(ValueError)),
    "fails for good": Fate(act=raises(PermanentFailure)),
    "copied": Fate(act=raises(PermanentFailure), queue=DLQ),
    "copied in order": Fate(act=raises(PermanentFailure), queue=f"{DLQ}.fifo"),
    "copy refused": Fate(act=raises(PermanentFailure), refuses=True),
    "interrupted": Fate(act=raises(SystemExit), stops=True),
    "no answer": Fate(silent="claim"),
    "lost answer": Fate(silent="claim", lost=True),
    "unconfirmed": Fate(silent="complete", lost=True, stops=True),
    "not released": Fate(act=raises(ValueError), silent="release"),
    "not parked": Fate(act=raises(PermanentFailure), silent="park"),
    "not marked": Fate(act=raises(PermanentFailure), silent="mark"),
    "observed": Fate(settings={"observe_only": True}),
    "observed failure": Fate(act=raises(ValueError), settings={"observe_only": True}),
}


class Sqs:
    """SQS, which takes everything.

    Attributes:
        client: the client of the deployed package.
        wire: the wire that records the requests of the client.
    """

    def __init__(self) -> None:
        self.client = new_client("sqs")
        self.wire = Wire(self.client)
        self.wire.always = succeeded()


class FatedStore(InMemoryClaimStore):
    """A store that lays the odd record's claim when it is asked for its key.

    Attributes:
        fate: of every key but the good ones.
        good: the ids of the records of good keys.
    """

    def __init__(self) -> None:
        super().__init__()
        self.fate = Fate()
        self.good: frozenset[str] = frozenset()

    def claim(self, requests: Sequence[ClaimRequest], deadline: Deadline) -> Any:
        for each in requests if self.fate.found else ():
            if each.record_id not in self.good:
                about: Any = {"owner": BEFORE, **cast("Any", self.fate.found)}
                laid = Record(id=each.record_id, created_at=EpochMillis(START), **about)
                self.records.setdefault(laid.id, laid)
        return self._asked("claim", super().claim, requests, deadline)

    def complete(self, requests: Sequence[Request], deadline: Deadline) -> Any:
        return self._asked("complete", super().complete, requests, deadline)

    def release(self, requests: Sequence[Request], deadline: Deadline) -> Any:
        return self._asked("release", super().release, requests, deadline)

    def park(self, requests: Sequence[Request], deadline: Deadline) -> Any:
        return self._asked("park", super().park, requests, deadline)

    def mark(self, requests: Sequence[Request], deadline: Deadline) -> Any:
        return self._asked("mark", super().mark, requests, deadline)

    def _asked(self, call: str, ask: Any, requests: Sequence[Any], deadline: Deadline) -> list[Any]:
        heard = [
            each for each in requests if call != self.fate.silent or each.record_id in self.good
        ]
        names = [each.record_id for each in heard]
        answers = dict(zip(names, ask(heard, deadline), strict=True))
        error = table_unavailable(maybe_written=self.fate.lost)
        return [answers.get(each.record_id, error) for each in requests]


class Batch:
    """Consumers of one kind of record, and the good records around an odd one.

    Attributes:
        started: the keys that processors were started with.
        ended: the owners of the claims whose processors ran to their end.
        sqs: where messages are postponed and copies are sent, if that is tried.
    """

    def __init__(self, kind: Kind, expression: str | None, sqs: Sqs | None = None) -> None:
        self.kind, self.sqs, self.store, self.clock = kind, sqs, FatedStore(), ManualClock()
        self.memory = InMemoryQueues()
        self.started: list[str] = []
        self.ended: list[str] = []
        self._log = io.StringIO()
        self._rule = key_rule(expression=expression)
        self._consumers: dict[str, Consumer] = {}
        group_of = [(at + (at >= PLACE)) % GROUPS for at in range(GOOD)]
        # What is inside a copy counts only with its record, so its neighbours are none.
        alike = KINDS["SQS"] if kind.source == "aws:kinesis" else kind
        self.neighbours = (
            [] if kind.single else [alike.good(at, group_of[at]) for at in range(GOOD)]
        )
        self._behind = {
            at
            for at in range(PLACE, GOOD)
            if kind.is_stream or (kind.is_fifo and group_of[at] == PLACE % GROUPS)
        }
        self._good_keys: set[str] = set()
        self._keys: list[list[str]] = []
        self._ids: list[frozenset[str]] = []
        for each in self.neighbours:
            before = frozenset(self.store.records)
            self.consumer("new").consume(event(each), Millis(30_000))
            self._keys.append([*self.started])
            self._ids.append(frozenset(self.store.records) - before)
            assert self._ids[-1]
            self.started.clear()
        self._good_keys = {key for keys in self._keys for key in keys}
        self.store.good = frozenset(self.store.records)

    def consumer(self, name: str) -> Consumer:
        """The consumer for a fate."""
        if name not in self._consumers:
            fate = FATES[name]
            observer = JsonLines(
                self.clock, hash_keys=name == "new", function="orders", stream=self._log
            )
            queues: Any = self.memory
            if fate.queue or name == "in progress":
                queues = SqsQueues(fate.queue, observer)
                if self.sqs:
                    queues.__dict__["_client"] = self.sqs.client
            unwrap = frozenset({"events", "pipes", "s3", "sns"})
            self._consumers[name] = Consumer(
                processor=self.process,
                store=self.store,
                settings=settings_of(self._rule, unwrap=unwrap, **fate.settings),
                queues=queues,
                clock=self.clock,
                observer=observer,
            )
        return self._consumers[name]

    def process(self, message: Message) -> None:
        """The processor: it reads all of a message."""
        self.started.append(message.key)
        assert message.raw
        assert isinstance(message.attributes, dict)
        assert isinstance(message.message_attributes, dict)
        if message.key not in self._good_keys:
            self.store.fate.act()
        self.ended.append(message.owner)

    def event_of(self, odd: Any) -> Any:
        """The batch with the odd record in it."""
        if self.kind.single:
            return odd
        middle = [] if odd is MISSING else [odd]
        return {"Records": [*self.neighbours[:PLACE], *middle, *self.neighbours[PLACE:]]}

    def problems(self, odd: Any, name: str, whole: Any = None) -> list[str]:
        """Deliver the odd record to the fate of this name, and return what went wrong."""
        fate = self.store.fate = FATES[name]
        self.store.records = {}
        self.started.clear()
        self.ended.clear()
        self._log.seek(0)
        self._log.truncate()
        self.memory.dead_letters.clear()
        self.memory.failure = refused() if fate.refuses else None
        if self.sqs:
            self.sqs.wire.bodies.clear()
        error: BaseException | None = None
        response: Any = None
        delivered = self.event_of(odd) if whole is None else whole
        try:
            response = self.consumer(name).consume(delivered, Millis(30_000), "r")
        except BaseException as caught:  # noqa: BLE001  # this is what is looked for
            error = caught
        return list(self._problems(odd, name, response, error))

    def _problems(  # noqa: C901  # one rule after another
        self, odd: Any, name: str, response: Any, error: BaseException | None
    ) -> Iterator[str]:
        fate, odd_id = FATES[name], self.kind.id_of(odd)
        if isinstance(error, UnsupportedEventError):
            if odd_id is not None and not self.kind.single:
                yield f"refused the batch: {str(error)[:100]}"
            if self.started:
                yield "ran a part of a refused batch"
            return
        if error and (self.kind.partial or not isinstance(error, BatchFailedError)):
            yield f"raised {type(error).__name__}: {_text(error)}"
            return
        failures = [
            each["itemIdentifier"] for each in (response or {}).get("batchItemFailures", ())
        ]
        if self.kind.is_stream and failures:
            ids = [self.kind.id_of(each) for each in self.event_of(odd)["Records"]]
            failures = ids[ids.index(failures[0]) :]
        observe_only = "observe_only" in fate.settings
        gone = odd is MISSING
        odd_done = gone or (error is None and odd_id not in failures)
        counts = Counter(self.started)
        for at, good in enumerate(self.neighbours):
            acknowledged = error is None and self.kind.id_of(good) not in failures
            records = [self.store.records.get(each) for each in self._ids[at]]
            done = all(each and each.status == "COMPLETED" for each in records)
            runs = {counts[key] for key in self._keys[at]}
            behind = at in self._behind and not odd_done
            if max(runs) > 1:
                yield f"ran good-{at} more than once"
            if acknowledged and not (done or (observe_only and runs == {1})):
                yield f"acknowledged good-{at} unrun"
            if not (fate.stops or behind) and (runs != {1} or not (acknowledged or error)):
                yield f"did not run and acknowledge good-{at}"
            if behind and runs != {0} and self._keeps_group(odd):
                yield f"ran good-{at} before what it follows"
        if odd_done and not gone and not observe_only:
            yield from self._unproven(odd)

    def _keeps_group(self, odd: Any) -> bool:
        if (
            not isinstance(odd, dict)
            or odd.get("eventSourceARN") != self.kind.whole["eventSourceARN"]
        ):
            return False
        given = odd.get("attributes")
        mine = isinstance(given, dict) and given.get("MessageGroupId") == f"group-{PLACE % GROUPS}"
        return self.kind.is_stream or mine

    def _unproven(self, odd: Any) -> Iterator[str]:
        """What of an acknowledged odd record is not done."""
        sent = {CopyMark.parse(mark).token: body for body, mark in self.memory.dead_letters}
        for call in self.sqs.wire.bodies if self.sqs else ():
            if "MessageBody" in call:
                mark = call["MessageAttributes"][TOKEN_ATTRIBUTE]["StringValue"]
                sent[CopyMark.parse(mark).token] = call["MessageBody"]
        proven = 0
        for each in self.store.records.values():
            if each.id in self.store.good:
                continue
            before = each.owner in (BEFORE, (self.store.fate.found or {}).get("owner"))
            if (each.status == "COMPLETED" and (before or each.owner in self.ended)) or (
                each.status == "PARKED" and each.dead_lettered_at and (before or each.owner in sent)
            ):
                proven += 1
            elif not before:
                yield f"acknowledged {each.status}"
        if not proven:
            yield "acknowledged unrun"
        body = odd.get("body") if isinstance(odd, dict) and not self.kind.single else None
        if isinstance(body, str) and any(each != body for each in sent.values()):
            yield "sent another body"


def _text(error: BaseException) -> str:
    try:
        return str(error)[:100]
    except Exception as unspeakable:  # noqa: BLE001  # the odd text itself
        return type(unspeakable).__name__
