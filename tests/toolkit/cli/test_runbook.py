"""Every command of the runbook runs, and every query of it and of the page of logs finds fields."""

import io
import json
import re
import shlex
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from idempotent_lambda import PermanentFailure
from idempotent_lambda.errors import StoreRefusedError
from idempotent_lambda.log import JsonLines
from idempotent_lambda_toolkit.testing import events
from tests.handler.events import kinesis_record
from tests.handler.harness import ConsumerHarness, raising

from .conftest import OWNER, Consumer, Ended, Run

DOCS = Path(__file__).parents[3] / "docs"
RUNBOOK = (DOCS / "runbook.md").read_text(encoding="utf-8")
OURS = "idempotent-lambda --function orders "
FENCED = re.findall(r"^ *```sh\n(.+?)^ *```$", RUNBOOK, re.MULTILINE | re.DOTALL)
COMMANDS = {line.strip() for block in FENCED for line in block.splitlines()} | set(
    re.findall(r"`((?:idempotent-lambda|aws|printf) [^`]+)`", RUNBOOK)
)
BOTH = RUNBOOK + (DOCS / "logs.md").read_text(encoding="utf-8")
QUERIES = re.findall(r"^```\n(filter (?:event|type) .+?)^```$", BOTH, re.MULTILINE | re.DOTALL)


def _doctor(_: Consumer, ended: Ended) -> None:
    # moto would run what a mapping delivers, so it is off; that is found.
    assert "the mapping is Disabled" in ended.out
    assert "remedy: " in ended.out


def _lists_parked(_: Consumer, ended: Ended) -> None:
    assert "parked-1" in ended.out
    assert "running-1" not in ended.out


def _lists_running(_: Consumer, ended: Ended) -> None:
    assert "running-1" in ended.out
    assert "parked-1" not in ended.out


def _shows_what_is_dead(consumer: Consumer, ended: Ended) -> None:
    assert "key failed-1" in ended.out
    assert "parked messages were not sent" in ended.out
    assert len(consumer.messages(consumer.dead_letter_queue_url)) == 2


def _shows(_: Consumer, ended: Ended) -> None:
    assert "the card is stolen" in ended.out


def _shows_the_call(_: Consumer, ended: Ended) -> None:
    assert "orders##@charge#ORDER-1" in ended.out


def _moves_what_is_not_parked(consumer: Consumer, _: Ended) -> None:
    assert len(consumer.messages(consumer.queue_url)) == 1
    assert len(consumer.messages(consumer.dead_letter_queue_url)) == 1


def _moves_the_key(consumer: Consumer, _: Ended) -> None:
    (moved,) = consumer.messages(consumer.queue_url)
    assert moved["MessageAttributes"]["IdempotencyOwner"]["StringValue"] == OWNER


def _is_completed(consumer: Consumer, _: Ended) -> None:
    record: Any = consumer.record("orders#ORDER-1")
    assert record["status"] == "COMPLETED"
    assert len(consumer.messages(consumer.dead_letter_queue_url)) == 1


def _is_gone(consumer: Consumer, _: Ended) -> None:
    assert consumer.record("orders#ORDER-1") is None


PLAYS: dict[str, Callable[[Consumer, Ended], None]] = {
    "doctor": _doctor,
    "list --status parked": _lists_parked,
    "list --status in-progress": _lists_running,
    "redrive --dry-run": _shows_what_is_dead,
    "redrive": _moves_what_is_not_parked,
    "redrive --key ORDER-1": _moves_the_key,
    "inspect ORDER-1": _shows,
    "inspect --decorated charge ORDER-1": _shows_the_call,
    "resolve ORDER-1 --completed": _is_completed,
    "resolve ORDER-1 --retry": _moves_the_key,
    "forget ORDER-1": _is_gone,
}
ASKING = ("redrive", "resolve", "forget")


def test_no_command_is_left_out() -> None:
    """This module runs every command of the runbook."""
    ours = {each.removeprefix(OURS) for each in COMMANDS if each.startswith(OURS)}
    assert ours == set(PLAYS)
    others = {" ".join(each.split()[:3]) for each in COMMANDS if not each.startswith(OURS)}
    assert others == {"aws lambda invoke", "aws s3 cp", "aws s3 ls"}  # test_bucket


# https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
@pytest.mark.parametrize("written", [json.dumps, lambda event: event], ids=["text", "object"])
def test_bucket(written: Callable[[Any], Any], tmp_path: Path) -> None:
    """The report in a bucket becomes the event of the invocation that gave up."""
    event = events.kinesis({"order_id": "ORDER-1"})
    report = {"KinesisBatchInfo": {"shardId": "shardId-0"}, "payload": written(event)}
    (command,) = (each for each in COMMANDS if each.startswith("aws s3 cp "))
    download, extract = command.split(" | ", 1)
    assert download == "aws s3 cp s3://BUCKET/KEY -"
    text = json.dumps(report).encode()
    subprocess.run(["sh", "-c", extract], input=text, cwd=tmp_path, check=True)
    assert json.loads((tmp_path / "event.json").read_bytes()) == event
    assert any("--payload fileb://event.json" in each for each in COMMANDS)


def test_bucket_until_every_record_has_run() -> None:
    """The answer names one failure of a stream; after the last one in the runbook, all have run."""
    (last,) = re.findall(r"`(\{\"batchItemFailures\": .*?\})`", RUNBOOK)
    harness = ConsumerHarness()
    records = [kinesis_record(each, sequence) for each, sequence in ("a1", "b2", "c3", "d4")]
    faults = ["b", "c"]
    harness.behaviour |= dict.fromkeys(faults, raising(ValueError("no")))
    while {"batchItemFailures": harness.deliver(*records)} != json.loads(last):
        assert harness.status("d") is None
        del harness.behaviour[faults.pop(0)]
    assert {harness.status(each) for each in "abcd"} == {"COMPLETED"}


@pytest.mark.parametrize("command", PLAYS)
def test_command(consumer: Consumer, run: Run, command: str) -> None:
    """Each command does on the consumer what the runbook says; those that ask get a yes."""
    hour = 3_600_000
    consumer.put("orders#ORDER-1", "PARKED")
    consumer.put("orders##@charge#ORDER-1", "COMPLETED")
    consumer.put("orders#parked-1", "PARKED", owner="b" * 32)
    now = int(str((consumer.record("orders#ORDER-1") or {})["created_at"]))
    consumer.put("orders#running-1", "IN_PROGRESS", created_at=now - hour)
    consumer.put("orders#new-1", "IN_PROGRESS")
    consumer.dead_letter({"order_id": "ORDER-1"}, token=OWNER)
    consumer.dead_letter({"order_id": "failed-1"})
    words = shlex.split(command)
    agreed = ["--yes"] if words[0] in ASKING and "--dry-run" not in words else []
    ended = run(*words, *agreed)
    assert ended.code == (1 if command == "doctor" else 0), ended.out + ended.err
    PLAYS[command](consumer, ended)


def lines() -> list[dict[str, Any]]:
    """Lines of each kind, as the package and Lambda write them."""
    stream = io.StringIO()
    harness = ConsumerHarness()
    observer = JsonLines(harness.clock, hash_keys=False, function="orders", stream=stream)
    object.__setattr__(harness.consumer, "observer", observer)
    harness.behaviour["a"] = raising(ValueError("no"))
    harness.behaviour["b"] = raising(PermanentFailure("never"))
    harness.deliver("a", "b", "c")
    observer.report_batch_calls_unavailable(
        StoreRefusedError("AccessDenied", "denied", maybe_written=False)
    )
    observer.report_visibility_change_failed(
        StoreRefusedError("AccessDenied", "denied", maybe_written=False)
    )
    report = {"requestId": "r", "status": "timeout", "errorType": "Sandbox.Timedout"}
    # https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html#platform-report
    of_lambda = {"@timestamp": 1, "type": "platform.report", "record": report}
    return [
        *({"@timestamp": 1} | json.loads(each) for each in stream.getvalue().splitlines()),
        of_lambda,
    ]


def found(line: Any, path: str) -> bool:
    """Whether CloudWatch would find a field such as ``errors.0.type`` in the line."""
    for part in path.split("."):
        if isinstance(line, list):
            if not part.isdecimal() or int(part) >= len(line):
                return False
            line = line[int(part)]
        elif isinstance(line, dict) and part in line:
            line = line[part]
        else:
            return False
    return True


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.replace("\n", " ")[:60])
def test_query(query: str) -> None:
    """Each field that a query names is in some line of the kind that it filters."""
    literals = re.sub(r'"[^"]*"', "", query)
    known = {"filter", "stats", "display", "sort", "by", "and", "not", "as", "desc", "count"}
    named = set(re.findall(r"[@a-z_A-Z][\w.]*", literals)) - known
    named -= set(re.findall(r"as (\w+)", literals))
    (kind,) = re.findall(r'^filter (?:event|type) = "([\w.]+)"', query)
    fitting = [each for each in lines() if kind in {each.get("event"), each.get("type")}]
    assert fitting
    assert {field for field in named if not any(found(each, field) for each in fitting)} == set()


def test_queries_are_found() -> None:
    """The pages have queries, and each begins with the lines that it filters."""
    assert len(QUERIES) == len(re.findall(r"^filter (?:event|type) ", BOTH, re.MULTILINE)) >= 8
