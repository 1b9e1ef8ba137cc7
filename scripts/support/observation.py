"""Observes a deployed stack from outside: its queues, tables and logs."""

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from types import SimpleNamespace
from typing import Any, Final

from boto3.dynamodb.types import TypeDeserializer

from scripts.support.emulator import Emulator

DRAIN_SECONDS: Final = 300.0
STILL_POLLS: Final = 3
SUPPRESSING: Final = frozenset({"in_progress", "coalesced", "duplicate"})
"""Outcomes of deliveries that leave the operation to another delivery."""

SERVICES: Final = {
    **{name: name for name in ("dynamodb", "events", "iam", "kinesis", "logs", "sns", "sqs")},
    "buckets": "s3",
    "functions": "lambda",
    "table_streams": "dynamodbstreams",
}
"""The services of the clients of an `Aws`, by attribute."""


class Aws(SimpleNamespace):
    """One account's clients."""

    @classmethod
    def of(cls, emulator: Emulator, account: str) -> "Aws":
        """Make the clients of an account in the emulator."""
        return cls(**{name: emulator.client(kind, account) for name, kind in SERVICES.items()})


def backlog(aws: Aws, queue_url: str) -> int:
    """Count the messages that wait in the queue or are in progress."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    answer = aws.sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=names)
    return sum(int(answer["Attributes"][name]) for name in names)


def wait_until_empty(
    aws: Aws,
    *queue_urls: str,
    seconds: float = DRAIN_SECONDS,
    report: Callable[[int], None] = lambda _: None,
) -> int:
    """Wait until no queue holds a message, and report the number once a second; return the last."""
    deadline = time.monotonic() + seconds
    still = 0
    while True:
        left = sum(backlog(aws, url) for url in queue_urls)
        report(left)
        # A count can miss a message between two receives.
        still = 0 if left else still + 1
        if still == STILL_POLLS or time.monotonic() > deadline:
            return left
        time.sleep(1)


def drain(aws: Aws, queue_url: str) -> dict[str, str]:
    """Empty a queue that nobody else reads; return the bodies by message id."""
    found: dict[str, str] = {}
    while messages := aws.sqs.receive_message(
        QueueUrl=queue_url, MaxNumberOfMessages=10, VisibilityTimeout=60
    ).get("Messages"):
        for message in messages:
            found[message["MessageId"]] = message["Body"]
            aws.sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
    return found


def log_lines(aws: Aws, log_group_name: str, event: str = "message") -> Iterator[dict[str, Any]]:
    """Read the package's log lines of an event: a message has one for each delivery."""
    pages = aws.logs.get_paginator("filter_log_events").paginate(logGroupName=log_group_name)
    for page in pages:
        for entry in page["events"]:
            try:
                line = json.loads(entry["message"])
            except ValueError:
                continue  # the platform's own lines
            if isinstance(line, dict) and line.get("event") == event:
                yield line


def read_outcome(line: Mapping[str, Any]) -> str:
    """Read how a delivery ended; one that shared the run of another message is "coalesced"."""
    coalesced = line.get("coalesced") and line["acknowledged"]
    return "coalesced" if coalesced else str(line["outcome"])


def count_outcomes(aws: Aws, *log_groups: str) -> Counter[str]:
    """Count the deliveries with each outcome, by the logs."""
    return Counter(read_outcome(line) for name in log_groups for line in log_lines(aws, name))


def rows(aws: Aws, table: str) -> list[dict[str, Any]]:
    """Read a whole table, as plain values."""
    plain = TypeDeserializer().deserialize
    pages = aws.dynamodb.get_paginator("scan").paginate(TableName=table, ConsistentRead=True)
    return [
        {name: _plain(plain(value)) for name, value in item.items()}
        for page in pages
        for item in page["Items"]
    ]


def resources(aws: Aws) -> list[str]:
    """List everything in the account that one of our stacks could have made."""
    functions = aws.functions.list_functions()["Functions"]
    return [
        *(f"table {name}" for name in aws.dynamodb.list_tables()["TableNames"]),
        *(f"queue {url}" for url in aws.sqs.list_queues().get("QueueUrls", [])),
        *(f"function {each['FunctionName']}" for each in functions),
        *(f"mapping {each['UUID']}" for each in _mappings(aws)),
        *(
            f"log group {each['logGroupName']}"
            for each in aws.logs.describe_log_groups()["logGroups"]
        ),
        *(f"role {each['RoleName']}" for each in aws.iam.list_roles()["Roles"]),
        *(f"policy {each['Arn']}" for each in aws.iam.list_policies(Scope="Local")["Policies"]),
        *(f"topic {each['TopicArn']}" for each in aws.sns.list_topics()["Topics"]),
        *(
            f"subscription {each['SubscriptionArn']}"
            for each in aws.sns.list_subscriptions()["Subscriptions"]
        ),
        *(f"stream {name}" for name in aws.kinesis.list_streams()["StreamNames"]),
        *(f"rule {each['Name']}" for each in aws.events.list_rules()["Rules"]),
        *(f"bucket {each['Name']}" for each in aws.buckets.list_buckets()["Buckets"]),
    ]


def remove_twins(aws: Aws, known: str) -> list[str]:
    """Delete second mappings of a source and function that terraform's state does not contain.

    When the answer to a creation is lost, the provider's SDK sends the request again. AWS refuses
    the second mapping of the same source and function ("The resource already exists",
    https://docs.aws.amazon.com/lambda/latest/api/API_CreateEventSourceMapping.html); the emulator
    creates it. Return the ids of the deleted mappings.
    """
    mappings = _mappings(aws)
    joined = Counter((each["EventSourceArn"], each["FunctionArn"]) for each in mappings)
    twins: list[str] = [
        each["UUID"]
        for each in mappings
        if joined[each["EventSourceArn"], each["FunctionArn"]] > 1 and each["UUID"] not in known
    ]
    for twin in twins:
        aws.functions.delete_event_source_mapping(UUID=twin)
    return twins


def _mappings(aws: Aws) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = aws.functions.list_event_source_mappings()["EventSourceMappings"]
    return found


def _plain(value: Any) -> Any:
    # Every number comes as a Decimal, which JSON does not know.
    return int(value) if isinstance(value, Decimal) and value == int(value) else value
