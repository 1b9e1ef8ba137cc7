"""Ctrl-C and SIGTERM at any moment: no message is in both queues, none is lost, all are named."""

import json
import os
import pty
import random
import signal
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from idempotent_lambda_toolkit.cli import app, dead_letters, main, stopping
from idempotent_lambda_toolkit.cli.exit_codes import ExitCode
from scripts.support.emulator import Emulator

from .conftest import OWNER, Consumer, Run
from .emulated import Stack
from .test_batches import put_many

MESSAGES = 100
SEEDS = [*((signal.SIGINT, seed) for seed in range(20)), *((signal.SIGTERM, n) for n in range(3))]


@pytest.mark.emulator
@pytest.mark.slow
def test_at_random_moments(emulator: Emulator, tmp_path: Path) -> None:
    """At 20 random moments of a redrive by SIGINT and 3 by SIGTERM, both queues are consistent."""
    stack, halfway = Stack(emulator), 0
    with stack.prepare(tmp_path, "redrive", "--yes", "--json") as command:
        stack.fill(MESSAGES)
        began = time.monotonic()
        command.start()
        assert command.wait() == ExitCode.OK
        seconds = time.monotonic() - began - dead_letters.WAIT_SECONDS
        stack.drain(stack.urls[1])
        for number, seed in SEEDS:
            ids = stack.fill(MESSAGES)
            process = command.start()
            moment = random.Random(seed)  # noqa: S311  # no secret
            if seed % 2:  # within the moves, even if they are much shorter than the start
                enough = moment.randrange(MESSAGES - 20)
                while stack.count(stack.urls[1]) < enough and not command.has_ended():
                    pass
            else:
                time.sleep(moment.uniform(0.0, seconds))
            with suppress(ProcessLookupError):  # it has ended
                os.kill(process, number)
            code = command.wait()
            left = {message["MessageId"] for message in stack.drain(stack.urls[0])}
            sent = {message["MessageId"] for message in stack.drain(stack.urls[1])}
            if code == -number:  # the command has not begun
                assert (left, sent) == (ids, set())
                continue
            answer, err = json.loads(command.out.read_text()), command.err.read_text()
            moved = answer.get("moved", [])
            assert {each["new_message_id"] for each in moved} == sent, (seed, err)
            assert {each["message_id"] for each in moved} == ids - left, (seed, err)
            assert len(moved) == len(sent) == MESSAGES - len(left), (seed, err)
            assert all(each["message_id"] in err for each in moved), (seed, err)
            if code == ExitCode.OK:  # the signal came after the last message
                assert left == set(), (seed, err)
                continue
            wanted = ExitCode.INTERRUPTED if number == signal.SIGINT else ExitCode.TERMINATED
            assert (code, answer["exit"]) == (wanted, wanted.name.lower()), (seed, err)
            assert "Traceback" not in err
            halfway += 0 < len(sent) < MESSAGES
    assert halfway >= 5  # otherwise, the moments prove little


@pytest.mark.parametrize("arguments", [("redrive", "--yes"), ("redrive", "--dry-run")])
def test_between_two_batches(
    consumer: Consumer, run: Run, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    """The batch under way is finished, its ids are in the answer, and held messages are visible."""
    put_many(consumer, 25)
    count = interrupt_at(monkeypatch, "ReceiveMessage", 2)
    ended = run(*arguments, "--json")
    assert ended.code == ExitCode.INTERRUPTED
    assert ended.answer["exit"] == "interrupted"
    assert count["ReceiveMessage"] == 2
    sent = consumer.messages(consumer.queue_url)
    left = consumer.messages(consumer.dead_letter_queue_url)
    if arguments[1] == "--dry-run":
        assert (len(left), ended.answer["error"]) == (25, "stopped by Ctrl-C: nothing was changed")
        return
    assert len(ended.answer["moved"]) == len(sent) == 20
    assert len(left) == 5
    assert "messages sent back: 20; run the command again" in ended.answer["error"]


@pytest.mark.parametrize("operation", ["ReceiveMessage", "ChangeMessageVisibilityBatch", "GetItem"])
@pytest.mark.parametrize("command", ["inspect", "resolve", "discard"])
def test_while_looking(
    consumer: Consumer,
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    command: str,
    operation: str,
) -> None:
    """A look ends at once, changes nothing, and makes visible what it held."""
    consumer.put("orders#ORDER-1", "PARKED")
    there = consumer.dead_letter({"order_id": "ORDER-1"}, token=OWNER)
    interrupt_at(monkeypatch, operation, 1)
    arguments = {
        "inspect": ["inspect", "ORDER-1"],
        "resolve": ["resolve", "ORDER-1", "--completed", "--yes"],
        "discard": ["discard", "--message-id", there, "--yes"],
    }
    ended = run(*arguments[command], "--json")
    assert ended.code == ExitCode.INTERRUPTED
    assert ended.answer == {
        "error": "stopped by Ctrl-C: nothing was changed",
        "exit": "interrupted",
    }
    assert len(consumer.messages(consumer.dead_letter_queue_url)) == 1
    record = consumer.record("orders#ORDER-1")
    assert record is not None
    assert record["status"] == "PARKED"


def test_a_confirmed_change_is_finished(
    consumer: Consumer, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A signal during the write of a record does not cut it off from its answer."""
    consumer.put("orders#ORDER-1", "COMPLETED")
    interrupt_at(monkeypatch, "DeleteItem", 1)
    ended = run("forget", "ORDER-1", "--yes", "--json")
    assert (ended.code, ended.answer["after"]) == (ExitCode.OK, None)
    assert consumer.record("orders#ORDER-1") is None


def test_copies_that_were_not_looked_for(
    consumer: Consumer, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """If the record is completed, but its copies are not deleted yet, the output says so."""
    consumer.put("orders#ORDER-1", "PARKED")
    consumer.dead_letter({"order_id": "ORDER-1"}, token=OWNER)
    interrupt_at(monkeypatch, "UpdateItem", 1)
    ended = run("resolve", "ORDER-1", "--completed", "--yes", "--json")
    assert ended.code == ExitCode.INTERRUPTED
    assert "the record is completed, but its copies were not deleted" in ended.answer["error"]
    assert len(consumer.messages(consumer.dead_letter_queue_url)) == 1


def test_a_second_signal_skips_the_release(
    consumer: Consumer, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The messages are then visible a little later by themselves, and the answer is the same."""
    put_many(consumer, 25)
    count = interrupt_at(monkeypatch, "ReceiveMessage", 2, twice=True)
    ended = run("redrive", "--key", "3", "--yes", "--json")
    assert ended.code == ExitCode.INTERRUPTED
    assert [each["record_ids"] for each in ended.answer["moved"]] == [["orders#3"]]
    assert count["ChangeMessageVisibilityBatch"] == 0


@pytest.mark.emulator
@pytest.mark.slow
@pytest.mark.parametrize("command", ["redrive", "discard"])
def test_at_the_question(emulator: Emulator, command: str) -> None:
    """Ctrl-C at a prompt ends the command at once, changes nothing, and has its own exit code."""
    stack, (ours, its) = Stack(emulator), pty.openpty()
    there = min(stack.fill(10))
    process = stack.start(command, "--message-id", there, "--json", stdin=its)
    assert process.stderr is not None
    read = ""
    while "[y/N]" not in read:
        read += process.stderr.read(1)
    process.send_signal(signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    process.stderr.close()
    os.close(ours)
    os.close(its)
    assert process.returncode == ExitCode.INTERRUPTED
    assert json.loads(out)["error"] == "stopped by Ctrl-C: nothing was changed"
    assert len(stack.drain(stack.urls[0])) == 10


def test_ignored_signals_stay_ignored() -> None:
    """A command in the background does not end when its terminal sends Ctrl-C."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with stopping.watch(ends_process=False):
            os.kill(os.getpid(), signal.SIGINT)
            assert not stopping.is_requested()
    finally:
        signal.signal(signal.SIGINT, before)


def interrupt_at(
    patch: pytest.MonkeyPatch, operation: str, number: int, *, twice: bool = False
) -> dict[str, int]:
    """Send Ctrl-C to this process after the call of this number; return the counts of the calls."""
    from botocore.client import BaseClient  # noqa: PLC0415  # before it is patched

    make, count = BaseClient._make_api_call, {operation: 0, "ChangeMessageVisibilityBatch": 0}

    def call(self: Any, name: str, parameters: Any) -> Any:
        answer = make(self, name, parameters)
        if name in count:
            count[name] += 1
        if name == operation and count[name] == number:
            for _ in range(1 + twice):
                os.kill(os.getpid(), signal.SIGINT)
        return answer

    patch.setattr(BaseClient, "_make_api_call", call)
    return count


def test_a_signal_in_a_finalizer(capsys: pytest.CaptureFixture[str]) -> None:
    """Python cannot raise there: nothing is printed, and the command stops at the next step."""

    class Finalized:
        """Ends with a signal."""

        def __del__(self) -> None:
            """Send the signal."""
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0)  # the handler runs here

    with stopping.watch(ends_process=False):
        Finalized()
        assert stopping.is_requested()
    assert capsys.readouterr().err == ""


def test_a_signal_while_a_class_is_made(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Python 3.11 turns the signal into a RuntimeError there, and the command still just stops."""

    class Field:
        def __set_name__(self, owner: type, name: str) -> None:
            """Send the signal."""
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(0)  # the handler runs here

    monkeypatch.setattr(app, "build_group", lambda: type("Made", (), {"field": Field()}))
    with pytest.raises(SystemExit) as ended:
        main(["list"])
    assert ended.value.code == ExitCode.INTERRUPTED
    assert "unexpected" not in capsys.readouterr().err
