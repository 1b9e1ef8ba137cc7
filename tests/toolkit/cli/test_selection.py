"""How an operator names a record: by its key, or by its id."""

import pytest

from idempotent_lambda_toolkit.cli.exit_codes import ExitCode

from .conftest import Consumer, Run

pytestmark = pytest.mark.slow

RESOLVE = ["resolve", "--completed"]
COMMANDS = [["inspect"], ["history"], ["forget"], RESOLVE]


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("other", [["ORDER-1"], ["--decorated", "charge"]])
def test_two_names_for_one_record(
    consumer: Consumer, run: Run, command: list[str], other: list[str]
) -> None:
    """A record that is named in two ways is an error of usage, and nothing is done."""
    consumer.put("orders#ORDER-1", "PARKED")
    name, *options = command
    yes = [] if name in ("inspect", "history") else ["--yes"]
    ended = run(name, *other, "--record-id", "orders#ORDER-1", *options, *yes)
    assert ended.code == ExitCode.USAGE
    assert "leave one of them out" in ended.err
    assert (consumer.record("orders#ORDER-1") or {})["status"] == "PARKED"


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize(
    ("record_id", "given"),
    [("orders#ORDER-1", ["orders#ORDER-1"]), ("orders#a ", [r"orders#a\u0020"])],
)
def test_an_id_as_the_key(
    consumer: Consumer, run: Run, command: list[str], record_id: str, given: list[str]
) -> None:
    """Where an operator sees the record first, an id is understood, and the output says so."""
    consumer.put(record_id, "PARKED")
    consumer.client("logs").create_log_group(logGroupName="/aws/lambda/orders")
    name, *options = command
    dry = [] if name in ("inspect", "history") else ["--dry-run"]
    ended = run(name, *given, *options, *dry)
    assert ended.code == ExitCode.OK
    assert "it is understood as the id of this record" in ended.out
    assert "the card is stolen" in ended.out


def test_the_id_of_a_decorated_call(consumer: Consumer, run: Run) -> None:
    """The id of a call is understood with and without the name of its function."""
    consumer.put("orders##@charge#ORDER-1", "PARKED")
    for more in ([], ["--decorated", "charge"]):
        answer = run("inspect", "orders##@charge#ORDER-1", *more, "--json").answer
        assert answer["record"]["key"] == "ORDER-1"
    other = run("inspect", "orders##@charge#ORDER-1", "--decorated", "ship")
    assert other.code == ExitCode.NOT_FOUND


@pytest.mark.parametrize("command", [["forget"], RESOLVE])
def test_an_id_that_nobody_confirms(consumer: Consumer, run: Run, command: list[str]) -> None:
    """With --yes a key is only a key: a producer may send one that looks like another's id."""
    consumer.put("orders#VICTIM", "PARKED")
    name, *options = command
    ended = run(name, "orders#VICTIM", *options, "--yes")
    assert ended.code == ExitCode.NOT_FOUND
    assert "--record-id 'orders#VICTIM'" in ended.err
    assert (consumer.record("orders#VICTIM") or {})["status"] == "PARKED"


def test_a_key_and_an_id(consumer: Consumer, run: Run) -> None:
    """Where the text is the key of one record and the id of another, neither is guessed."""
    consumer.put("orders#ORDER-1", "PARKED")
    consumer.put("orders#orders#ORDER-1", "PARKED")
    ended = run("inspect", "orders#ORDER-1")
    assert ended.code == ExitCode.USAGE
    assert "choose one with --record-id" in ended.err
    assert run("inspect", "--record-id", "orders#ORDER-1").code == ExitCode.OK


def test_another_namespace_is_only_a_key(consumer: Consumer, run: Run) -> None:
    """The id of another consumer's record is the key of nobody here."""
    consumer.put("others#ORDER-1", "PARKED")
    assert run("inspect", "others#ORDER-1").code == ExitCode.NOT_FOUND


@pytest.mark.parametrize("command", ["redrive", "discard"])
def test_the_id_of_the_record_of_a_message(consumer: Consumer, run: Run, command: str) -> None:
    """A dead letter is found by the id of its record, unless nobody confirms what it means."""
    consumer.put("orders#ORDER-1", "COMPLETED")
    consumer.dead_letter({"order_id": "ORDER-1"})
    shown = run(command, "--key", "orders#ORDER-1", "--dry-run")
    assert shown.code == ExitCode.OK
    assert "key ORDER-1" in shown.out
    done = run(command, "--key", "orders#ORDER-1", "--yes")
    assert done.code == ExitCode.NOT_FOUND
    assert len(consumer.messages(consumer.dead_letter_queue_url)) == 1
