"""A filter is said to match nothing only where that is certain."""

import json
from typing import Any

import pytest

from idempotent_lambda_toolkit.cli.doctor.filter_patterns import explain_impossible
from idempotent_lambda_toolkit.cli.doctor.inventory import SourceMapping

SOURCES = {
    "sqs": "arn:aws:sqs:eu-central-1:123456789012:orders",
    "kinesis": "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks",
    "dynamodb": "arn:aws:dynamodb:eu-central-1:123456789012:table/carts/stream/2026",
}


def explain(pattern: Any, source: str) -> str | None:
    """Return why a pattern matches nothing of a source."""
    mapping = SourceMapping(state="Enabled", partial_responses=True, source_arn=source)
    text = pattern if isinstance(pattern, str) else json.dumps(pattern)
    return explain_impossible(text, mapping)


@pytest.mark.parametrize(
    ("pattern", "service"),
    [
        ({"bodies": ["a"]}, "sqs"),
        ({"data": {"kind": ["a"]}}, "sqs"),
        ({"body": {"kind": ["a"]}}, "kinesis"),
        ({"body": {"kind": ["a"]}}, "dynamodb"),
        ({"body": {"a": {"b": []}}}, "sqs"),
        ({"body": {"$or": [{"a": []}, {"b": []}]}}, "sqs"),
        ({"data": {"n": [{"numeric": [">", 5, "<", 5]}]}}, "kinesis"),
        ({"data": {"n": [{"numeric": [">=", 5, "<", 5]}]}}, "kinesis"),
        ({"body": [{"exists": False}]}, "sqs"),
        ({"eventSource": ["aws:dynamodb"]}, "kinesis"),
        ({"eventSourceARN": ["arn:aws:sqs:eu-central-1:123456789012:refunds"]}, "sqs"),
        ({"awsRegion": ["us-east-1"]}, "dynamodb"),
    ],
)
def test_patterns_that_match_nothing(pattern: Any, service: str) -> None:
    """A reason is given for a pattern that no record can match."""
    assert explain(pattern, SOURCES[service])


@pytest.mark.parametrize(
    ("pattern", "source"),
    [
        ({"body": {"kind": ["a"]}}, SOURCES["sqs"]),
        ({"body": ["plain text"]}, SOURCES["sqs"]),
        ({"body": [{"exists": True}]}, SOURCES["sqs"]),
        ({"bodies": [{"exists": False}]}, SOURCES["sqs"]),
        ({"bodies": {"kind": [{"exists": False}]}}, SOURCES["sqs"]),
        ({"body": {"$or": [{"a": []}, {"b": ["c"]}]}}, SOURCES["sqs"]),
        ({"$or": [{"body": {"a": ["b"]}}, {"body": {"c": ["d"]}}]}, SOURCES["sqs"]),
        ({"body": {"n": [{"numeric": [">=", 5, "<=", 5]}]}}, SOURCES["sqs"]),
        ({"body": {"n": [{"numeric": [">", 9, "<", 1]}, "five"]}}, SOURCES["sqs"]),
        ({"body": {"n": [{"numeric": ["=", 5]}, {"numeric": "odd"}]}}, SOURCES["sqs"]),
        ({"body": {"n": [{"numeric": [">", "a", "<", "b"]}]}}, SOURCES["sqs"]),
        ({"eventSource": [{"prefix": "aws:"}], "awsRegion": ["eu-central-1"]}, SOURCES["sqs"]),
        ({"eventName": ["INSERT"], "dynamodb": {"Keys": {}}}, SOURCES["dynamodb"]),
        ({"data": {"kind": ["a"]}}, SOURCES["kinesis"]),
        ({"bodies": "not a list"}, SOURCES["sqs"]),
        ("not JSON", SOURCES["sqs"]),
        (["a list"], SOURCES["sqs"]),
        ({"value": ["a"]}, "arn:aws:kafka:eu-central-1:123456789012:cluster/clicks/1"),
    ],
)
def test_patterns_that_may_match(pattern: Any, source: str) -> None:
    """Without a proof, nothing is said."""
    assert explain(pattern, source) is None
