"""Several records are resolved by one command, which continues after a failure."""

import io
import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from idempotent_lambda_toolkit.cli import changes, dead_letters
from idempotent_lambda_toolkit.cli.exit_codes import ExitCode

from .conftest import OWNER, Consumer, Run

pytestmark = pytest.mark.slow

YES = ["--completed", "--yes"]


def statuses(consumer: Consumer, *keys: str) -> list[str | None]:
    """The status of the records of some keys; None without a record."""
    found = [consumer.record(f"orders#{key}") for key in keys]
    return [record and record["status"] for record in found]


def test_several_keys(consumer: Consumer, run: Run) -> None:
    """Each key is shown once, resolved with its copies, and reported."""
    for key in "abc":
        consumer.put(f"orders#{key}", "PARKED")
    consumer.put("orders#d", "IN_PROGRESS", lease_expires_at=1)
    copy = consumer.dead_letter({"order_id": "b"}, token=OWNER)
    ended = run("resolve", "a", "b", "d", "b", *YES)
    assert ended.code == ExitCode.OK
    assert "3 of 3 resolved" in ended.out
    assert f"message {copy}: deleted" in ended.out
    assert ended.out.index("the card is stolen") < ended.out.index("orders#a: PARKED → COMPLETED")
    assert statuses(consumer, "a", "b", "c", "d") == [
        "COMPLETED",
        "COMPLETED",
        "PARKED",
        "COMPLETED",
    ]


def test_several_retries(consumer: Consumer, run: Run) -> None:
    """Each key runs again, by its copy or without its record."""
    consumer.put("orders#a", "PARKED", dead_lettered_at=None)
    consumer.put("orders#b", "PARKED", owner="b" * 32)
    consumer.dead_letter({"order_id": "b"}, token="b" * 32)
    answer = run("resolve", "a", "b", "--retry", "--yes", "--json").answer
    assert [len(each["moved"]) for each in answer["resolved"]] == [0, 1]
    assert answer["failed"] == []
    assert len(consumer.messages(consumer.queue_url)) == 1


def test_one_prompt(consumer: Consumer, run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """An operator is asked once, about the records that can be resolved."""
    consumer.put("orders#a", "PARKED")
    consumer.put("orders#b", "PARKED")
    monkeypatch.setattr("sys.stdin", SimpleNamespace(isatty=lambda: True, readline=lambda: "n"))
    ended = run("resolve", "a", "b", "c", "--completed")
    assert ended.code == ExitCode.DECLINED
    assert ended.err.count("[y/N]") == 1
    assert "Resolve 2 records: mark them COMPLETED? [y/N]" in ended.err
    assert statuses(consumer, "a", "b") == ["PARKED", "PARKED"]


def test_some_cannot(consumer: Consumer, run: Run) -> None:
    """A record that is gone, live or completed is reported, and the others are resolved."""
    consumer.put("orders#a", "PARKED")
    consumer.put("orders#live", "IN_PROGRESS")
    consumer.put("orders#done", "COMPLETED")
    ended = run("resolve", "gone", "live", "a", "done", *YES, "--json")
    assert ended.code == ExitCode.PARTLY
    assert [each["after"]["id"] for each in ended.answer["resolved"]] == ["orders#a"]
    failed = {each["record"]: each["exit"] for each in ended.answer["failed"]}
    assert failed == {"gone": "not_found", "live": "refused", "done": "refused"}
    assert "live: not resolved: the record is in progress" in ended.err
    assert "1 of 4 resolved" in ended.err
    assert "left: gone, live, done" in ended.answer["error"]


@pytest.mark.parametrize(
    ("keys", "code"),
    [(["x", "y"], ExitCode.NOT_FOUND), (["x", "done"], ExitCode.REFUSED)],
)
def test_none_can(consumer: Consumer, run: Run, keys: list[str], code: ExitCode) -> None:
    """If nothing was done, the exit code says so, with the reason if all have the same one."""
    consumer.put("orders#done", "COMPLETED")
    ended = run("resolve", *keys, *YES, "--json")
    assert ended.code == code
    assert len(ended.answer["failed"]) == 2


@pytest.mark.parametrize("fails", ["write", "delete"])
def test_a_failure_in_between(
    consumer: Consumer, run: Run, monkeypatch: pytest.MonkeyPatch, fails: str
) -> None:
    """After a failure the other records are resolved, and the error names the one that is left."""
    for key in "abc":
        consumer.put(f"orders#{key}", "PARKED")
    consumer.dead_letter({"order_id": "b"})
    denied = ClientError({"Error": {"Code": "AccessDenied", "Message": "not you"}}, "UpdateItem")
    complete = changes.complete

    def failing(deployment: Any, record: Any, *more: Any) -> Any:
        if record.id == "orders#b":
            raise denied
        return complete(deployment, record, *more)

    def refuse(_: Any, messages: list[Any]) -> list[tuple[Any, str]]:
        return [(message, "not you") for message in messages]

    if fails == "write":
        monkeypatch.setattr(changes, "complete", failing)
    else:
        monkeypatch.setattr(dead_letters.ReceivedMessages, "delete", refuse)
    ended = run("resolve", "a", "b", "c", *YES, "--json")
    assert ended.code == ExitCode.PARTLY
    assert [each["after"]["id"] for each in ended.answer["resolved"]] == ["orders#a", "orders#c"]
    (left,) = ended.answer["failed"]
    assert left["record"] == "orders#b"
    assert "not you" in left["error"]
    middle = "PARKED" if fails == "write" else "COMPLETED"
    assert statuses(consumer, "a", "b", "c") == ["COMPLETED", middle, "COMPLETED"]


def test_dry_run(consumer: Consumer, run: Run) -> None:
    """A dry run lists the records that would be resolved, and those that would be left."""
    consumer.put("orders#a", "PARKED")
    consumer.put("orders#b", "PARKED")
    ended = run("resolve", "a", "b", "c", "--completed", "--dry-run", "--json")
    assert ended.code == ExitCode.OK
    assert [each["key"] for each in ended.answer["before"]] == ["a", "b"]
    assert [each["record"] for each in ended.answer["failed"]] == ["c"]
    assert statuses(consumer, "a", "b") == ["PARKED", "PARKED"]


def test_dry_run_of_a_retry(consumer: Consumer, run: Run) -> None:
    """A dry run refuses what the retry would refuse: a record whose copy is not there."""
    consumer.put("orders#a", "PARKED")
    consumer.put("orders#b", "PARKED", dead_lettered_at=None)
    ended = run("resolve", "a", "b", "--retry", "--dry-run", "--json")
    assert [each["key"] for each in ended.answer["before"]] == ["b"]
    assert [each["record"] for each in ended.answer["failed"]] == ["a"]
    assert "its copy is in the queue" in ended.answer["failed"][0]["error"]


class TestFromFile:
    """The records are the ones that another command has listed."""

    @pytest.mark.parametrize("form", ["whole", "records", "lines", "array"])
    def test_the_output_of_list(
        self, consumer: Consumer, run: Run, monkeypatch: pytest.MonkeyPatch, form: str
    ) -> None:
        """The list, its records, and what jq makes of them are read from a pipe."""
        hostile = ["a", "b\norders#victim", r"C:\\new", "é", '"']
        for key in hostile:
            consumer.put(f"orders#{key}", "PARKED")
        consumer.put("orders#victim", "IN_PROGRESS")
        text = run("list", "--status", "parked", "--json").out
        listed = json.loads(text)["records"]
        ids = [each["id"] for each in listed]
        text = {
            "whole": text,
            "records": "\n".join(json.dumps(each, indent=2) for each in listed),
            "lines": "\n".join(map(json.dumps, ids)) + "\n",
            "array": json.dumps(ids),
        }[form]
        monkeypatch.setattr("sys.stdin", io.StringIO(text))
        ended = run("resolve", "--from-file", "-", *YES)
        assert ended.code == ExitCode.OK
        assert "5 of 5 resolved" in ended.out
        assert statuses(consumer, *hostile) == ["COMPLETED"] * 5
        assert statuses(consumer, "victim") == ["IN_PROGRESS"]

    def test_a_file_and_keys(self, consumer: Consumer, run: Run, tmp_path: Path) -> None:
        """A file adds to the keys, and names the calls of decorated functions, too."""
        consumer.put("orders#a", "PARKED")
        consumer.put("orders##@charge#b", "PARKED")
        path = tmp_path / "ids.json"
        path.write_text('"orders##@charge#b"', encoding="utf-8")
        ended = run("resolve", "a", "--from-file", str(path), "--no-result", *YES)
        assert "2 of 2 resolved" in ended.out

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ("", "no record ids"),
            ("[]", "no record ids"),
            ("orders#a\norders#b\n", "jq without -r"),
            ('"orders#a" oops', "is not JSON after 11 characters"),
            ("[1]", "without a record id"),
            ('{"records": [{"key": "a"}]}', "without a record id"),
            ("[" * 100_000, "is not JSON"),
            (None, "No such file"),
        ],
    )
    def test_something_else(
        self, consumer: Consumer, run: Run, tmp_path: Path, text: str | None, said: str
    ) -> None:
        """A file that holds something else is an error of usage, and nothing is done."""
        consumer.put("orders#a", "PARKED")
        path = tmp_path / "ids.json"
        if text is not None:
            path.write_text(text, encoding="utf-8")
        ended = run("resolve", "--from-file", str(path), *YES)
        assert ended.code == ExitCode.USAGE
        assert said in ended.err
        assert statuses(consumer, "a") == ["PARKED"]

    def test_another_namespace(self, consumer: Consumer, run: Run, tmp_path: Path) -> None:
        """The ids of another consumer are refused."""
        consumer.put("others#a", "PARKED")
        path = tmp_path / "ids.json"
        path.write_text('["others#a", "others#b"]', encoding="utf-8")
        ended = run("resolve", "--from-file", str(path), *YES)
        assert ended.code == ExitCode.USAGE
        assert "is not in the namespace" in ended.out

    def test_the_name_of_a_function(self, consumer: Consumer, run: Run, tmp_path: Path) -> None:
        """An id has the name of its function, so the name goes with a KEY only."""
        assert consumer.queue_url
        ended = run("resolve", "--from-file", str(tmp_path), "--decorated", "charge", *YES)
        assert ended.code == ExitCode.USAGE
        assert "--decorated goes with KEY" in ended.err
