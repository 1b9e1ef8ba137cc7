"""What Lambda and CloudWatch do with a function, its stream and its log."""

import time
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from typing import Any

import pytest

from scripts.support.producer import invoke

from .conftest import Site

pytestmark = [pytest.mark.aws, pytest.mark.timeout(600)]

NUMBERS = [str(number) for number in range(1, 7)]
LARGE_BATCH = 5
"""As the function knows it (functions/observe.py)."""

ATTEMPTS = 5
KILLS = 5


def test_lowest_sequence_number(site: Site) -> None:
    """Does Lambda go on from the lowest sequence number of a stream's response?"""
    table = site.outputs["tables"]["source"]
    for attempt in range(ATTEMPTS):  # until a batch is large enough to report two records
        before = len(site.read_notes("resume"))
        puts = [
            {"PutRequest": {"Item": {"id": {"S": f"try-{attempt}"}, "number": {"N": number}}}}
            for number in NUMBERS
        ]
        site.aws.dynamodb.batch_write_item(RequestItems={table: puts})

        def read(before: int = before) -> list[list[str]]:
            return [note["entries"] for note in site.read_notes("resume")[before:]]

        def is_read() -> bool:
            return sum(map(len, read())) >= len(NUMBERS)

        assert site.wait(is_read, aws=120, emulator=90) is not None, read()
        sizes = [len(batch) for batch in read()]
        if max(sizes) >= LARGE_BATCH:
            break
    else:
        pytest.fail(f"no batch had {LARGE_BATCH} records; the last ones: {read()}")
    first = sizes.index(max(sizes))
    batch = read()[first]
    site.wait(lambda: len(read()) > first + 1, aws=60, emulator=15)
    again = read()[first + 1 :]
    came = "; ".join(", ".join(numbers) for numbers in again) or "nothing"
    site.answer(
        f"records {', '.join(batch)} were delivered, {batch[4]} and {batch[2]} reported in this "
        f"order; then came: {came}",
        relied_on=bool(again) and again[0] == batch[2:],
    )


def test_kill_at_the_timeout(site: Site) -> None:
    """How long after its timeout does a function still run?"""
    late = []
    for number in range(KILLS):
        name = f"kill-{number}"
        answer = invoke(site.aws, site.outputs["functions"]["sleeper"], {"id": name})
        killed = answer.error and "timed out" in answer.payload.get("errorMessage", "")
        assert killed, f"it was not killed: {answer}"
        found = site.aws.dynamodb.get_item(
            TableName=site.outputs["tables"]["notes"], Key={"id": {"S": name}}, ConsistentRead=True
        )
        late.append(float(found["Item"]["late"]["N"]) * 1000)
    seen = ", ".join(f"{millis:.0f}" for millis in late)
    site.answer(
        f"its last call began {seen} ms after the timeout of 2 s, in {KILLS} kills",
        relied_on=max(late) < 1000,
    )


def test_embedded_metrics(site: Site) -> None:
    """Does the package's line in the embedded metric format become metrics, with JSON logs?"""
    name = site.outputs["function_name"]
    # A key that no order of the traffic has, and a body that the function can't charge twice.
    site.aws.sqs.send_message(
        QueueUrl=site.outputs["queue_url"],
        MessageBody='{"order_id": "metrics", "amount_cents": 1, "currency": "EUR"}',
    )
    query: dict[str, Any] = {
        "Namespace": "IdempotentLambda",
        "MetricName": "processed",
        "Dimensions": [{"Name": "FunctionName", "Value": name}],
        "StartTime": datetime.now(UTC) - timedelta(minutes=10),
        "Period": 60,
        "Statistics": ["Sum"],
    }
    began = time.monotonic()

    def read() -> float:
        end = datetime.now(UTC) + timedelta(minutes=2)
        points = site.aws.cloudwatch.get_metric_statistics(**query, EndTime=end)["Datapoints"]
        return float(sum(point["Sum"] for point in points))

    is_there = site.wait(lambda: read() > 0, aws=300, emulator=20) is not None
    took = time.monotonic() - began
    text = (
        f"processed = {read():.0f} after {took:.0f} s" if is_there else f"no metric in {took:.0f} s"
    )
    site.answer(text, relied_on=is_there if site.is_aws or is_there else None)


def test_versions(site: Site) -> None:
    """Which versions of Terraform, provider, runtime and SDK are in use?"""
    answer = invoke(site.aws, site.outputs["functions"]["control"], {})
    assert answer.error is None, answer
    facts = {
        **site.versions,
        **{f"{name} in the function": value for name, value in answer.payload.items()},
        "boto3 here": version("boto3"),
    }
    site.answer(", ".join(f"{name} {value}" for name, value in facts.items()), relied_on=None)
