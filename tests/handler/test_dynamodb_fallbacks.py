"""The store on DynamoDB, many requests together: a backend that refuses the calls for many."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from idempotent_lambda.clock import Deadline
from idempotent_lambda.errors import StoreRefusedError
from idempotent_lambda.protocol.claims import Completed, Duplicate, LostLease, Released
from idempotent_lambda.store.dynamodb import DynamoDBClaimStore
from tests.waiting import SECONDS

from .conftest import Lab
from .harness import READ_TIMEOUT, Fault, answered, lost
from .statement_faults import (
    DELETE,
    READ,
    STATEMENTS,
    TRIO,
    UPDATE,
    Dead,
    claimed,
    claims,
    clear,
    error,
    only,
    requests,
    sparing,
)

pytestmark = pytest.mark.emulator


DENIED = answered(400, "AccessDeniedException")
NOT_ALLOWED: dict[str, Fault] = {
    "statements denied": only(STATEMENTS, DENIED),
    "statements unknown": only(STATEMENTS, answered(400, "UnknownOperationException")),
    "each statement denied": sparing(dict.fromkeys(TRIO, "AccessDenied")),
    "one statement denied": sparing({TRIO[1]: "AccessDenied"}),
    "reads denied": only(READ, DENIED),
}


class TestFallBack:
    """A role or an engine that has no calls for many."""

    @pytest.mark.parametrize("fault", NOT_ALLOWED.values(), ids=NOT_ALLOWED)
    def test_claim(self, backend: Lab, deadline: Deadline, fault: Fault) -> None:
        """A separate call decides every claim rightly, and the reason is reported once."""
        backend.store.claim(claims(TRIO[1:2], "theirs"), deadline)
        backend.store.complete(requests(TRIO[1:2], "theirs"), deadline)
        clear(backend.wire)
        backend.wire.always = fault
        first, second, third = backend.store.claim(claims(), deadline)
        assert [first, third] == claimed((TRIO[0], TRIO[2]))
        assert second == Duplicate()
        assert len(backend.listener.fallen_back) == 1

    @pytest.mark.parametrize("fault", NOT_ALLOWED.values(), ids=NOT_ALLOWED)
    def test_once(self, backend: Lab, deadline: Deadline, fault: Fault) -> None:
        """From then on nothing is tried together any more, be it a claim or a settlement."""
        backend.store.claim(claims(TRIO, "theirs"), deadline)
        backend.wire.always = fault
        backend.store.claim(claims(), deadline)
        clear(backend.wire)
        ids = ("orders#7", "orders#8")
        assert backend.store.claim(claims(ids, redelivered=True), deadline) == claimed(ids)
        assert backend.store.complete(requests(ids[:1]), deadline) == [Completed()]
        outcomes = backend.store.release(requests([*ids, "orders#9"]), deadline)
        assert outcomes == [LostLease(completed=True), Released(), Released()]
        assert Counter(backend.wire.sent) == {UPDATE: 3, DELETE: 3}
        assert len(backend.listener.fallen_back) == 1

    @pytest.mark.parametrize(
        "fault", [only(STATEMENTS, DENIED), NOT_ALLOWED["one statement denied"]]
    )
    @pytest.mark.parametrize("call", ["complete", "release"])
    def test_settlement(self, backend: Lab, deadline: Deadline, fault: Fault, call: str) -> None:
        """If a settlement is the first to find this out, the rest is settled by single calls."""
        backend.store.claim(claims(), deadline)
        backend.wire.always = fault
        outcomes = getattr(backend.store, call)(requests(), deadline)
        assert outcomes == [Completed() if call == "complete" else Released()] * 3
        assert len(backend.listener.fallen_back) == 1

    def test_what_is_told(self, backend: Lab, deadline: Deadline) -> None:
        """The error that is reported names the operation and quotes the service."""
        backend.wire.always = only(STATEMENTS, answered(400, "AccessDeniedException", "no PartiQL"))
        backend.store.claim(claims(), deadline)
        (reported,) = backend.listener.fallen_back
        assert reported.code == "AccessDeniedException"
        assert STATEMENTS in str(reported)
        assert "no PartiQL" in str(reported)

    def test_after_a_lost_answer(self, backend: Lab, deadline: Deadline) -> None:
        """Claims that got through before the calls were denied are known again."""
        backend.wire.faults = [lost(READ_TIMEOUT)]
        backend.wire.always = only(STATEMENTS, DENIED)
        assert backend.store.claim(claims(), deadline) == claimed(recovered=True)

    def test_after_a_lost_answer_and_singly_denied(self, backend: Lab, deadline: Deadline) -> None:
        """Claims that may have got through before are reported as maybe written."""
        backend.wire.faults = [lost(READ_TIMEOUT)]
        backend.wire.always = DENIED
        outcomes = backend.store.claim(claims(), deadline)
        assert [error(each).maybe_written for each in outcomes] == [True] * 3

    def test_nothing_is_allowed(self, dead: Dead, deadline: Deadline) -> None:
        """A role that lacks the calls for one as well is refused for each, and written nothing."""
        store, wire = dead
        wire.always = DENIED
        outcomes = store.claim(claims(), deadline)
        assert all(isinstance(each, StoreRefusedError) for each in outcomes)
        assert not any(error(each).maybe_written for each in outcomes)
        assert all(UPDATE in str(each) for each in outcomes)
        assert Counter(wire.sent) == {STATEMENTS: 1, UPDATE: 3}

    def test_one_alone_tells_nothing(self, backend: Lab, deadline: Deadline) -> None:
        """A single claim that is denied says nothing of calls for many."""
        backend.wire.faults = [DENIED]
        backend.store.claim(claims(TRIO[:1]), deadline)
        assert backend.listener.fallen_back == []
        backend.store.claim(claims(), deadline)
        assert backend.wire.sent[1:] == [STATEMENTS]

    def test_two_threads(self, backend: Lab, deadline: Deadline) -> None:
        """Two threads that find this out at the same time report it once."""
        both = threading.Barrier(2)

        def denied_together(sent: Any, through: Any) -> Any:
            both.wait(SECONDS)
            return DENIED(sent, through)

        backend.wire.always = only(STATEMENTS, denied_together)
        groups = [("orders#1", "orders#2"), ("orders#3", "orders#4")]
        with ThreadPoolExecutor(2) as pool:
            outcomes = list(
                pool.map(lambda ids: backend.store.claim(claims(ids), deadline), groups)
            )
        assert outcomes == [claimed(ids) for ids in groups]
        assert len(backend.listener.fallen_back) == 1

    def test_not_wanted(self, backend: Lab, deadline: Deadline) -> None:
        """A store that is set to make single calls makes no others, and reports nothing."""
        store = DynamoDBClaimStore(
            backend.deployed, backend.table, backend.clock, backend.listener, together=False
        )
        assert store.claim(claims(), deadline) == claimed()
        assert backend.wire.sent == [UPDATE] * 3
        assert backend.listener.fallen_back == []
