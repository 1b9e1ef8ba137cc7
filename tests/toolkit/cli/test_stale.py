"""An operator completes a record whose owner was interrupted after the side effect."""

from typing import Any

import pytest

from idempotent_lambda.clock import EpochMillis, Seconds
from idempotent_lambda.pipeline import asking
from idempotent_lambda.protocol.claims import LostLease, Request
from idempotent_lambda.protocol.conditions import evaluate
from idempotent_lambda.protocol.judgement import (
    explain_failed_completion,
    explain_failed_parking,
    explain_failed_release,
)
from idempotent_lambda.protocol.record import IS_OWNED, Owner
from idempotent_lambda_toolkit.cli import records, times
from idempotent_lambda_toolkit.cli.exit_codes import ExitCode

from .conftest import OWNER, Consumer, Run

pytestmark = pytest.mark.slow

STALE: dict[str, Any] = {"lease_expires_at": 1}


def test_completed(consumer: Consumer, run: Run) -> None:
    """The record becomes a completed one of another owner, and its messages are deleted."""
    consumer.put("orders#ORDER-1", "IN_PROGRESS", payload_hash="v1:x", **STALE)
    moved = consumer.dead_letter({"order_id": "ORDER-1"})
    ended = run("resolve", "ORDER-1", "--completed", "--yes", "--json")
    assert ended.code == ExitCode.OK
    assert [each["message_id"] for each in ended.answer["deleted"]] == [moved]
    record = consumer.record("orders#ORDER-1") or {}
    assert record["status"] == "COMPLETED"
    assert record["owner"] not in ("", OWNER)
    assert record["payload_hash"] == "v1:x"
    assert record.keys() & {"lease_expires_at", "attempts", "reason"} == set()
    days = (int(record["expires_at"]) - int(record["completed_at"]) / 1000) / 86_400
    assert round(days) == 22
    assert ended.answer["after"]["owner"] == record["owner"]
    assert ended.answer["after"]["state"] == "completed"


def test_an_owner_that_still_runs(consumer: Consumer, run: Run) -> None:
    """A late owner finds another owner: it writes nothing, and its caller gets the result."""
    consumer.put("orders##@charge#ORDER-1", "IN_PROGRESS", **STALE)
    given = ["--decorated", "charge", "--result", "1"]
    assert run("resolve", "ORDER-1", "--completed", "--yes", *given).code == ExitCode.OK
    item = consumer.client("dynamodb").get_item(
        TableName="orders-idempotency", Key={"id": {"S": "orders##@charge#ORDER-1"}}
    )["Item"]
    record = records.read_item(item)
    late = Request(
        record_id="orders##@charge#ORDER-1",
        owner=Owner(OWNER),
        now=EpochMillis(times.now()),
        retention=Seconds(60),
    )
    assert not evaluate(IS_OWNED, record, late.operands)
    lost = LostLease(completed=True, result="1")
    assert explain_failed_completion(record, late) == lost
    assert explain_failed_release(record, late) == LostLease(completed=True)
    assert explain_failed_parking(record, late) == LostLease(completed=True)


def test_a_live_claim_is_left(consumer: Consumer, run: Run) -> None:
    """As long as its lease is live, nobody completes a record for its owner."""
    consumer.put("orders#ORDER-1", "IN_PROGRESS")
    before = consumer.record("orders#ORDER-1")
    ended = run("resolve", "ORDER-1", "--completed", "--yes")
    assert ended.code == ExitCode.REFUSED
    assert "wait until its lease ends" in ended.err
    assert consumer.record("orders#ORDER-1") == before


@pytest.mark.parametrize(("ended_ago", "code"), [(500, ExitCode.REFUSED), (3_600_000, ExitCode.OK)])
def test_the_margin_after_the_lease(
    consumer: Consumer, run: Run, ended_ago: int, code: ExitCode
) -> None:
    """A lease that has just ended is not over by a clock in whole seconds."""
    lease_end = times.now() - ended_ago
    consumer.put("orders#ORDER-1", "IN_PROGRESS", lease_expires_at=lease_end)
    ended = run("resolve", "ORDER-1", "--completed", "--yes")
    assert ended.code == code
    assert ("run the command again" in ended.err) is (code == ExitCode.REFUSED)


def test_a_fast_clock(consumer: Consumer, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A lease is live if AWS's clock says so, whatever this machine's clock says."""
    consumer.put("orders#ORDER-1", "IN_PROGRESS")  # for a minute
    before = consumer.record("orders#ORDER-1")
    right = times.now
    monkeypatch.setattr(times, "now", lambda: right() + 3_600_000)
    ended = run("resolve", "ORDER-1", "--completed", "--yes")
    assert ended.code == ExitCode.REFUSED
    assert "this machine's clock is 59 min fast, and the lease is live" in ended.err
    assert consumer.record("orders#ORDER-1") == before


@pytest.mark.parametrize(
    "change",
    [{"owner": "b" * 32}, {"lease_expires_at": 2}, {"status": "COMPLETED"}, None],
)
@pytest.mark.parametrize("moment", ["shown", "checked"])
def test_a_changed_record_is_left(
    consumer: Consumer, run: Run, monkeypatch: pytest.MonkeyPatch, change: Any, moment: str
) -> None:
    """A record that is taken over, or ends, between the look and the write stays as it is then."""
    consumer.put("orders#ORDER-1", "IN_PROGRESS", **STALE)

    def change_it() -> None:
        if change is None:
            key = {"id": {"S": "orders#ORDER-1"}}
            consumer.client("dynamodb").delete_item(TableName="orders-idempotency", Key=key)
        else:
            consumer.put("orders#ORDER-1", **({"status": "IN_PROGRESS", **STALE} | change))

    owner, name = (records, "describe") if moment == "shown" else (asking, "make_owner")
    original = getattr(owner, name)

    def changed_behind_it(*arguments: Any) -> Any:
        change_it()
        return original(*arguments)

    monkeypatch.setattr(owner, name, changed_behind_it)
    ended = run("resolve", "ORDER-1", "--completed", "--yes", "--json")
    assert ended.code == ExitCode.REFUSED
    assert "has changed since it was shown" in ended.answer["error"]
    left = consumer.record("orders#ORDER-1")
    assert (left or {}).get("status") == (change and change.get("status", "IN_PROGRESS"))


def test_a_copy_becomes_a_duplicate(consumer: Consumer, run: Run) -> None:
    """The record of a redriven copy keeps what makes that copy a duplicate."""
    copy = "c" * 32
    unlocked = {"unlocked_by": copy, "copy_tokens": frozenset({copy})}
    consumer.put("orders#ORDER-1", "IN_PROGRESS", **STALE, **unlocked)
    sent = consumer.dead_letter({"order_id": "ORDER-1"}, token=f"{copy} //4f5b ORDER-1")
    answer = run("resolve", "ORDER-1", "--completed", "--yes", "--json").answer
    assert [each["message_id"] for each in answer["deleted"]] == [sent]
    assert (consumer.record("orders#ORDER-1") or {})["copy_tokens"] == [copy]


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({}, "the next delivery of its message takes it over and runs"),
        ({"IDEMPOTENCY_ON_INTERRUPTED": "park"}, "parks it (on_interrupted = park)"),
        ({"IDEMPOTENCY_MODE": "observe"}, "observe mode"),
    ],
)
def test_retry_is_not_needed(consumer: Consumer, run: Run, more: dict[str, str], said: str) -> None:
    """To let a stale key run, nothing is to be done, or only after it is parked."""
    consumer.client("lambda").update_function_configuration(
        FunctionName="orders", Environment={"Variables": consumer.variables() | more}
    )
    consumer.put("orders#ORDER-1", "IN_PROGRESS", **STALE)
    before = consumer.record("orders#ORDER-1")
    ended = run("resolve", "ORDER-1", "--retry", "--yes")
    assert ended.code == ExitCode.REFUSED
    assert said in ended.err
    assert ("and then --retry lets it run" in ended.err) is ("park" in more.values())
    assert consumer.record("orders#ORDER-1") == before
