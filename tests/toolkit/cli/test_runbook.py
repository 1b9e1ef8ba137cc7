"""The queries of the runbook and of the page of logs, and what the runbook says of streams."""

import io
import json
import os
import re
from typing import Any
from unittest.mock import patch

import pytest

from idempotent_lambda import PermanentFailure
from idempotent_lambda.errors import StoreRefusedError
from idempotent_lambda.log import JsonLines
from tests.handler.events import kinesis_record
from tests.handler.harness import ConsumerHarness, raising

from .incidents_page import DOCS, RUNBOOK
from .incidents_queries import QueryError, read_field, run_query
from .incidents_world import describe_failure

BOTH = RUNBOOK + (DOCS / "logs.md").read_text(encoding="utf-8")
QUERIES = re.findall(r"^```\n(filter .+?)^```$", BOTH, re.MULTILINE | re.DOTALL)
KEYWORDS = {
    "and", "by", "coalesce", "count", "desc", "display", "fields", "filter", "in", "ispresent",
    "max", "or", "sort", "stats",
}  # fmt: skip


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


def lines() -> list[dict[str, Any]]:
    """Lines of each kind, as the package and Lambda write them."""
    stream = io.StringIO()
    harness = ConsumerHarness()
    observer = JsonLines(harness.clock, hash_keys=False, function="orders", stream=stream)
    object.__setattr__(harness.consumer, "observer", observer)
    harness.behaviour["a"] = raising(ValueError("no"))
    harness.behaviour["b"] = raising(PermanentFailure("never"))
    # https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html
    trace = {"_X_AMZN_TRACE_ID": "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=0"}
    with patch.dict(os.environ, trace):
        harness.deliver("a", "b", "c")
    observer.report_batch_calls_unavailable(
        StoreRefusedError("AccessDenied", "denied", maybe_written=False)
    )
    observer.report_visibility_change_failed(
        StoreRefusedError("AccessDenied", "denied", maybe_written=False)
    )
    report: Any = {"requestId": "r", "status": "timeout", "errorType": "Sandbox.Timedout"}
    report["metrics"] = {"durationMs": 30_000.1}
    # https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html#platform-report
    of_lambda = {"type": "platform.report", "record": report}
    written = map(json.loads, stream.getvalue().splitlines())
    of_runtime = describe_failure(ValueError("no"), "r")
    # https://docs.aws.amazon.com/lambda/latest/dg/python-logging.html
    of_processor = {"message": "charging a", "requestId": "r"}
    return [{"@timestamp": 1} | line for line in (*written, of_lambda, of_runtime, of_processor)]


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.replace("\n", " ")[:60])
def test_query(query: str) -> None:
    """Each query is one of Logs Insights, and some line has each field that it names."""
    run_query(query, lines())
    names = re.sub(r'"[^"]*"|\'[^\']*\'|as \w+|sort \w+', "", query)
    named = set(re.findall(r"[@a-z_A-Z][\w.]*", names)) - KEYWORDS
    named -= set(re.findall(r" as (\w+)", query))
    assert named
    missing = {name for name in named if all(read_field(line, name) is None for line in lines())}
    assert missing == set()


def test_queries_are_found() -> None:
    """The pages have queries, and each block without a language is one."""
    assert len(QUERIES) == len(re.findall(r"^filter ", BOTH, re.MULTILINE)) >= 12


@pytest.mark.parametrize(
    ("condition", "found"),
    [
        ("failed = 1", ["b"]),
        ("failed = 0 or key = 'b'", ["a", "b"]),
        ("failed = 0 and key = 'b'", []),
        ("(failed = 1 or failed = 0) and key in ['a', \"c\"]", ["a"]),
        ("ispresent(errors.0.text)", ["b"]),
        ("errors.0.text != 'no'", []),
        ("attempts > 1", ["b"]),
    ],
)
def test_conditions(condition: str, found: list[str]) -> None:
    """The queries of the tests find what Logs Insights finds, where truth values are numbers."""
    some = [
        {"key": "a", "failed": False, "attempts": 1, "errors": []},
        {"key": "b", "failed": True, "attempts": 2, "errors": [{"text": "no"}]},
    ]
    assert [row["key"] for row in run_query(f"filter {condition}", some)] == found


@pytest.mark.parametrize(
    "query",
    [
        "filter not failed = 1",
        "filter failed",
        "filter failed = 1 and key",
        "filter key = b",
        "filter failed = 1\n| head 3",
        "filter failed = 1\n| stats count(*)",
        "filter (failed = 1",
        "filter failed = 1)",
        "filter failed ~ 1",
    ],
)
def test_other_queries_are_refused(query: str) -> None:
    """A query that Logs Insights might read in another way does not pass."""
    with pytest.raises(QueryError):
        run_query(query, [{"failed": True, "key": "b"}])
