"""The operator's commands on a consumer in moto: their output, changes and refusals."""

import gc
import hashlib
from typing import Any

import pytest
from botocore.exceptions import ClientError

from idempotent_lambda.protocol.record import Record
from idempotent_lambda_toolkit.cli import deployment, records
from idempotent_lambda_toolkit.cli.exit_codes import ExitCode

from .conftest import OWNER, Consumer, Run, fail_calls

pytestmark = pytest.mark.slow


class TestInspect:
    """The `inspect` command shows the record of a key."""

    @pytest.mark.parametrize(
        ("stored", "state", "said"),
        [
            (("COMPLETED", {}), "completed", "duplicates are acknowledged until"),
            (("COMPLETED", {"expires_at": 1}), "expired", "its retention ended"),
            (("PARKED", {}), "parked", "the card is stolen"),
            (("IN_PROGRESS", {}), "in progress", "its lease ends"),
            (("IN_PROGRESS", {"lease_expires_at": 1}), "stale", "interrupted in attempt 1"),
            (("PAUSED", {}), "paused", "never claims it"),
        ],
    )
    def test_each_state_is_told(
        self, consumer: Consumer, run: Run, stored: tuple[str, Any], state: str, said: str
    ) -> None:
        """A record is shown in words and as JSON; the clock decides its state, not its status."""
        status, more = stored
        consumer.put("orders#ORDER-1", status, **more)
        reported = run("inspect", "ORDER-1")
        assert reported.code == ExitCode.OK
        assert "orders#ORDER-1" in reported.out
        assert said in reported.out
        record = run("inspect", "ORDER-1", "--json").answer["record"]
        assert (record["key"], record["state"], record["owner"]) == ("ORDER-1", state, OWNER)

    @pytest.mark.parametrize(
        ("given", "record_id"),
        [
            (["[acme]"], "orders#[acme]"),
            (['["acme",7]'], 'orders##["acme",7]'),
            (["7"], "orders##7"),
            (["#7"], 'orders##"#7"'),
            (["ORDER-1", "--decorated", "charge"], "orders##@charge#ORDER-1"),
            (["--record-id", "orders#ORDER-1"], "orders#ORDER-1"),
            (["sha256:" + hashlib.sha256(b"orders#ORDER-1").hexdigest()], "orders#ORDER-1"),
        ],
    )
    def test_every_kind_of_key_is_found(
        self, consumer: Consumer, run: Run, given: list[str], record_id: str
    ) -> None:
        """A key is found as the log shows it, whatever it is made of."""
        consumer.put(record_id, "COMPLETED")
        consumer.put("orders#another", "COMPLETED")
        answer = run("inspect", *given, "--json").answer
        assert answer["record"]["id"] == record_id
        found = records.ids("orders", answer["record"]["key"], decorated_in(given))
        assert record_id in found

    def test_two_records_that_fit(self, consumer: Consumer, run: Run) -> None:
        """Where a text and a number of the same spelling exist, neither is guessed."""
        consumer.put("orders#7", "COMPLETED")
        consumer.put("orders##7", "COMPLETED")
        ended = run("inspect", "7")
        assert ended.code == ExitCode.USAGE
        assert "--record-id" in ended.err
        assert run("inspect", "--record-id", "orders##7").code == ExitCode.OK

    def test_messages_in_the_dead_letter_queue(self, consumer: Consumer, run: Run) -> None:
        """Copies are found by their token, others by their key, and all are still there after."""
        consumer.put("orders#ORDER-1", "PARKED")
        copy = consumer.dead_letter({"order_id": "ORDER-1"}, token=OWNER)
        moved = consumer.dead_letter({"order_id": "ORDER-1"})
        consumer.dead_letter({"order_id": "ORDER-2"})
        answer = run("inspect", "ORDER-1", "--json").answer
        found = {each["message_id"]: each["parked_copy"] for each in answer["dead_letters"]}
        assert found == {copy: True, moved: False}
        assert answer["dead_letters_whole"] is True
        assert len(consumer.messages(consumer.dead_letter_queue_url)) == 3

    def test_a_message_id_finds_its_key(self, consumer: Consumer, run: Run) -> None:
        """The id of a message in the dead-letter queue leads to the record of its key."""
        consumer.put("orders#ORDER-1", "PARKED")
        moved = consumer.dead_letter({"order_id": "ORDER-1"})
        answer = run("inspect", moved, "--json").answer
        assert answer["record"]["id"] == "orders#ORDER-1"
        assert [each["message_id"] for each in answer["dead_letters"]] == [moved]

    def test_a_message_without_a_key(self, consumer: Consumer, run: Run) -> None:
        """Of a message that is refused nobody says that it runs, but why it does not."""
        refused = consumer.dead_letter({"amount_cents": 1})
        ended = run("inspect", refused, "--json")
        assert "the next delivery runs" not in ended.err
        assert "each delivery is refused: " in ended.err
        (message,) = ended.answer["dead_letters"]
        assert "body.order_id" in message["refusal"]
        assert message["record_ids"] == []
        fine = consumer.dead_letter({"order_id": "ORDER-1"})
        ended = run("inspect", fine, "--json")
        assert "the next delivery runs" in ended.err
        assert ended.answer["dead_letters"][0]["refusal"] is None

    def test_a_message_id_is_found_in_the_log(self, consumer: Consumer, run: Run) -> None:
        """The id of a message that is gone leads to its key by its line in the log."""
        logs = consumer.client("logs")
        logs.create_log_group(logGroupName="/aws/lambda/orders")
        logs.create_log_stream(logGroupName="/aws/lambda/orders", logStreamName="one")
        line = '{"event":"message","message_id":"4f5b","key":"ORDER-1"}'
        event = {"timestamp": records.times.now(), "message": line}
        logs.put_log_events(
            logGroupName="/aws/lambda/orders", logStreamName="one", logEvents=[event]
        )
        consumer.put("orders#ORDER-1", "COMPLETED")
        assert run("inspect", "4f5b", "--json").answer["record"]["id"] == "orders#ORDER-1"

    def test_a_record_is_told_without_the_queue(self, consumer: Consumer, run: Run) -> None:
        """If the dead-letter queue cannot be read, the output says so, and shows the record."""
        consumer.put("orders#ORDER-1", "PARKED")
        gone = consumer.dead_letter_queue_url + "-gone"
        ended = run("inspect", "ORDER-1", "--dead-letter-queue-url", gone, "--json")
        assert ended.code == ExitCode.OK
        assert "the dead-letter queue could not be read" in ended.err
        assert ended.answer["record"]["state"] == "parked"
        assert ended.answer["dead_letters_whole"] is False

    @pytest.mark.parametrize("logs", [True, False])
    def test_nothing_is_known(self, consumer: Consumer, run: Run, logs: bool) -> None:
        """A key without a record and a message has a separate exit code, with a hint."""
        if logs:
            consumer.client("logs").create_log_group(logGroupName="/aws/lambda/orders")
        ended = run("inspect", "ORDER-1", "--json")
        assert ended.code == ExitCode.NOT_FOUND
        assert ("could not be searched" in ended.err) is not logs
        assert ended.answer["exit"] == "not_found"
        assert "--decorated" in ended.err


class TestList:
    """The records of a namespace."""

    def test_by_status_and_age(self, consumer: Consumer, run: Run) -> None:
        """Status and age narrow the list, and other namespaces of the table are never in it."""
        now = records.times.now()
        consumer.put("orders#old", "PARKED", dead_lettered_at=now - 3_600_000)
        consumer.put("orders#new", "PARKED")
        consumer.put("orders##7", "IN_PROGRESS")
        consumer.put("orders#done", "COMPLETED")
        consumer.put("others#old", "PARKED", dead_lettered_at=now - 3_600_000)

        def keys(*arguments: str) -> list[str]:
            answer = run("list", "--json", *arguments).answer
            return [each["key"] for each in answer["records"]]

        assert keys("--status", "parked") == ["old", "new"]
        assert keys("--status", "parked", "--older-than", "15m") == ["old"]
        assert keys("--status", "in-progress") == ["7"]
        assert keys("--status", "completed") == ["done"]
        assert keys("--status", "stale") == []
        assert sorted(keys()) == ["7", "done", "new", "old"]

    def test_more_than_the_limit(self, consumer: Consumer, run: Run) -> None:
        """A list that is cut says so."""
        for number in range(3):
            consumer.put(f"orders#{number}", "COMPLETED")
        cut, whole = run("list", "--limit", "2", "--json"), run("list", "--limit", "3", "--json")
        assert (len(cut.answer["records"]), cut.answer["more"]) == (2, True)
        assert (len(whole.answer["records"]), whole.answer["more"]) == (3, False)
        assert "raise --limit" in run("list", "--limit", "2").out

    def test_the_oldest_are_kept(
        self, consumer: Consumer, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A limit keeps the oldest records wherever the scan finds them, and never holds more."""
        now = records.times.now()
        for number in range(9):  # the younger, the earlier in moto's scan
            consumer.put(f"orders#{number}", "PARKED", dead_lettered_at=now - number * 1000)
        answer = run("list", "--limit", "2", "--json").answer
        assert [each["key"] for each in answer["records"]] == ["8", "7"]
        assert (answer["more"], answer["total"]) == (True, 9)
        assert "2 records, and 7 younger: raise --limit" in run("list", "--limit", "2").out
        seen: set[int] = set()
        read = records.read_item
        monkeypatch.setattr(records, "read_item", lambda item: _note_size(read(item), seen))
        gc.freeze()  # a collection for each record looks at what is new only
        try:
            assert run("list", "--limit", "2").code == ExitCode.OK
        finally:
            gc.unfreeze()
        assert 0 < max(seen) - min(seen) <= 3

    def test_stale_ones(self, consumer: Consumer, run: Run) -> None:
        """Stale records have a list, in the order in which their leases ended."""
        now = records.times.now()
        consumer.put("orders#new", "IN_PROGRESS", created_at=1, lease_expires_at=now - 60_000)
        consumer.put("orders#old", "IN_PROGRESS", created_at=9, lease_expires_at=now - 7_200_000)
        consumer.put("orders#live", "IN_PROGRESS", created_at=0)

        def keys(*arguments: str) -> list[str]:
            answer = run("list", "--status", "stale", "--json", *arguments).answer
            return [each["key"] for each in answer["records"]]

        assert keys() == ["old", "new"]
        assert keys("--older-than", "1h") == ["old"]
        assert keys("--limit", "1") == ["old"]

    @pytest.mark.usefixtures("consumer")
    def test_a_duration_is_checked(self, run: Run) -> None:
        """A text that is not a duration is named, with an example."""
        ended = run("list", "--older-than", "soon")
        assert ended.code == ExitCode.USAGE
        assert "15m" in ended.err


def test_stats(consumer: Consumer, run: Run) -> None:
    """Records are counted by their present state, with the oldest, and both queues are measured."""
    now = records.times.now()
    consumer.put("orders#1", "COMPLETED")
    consumer.put("orders#2", "COMPLETED", expires_at=1)
    consumer.put("orders#3", "PARKED", dead_lettered_at=now - 7_200_000)
    consumer.put("orders#4", "PARKED")
    consumer.put("orders#5", "IN_PROGRESS", lease_expires_at=1)
    consumer.put("others#6", "PARKED")
    consumer.dead_letter({"order_id": "3"})
    answer = run("stats", "--json").answer
    assert answer["records"] == {"completed": 1, "expired": 1, "parked": 2, "stale": 1}
    assert {state: each["key"] for state, each in answer["oldest"].items()} == {
        "parked": "3",
        "stale": "5",
    }
    assert answer["dead_letter_queue"]["waiting"] == 1
    assert answer["queue"]["waiting"] == 0
    reported = run("stats").out
    assert "orders#3, " in reported
    assert "2 h ago" in reported


class TestForget:
    """To let a key run again."""

    @pytest.mark.parametrize("status", ["COMPLETED", "PARKED"])
    def test_what_is_over_is_deleted(self, consumer: Consumer, run: Run, status: str) -> None:
        """A completed or parked record is shown and deleted."""
        consumer.put("orders#ORDER-1", status)
        ended = run("forget", "ORDER-1", "--yes")
        assert ended.code == ExitCode.OK
        assert f"orders#ORDER-1: {status} → deleted" in ended.out
        assert consumer.record("orders#ORDER-1") is None
        assert run("forget", "ORDER-1", "--yes").code == ExitCode.NOT_FOUND

    @pytest.mark.parametrize(
        ("more", "advice"),
        [({}, "wait until its lease ends"), ({"lease_expires_at": 1}, "resolve --completed")],
    )
    def test_a_claim_is_never_deleted(
        self, consumer: Consumer, run: Run, more: Any, advice: str
    ) -> None:
        """A claim stays, live or stale, and the advice is one that can be followed."""
        consumer.put("orders#ORDER-1", "IN_PROGRESS", **more)
        ended = run("forget", "ORDER-1", "--yes", "--json")
        assert ended.code == ExitCode.REFUSED
        assert advice in ended.answer["error"]
        assert consumer.record("orders#ORDER-1") is not None

    def test_dry_run(self, consumer: Consumer, run: Run) -> None:
        """A dry run shows the change and makes none, without asking."""
        consumer.put("orders#ORDER-1", "COMPLETED")
        ended = run("forget", "ORDER-1", "--dry-run")
        assert ended.code == ExitCode.OK
        assert "would be" in ended.out
        assert consumer.record("orders#ORDER-1") is not None

    def test_without_a_terminal_it_wants_yes(self, consumer: Consumer, run: Run) -> None:
        """Without a terminal nothing is done, and the output shows the remedy."""
        consumer.put("orders#ORDER-1", "COMPLETED")
        ended = run("forget", "ORDER-1")
        assert ended.code == ExitCode.USAGE
        assert "--yes" in ended.err
        assert consumer.record("orders#ORDER-1") is not None

    @pytest.mark.parametrize(
        ("answer", "code"), [("y", ExitCode.OK), ("n", ExitCode.DECLINED), ("", ExitCode.DECLINED)]
    )
    def test_a_person_is_asked(
        self,
        consumer: Consumer,
        run: Run,
        monkeypatch: pytest.MonkeyPatch,
        answer: str,
        code: ExitCode,
    ) -> None:
        """At a terminal the answer decides."""
        consumer.put("orders#ORDER-1", "COMPLETED")
        monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
        monkeypatch.setattr("sys.stdin.readline", lambda: f"{answer}\n", raising=False)
        assert run("forget", "ORDER-1").code == code
        assert (consumer.record("orders#ORDER-1") is None) is (answer == "y")


class TestRaces:
    """Somebody else changes the record between the look and the write."""

    @pytest.mark.parametrize(
        "command",
        [
            (["forget"], [OWNER]),
            (["resolve", "--completed"], [OWNER]),
            (["resolve", "--retry"], [OWNER]),
            (["resolve", "--retry"], []),
        ],
    )
    @pytest.mark.parametrize("change", ["another owner", "another status", "gone"])
    def test_a_changed_record_is_left(
        self,
        consumer: Consumer,
        run: Run,
        monkeypatch: pytest.MonkeyPatch,
        command: tuple[list[str], list[str]],
        change: str,
    ) -> None:
        """A record that has changed since it was shown is left, and its new state is reported."""
        (name, *options), token = command
        sent = {} if token else {"dead_lettered_at": None}
        consumer.put("orders#ORDER-1", "PARKED", **sent)
        for each in token:
            consumer.dead_letter({"order_id": "ORDER-1"}, token=each)
        shown = records.describe

        def changed_behind_it(*arguments: Any) -> list[str]:
            if change == "gone":
                key = {"id": {"S": "orders#ORDER-1"}}
                consumer.client("dynamodb").delete_item(TableName="orders-idempotency", Key=key)
            elif change == "another owner":
                consumer.put("orders#ORDER-1", "PARKED", owner="b" * 32)
            else:
                consumer.put("orders#ORDER-1", "IN_PROGRESS")
            return shown(*arguments)

        monkeypatch.setattr(records, "describe", changed_behind_it)
        ended = run(name, "ORDER-1", *options, "--yes", "--json")
        assert ended.code == ExitCode.REFUSED
        assert "has changed since it was shown" in ended.answer["error"]
        left = consumer.record("orders#ORDER-1")
        if change == "gone":
            assert left is None
        else:
            assert left is not None
            expected = ("PARKED", "b" * 32) if change == "another owner" else ("IN_PROGRESS", OWNER)
            assert (left["status"], left["owner"]) == expected
        assert len(consumer.messages(consumer.dead_letter_queue_url)) == len(token)
        assert consumer.messages(consumer.queue_url) == []


class TestResolve:
    """To decide on what is parked."""

    def test_completed(self, consumer: Consumer, run: Run) -> None:
        """The record becomes a completed one with a TTL, and its messages are deleted."""
        consumer.put("orders#ORDER-1", "PARKED")
        copy = consumer.dead_letter({"order_id": "ORDER-1"}, token=OWNER)
        moved = consumer.dead_letter({"order_id": "ORDER-1"})
        other = consumer.dead_letter({"order_id": "ORDER-2"}, token="b" * 32)
        ended = run("resolve", "ORDER-1", "--completed", "--yes", "--json")
        assert ended.code == ExitCode.OK
        assert {each["message_id"] for each in ended.answer["deleted"]} == {copy, moved}
        left = consumer.messages(consumer.dead_letter_queue_url)
        assert [each["MessageId"] for each in left] == [other]
        record = consumer.record("orders#ORDER-1")
        assert record is not None
        assert record.keys() == {
            "id",
            "status",
            "owner",
            "created_at",
            "completed_at",
            "expires_at",
        }
        assert record["status"] == "COMPLETED"
        days = (int(record["expires_at"]) - int(record["completed_at"]) / 1000) / 86_400
        assert round(days) == 22

    def test_completed_leaves_a_message_with_other_keys(self, consumer: Consumer, run: Run) -> None:
        """A message that wraps several keys is not deleted for one of them."""
        consumer.put("orders#b 1", "PARKED")
        more = {"IDEMPOTENCY_KEY": "body.s3.object.key", "IDEMPOTENCY_UNWRAP": "s3"}
        variables = consumer.variables() | more
        consumer.client("lambda").update_function_configuration(
            FunctionName="orders", Environment={"Variables": variables}
        )
        both = {"Records": [s3_record("b 1"), s3_record("b 2")]}
        wrapping = consumer.dead_letter(both)
        single = consumer.dead_letter({"Records": [s3_record("b 1")]})
        answer = run("resolve", "b 1", "--completed", "--yes", "--json").answer
        assert [each["message_id"] for each in answer["deleted"]] == [single]
        left = consumer.messages(consumer.dead_letter_queue_url)
        assert [each["MessageId"] for each in left] == [wrapping]

    def test_retry_with_a_copy(self, consumer: Consumer, run: Run) -> None:
        """The copy is sent back with its token, and the record stays for it to be claimed."""
        consumer.put("orders#ORDER-1", "PARKED")
        copy = consumer.dead_letter({"order_id": "ORDER-1"}, token=OWNER)
        stale = consumer.dead_letter({"order_id": "ORDER-1"}, token="b" * 32)
        ended = run("resolve", "ORDER-1", "--retry", "--yes", "--json")
        assert ended.code == ExitCode.OK
        assert [each["message_id"] for each in ended.answer["moved"]] == [copy]
        (sent,) = consumer.messages(consumer.queue_url)
        assert sent["MessageAttributes"]["IdempotencyOwner"]["StringValue"] == OWNER
        record = consumer.record("orders#ORDER-1")
        assert record is not None
        assert record["status"] == "PARKED"
        left = consumer.messages(consumer.dead_letter_queue_url)
        assert [each["MessageId"] for each in left] == [stale]

    def test_retry_without_a_copy(
        self, consumer: Consumer, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Without a token the record is deleted before the message is sent, never after."""
        consumer.put("orders#ORDER-1", "PARKED", dead_lettered_at=None)
        moved = consumer.dead_letter({"order_id": "ORDER-1"})
        at_sending: list[Any] = []
        send_back = records_of_sending(consumer, at_sending)
        monkeypatch.setattr(
            "idempotent_lambda_toolkit.cli.dead_letters.ReceivedMessages.send_back", send_back
        )
        ended = run("resolve", "ORDER-1", "--retry", "--yes", "--json")
        assert ended.code == ExitCode.OK
        assert at_sending == [None]
        assert [each["message_id"] for each in ended.answer["moved"]] == [moved]
        assert len(consumer.messages(consumer.queue_url)) == 1
        assert consumer.messages(consumer.dead_letter_queue_url) == []

    @pytest.mark.parametrize(
        ("how", "fails", "left"),
        [
            ("--completed", "DeleteMessageBatch", "COMPLETED"),
            ("--retry", "SendMessageBatch", ""),
        ],
    )
    def test_done_in_part(
        self, consumer: Consumer, run: Run, how: str, fails: str, left: str
    ) -> None:
        """Where only the record could be changed that is said, and no message is lost."""
        consumer.put("orders#ORDER-1", "PARKED", dead_lettered_at=None)
        consumer.dead_letter({"order_id": "ORDER-1"})

        answer: Any = {"Error": {"Code": "AccessDenied", "Message": "not you"}}
        with pytest.MonkeyPatch.context() as patch:
            fail_calls(patch, fails, ClientError(answer, fails))
            ended = run("resolve", "ORDER-1", how, "--yes")
        assert ended.code == ExitCode.PARTLY
        assert "not you" in ended.err
        record = consumer.record("orders#ORDER-1")
        assert (record or {"status": ""})["status"] == left
        assert len(consumer.messages(consumer.dead_letter_queue_url)) == 1

    def test_retry_without_any_message(self, consumer: Consumer, run: Run) -> None:
        """If there is no message, as for a decorated function, the output asks for another call."""
        consumer.put("orders##@charge#ORDER-1", "PARKED", dead_lettered_at=None)
        ended = run("resolve", "ORDER-1", "--decorated", "charge", "--retry", "--yes")
        assert ended.code == ExitCode.OK
        assert "send it again, or repeat the call" in ended.out
        assert consumer.record("orders##@charge#ORDER-1") is None

    @pytest.mark.parametrize("status", ["COMPLETED", "IN_PROGRESS"])
    @pytest.mark.parametrize("how", ["--completed", "--retry"])
    def test_only_parked_ones(self, consumer: Consumer, run: Run, status: str, how: str) -> None:
        """There is nothing to decide on a record that is not parked."""
        consumer.put("orders#ORDER-1", status)
        before = consumer.record("orders#ORDER-1")
        assert run("resolve", "ORDER-1", how, "--yes").code == ExitCode.REFUSED
        assert consumer.record("orders#ORDER-1") == before

    @pytest.mark.parametrize("how", ["--completed", "--retry"])
    def test_dry_run(self, consumer: Consumer, run: Run, how: str) -> None:
        """A dry run says what would be done with record and copy, and leaves both."""
        consumer.put("orders#ORDER-1", "PARKED")
        copy = consumer.dead_letter({"order_id": "ORDER-1"}, token=OWNER)
        before = consumer.record("orders#ORDER-1")
        ended = run("resolve", "ORDER-1", how, "--dry-run")
        assert ended.code == ExitCode.OK
        assert copy in ended.out
        assert consumer.record("orders#ORDER-1") == before
        assert len(consumer.messages(consumer.dead_letter_queue_url)) == 1
        assert consumer.messages(consumer.queue_url) == []

    @pytest.mark.parametrize("choice", [[], ["--completed", "--retry"]])
    def test_one_choice(self, consumer: Consumer, run: Run, choice: list[str]) -> None:
        """Neither choice, or both, is an error of usage."""
        consumer.put("orders#ORDER-1", "PARKED")
        assert run("resolve", "ORDER-1", "--yes", *choice).code == ExitCode.USAGE

    def test_without_a_function_the_retention_is_asked_for(
        self, consumer: Consumer, run: Run
    ) -> None:
        """Nothing guesses how long duplicates are to be suppressed."""
        consumer.put("orders#ORDER-1", "PARKED")
        where = ["--table", "orders-idempotency", "--namespace", "orders"]
        asked = ["resolve", "ORDER-1", "--completed", "--yes", *where]
        assert run(*asked, function=None).code == ExitCode.USAGE
        assert run(*asked, "--retention", "1d", function=None).code == ExitCode.OK


class TestOptions:
    """Every command has the same options."""

    def test_they_may_stand_anywhere(self, consumer: Consumer, run: Run) -> None:
        """The options of every command are taken before and behind its name, both spellings."""
        consumer.put("orders#ORDER-1", "COMPLETED")
        before = run("--json", "--region=eu-central-1", "inspect", "ORDER-1")
        behind = run("inspect", "ORDER-1", "--region=eu-central-1", "--json")
        assert before.answer == behind.answer

    def test_without_a_function(self, consumer: Consumer, run: Run) -> None:
        """Table and namespace are enough to look at records; an error without them has a remedy."""
        consumer.put("orders#ORDER-1", "COMPLETED")
        ended = run("inspect", "ORDER-1", function=None)
        assert ended.code == ExitCode.USAGE
        assert "--function" in ended.err
        where = ["--table", "orders-idempotency", "--namespace", "orders"]
        assert run("inspect", "ORDER-1", *where, function=None).code == ExitCode.OK

    @pytest.mark.usefixtures("consumer")
    def test_no_such_function(self, run: Run) -> None:
        """A function that does not exist is not found, and the output quotes AWS."""
        ended = run("stats", function="nobody")
        assert ended.code == ExitCode.NOT_FOUND
        assert "GetFunctionConfiguration" in ended.err

    def test_aws_does_not_answer(self, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
        """A refusal by AWS and a dead endpoint have separate exit codes."""
        monkeypatch.setitem(deployment._CONFIG, "retries", {"total_max_attempts": 1})
        ended = run("stats", "--endpoint-url", "http://127.0.0.1:9", "--json")
        assert ended.code == ExitCode.AWS
        assert ended.answer["exit"] == "aws"

    def test_another_namespace_is_refused(self, consumer: Consumer, run: Run) -> None:
        """On a shared table nobody's record is changed by a slip in --record-id."""
        consumer.put("others#ORDER-1", "COMPLETED")
        ended = run("forget", "--record-id", "others#ORDER-1", "--yes")
        assert ended.code == ExitCode.USAGE
        assert consumer.record("others#ORDER-1") is not None

    def test_a_damaged_record(self, consumer: Consumer, run: Run) -> None:
        """A record that nobody could have written is named and left."""
        consumer.put("orders#ORDER-1", "COMPLETED", created_at="yesterday")
        ended = run("forget", "ORDER-1", "--yes")
        assert ended.code == ExitCode.REFUSED
        assert "damaged" in ended.err
        assert consumer.record("orders#ORDER-1") is not None


def _note_size(record: Any, seen: set[int]) -> Any:
    """Note how many records are in memory, and return the given one."""
    gc.collect()
    seen.add(sum(type(each) is Record for each in gc.get_objects()))
    return record


def decorated_in(given: list[str]) -> str | None:
    """The name that is given with --decorated."""
    return given[given.index("--decorated") + 1] if "--decorated" in given else None


def s3_record(key: str) -> dict[str, Any]:
    """A record of a notification by S3."""
    thing = {"bucket": {"name": "bucket"}, "object": {"key": key, "sequencer": "1"}}
    return {"eventSource": "aws:s3", "eventName": "ObjectCreated:Put", "s3": thing}


def records_of_sending(consumer: Consumer, at_sending: list[Any]) -> Any:
    """`ReceivedMessages.send_back`, which notes the record as it is then."""
    from idempotent_lambda_toolkit.cli.dead_letters import ReceivedMessages  # noqa: PLC0415  # before the patch

    send_back = ReceivedMessages.send_back

    def noting(self: ReceivedMessages, messages: Any) -> Any:
        at_sending.append(consumer.record("orders#ORDER-1"))
        return send_back(self, messages)

    return noting
