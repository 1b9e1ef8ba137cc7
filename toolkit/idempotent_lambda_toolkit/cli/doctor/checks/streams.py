"""The event source mappings of streams."""

from collections.abc import Iterator

from idempotent_lambda_toolkit.cli.doctor.findings import Checks, Finding, failure, note, warning
from idempotent_lambda_toolkit.cli.doctor.inventory import Inventory, SourceMapping

STREAMS = frozenset({"kinesis", "dynamodb"})


def _streams(inventory: Inventory) -> Iterator[SourceMapping]:
    for mapping in inventory.stream_mappings or ():
        if mapping.service in STREAMS:
            yield mapping


def _source(inventory: Inventory) -> Iterator[Finding]:
    for mapping in inventory.stream_mappings or ():
        if mapping.service not in STREAMS:
            value = f"a mapping reads {mapping.source_arn or 'a source without an ARN'}"
            rule = "the package reads queues of SQS, Kinesis streams and DynamoDB streams"
            yield failure(value, f"{rule}, and refuses other batches", "remove the mapping")


def _own_stream(inventory: Inventory) -> Iterator[Finding]:
    name = inventory.environment.get("IDEMPOTENCY_TABLE", "").split("table/")[-1]
    own = [*inventory.function_arn.split(":")[3:5], f"table/{name}"]
    for mapping in _streams(inventory):
        if mapping.source_arn.split("/stream/")[0].split(":")[3:] == own:
            rule = "each claim writes a record, which would run the function again, endlessly"
            remedy = "read another stream, or use another table for the records"
            yield failure("the function reads the stream of the table that it writes", rule, remedy)


def _failure_destination(inventory: Inventory) -> Iterator[Finding]:
    own = {part.arn for part in (inventory.queue, inventory.dead_letter_queue) if part}
    for mapping in _streams(inventory):
        destination = mapping.failure_destination
        if destination is None:
            rule = "without it, a record that Lambda gives up on is lost without a report"
            remedy = "set streams.*.failure_destination_arn, or the mapping's OnFailure"
            yield failure(f"{mapping.label} has no OnFailure destination", rule, remedy)
        elif destination in own:
            value = f"{mapping.label} reports to {destination}, a queue of this function"
            rule = "the function would read the report as a message"
            yield failure(value, rule, "report to another queue, a topic or a bucket")


def _retries(inventory: Inventory) -> Iterator[Finding]:
    for mapping in _streams(inventory):
        if mapping.maximum_retries is None and mapping.maximum_age_seconds is None:
            value = f"{mapping.label} limits neither retries nor the age of records"
            rule = "a record that always fails holds up its shard until the stream drops it"
            remedy = "set MaximumRetryAttempts or MaximumRecordAgeInSeconds"
            yield warning(value, rule, remedy)


def _tumbling_window(inventory: Inventory) -> Iterator[Finding]:
    for mapping in _streams(inventory):
        if mapping.tumbling_window_seconds:
            value = f"{mapping.label} has a window of {mapping.tumbling_window_seconds} s"
            rule = "the package refuses such batches, whose state each response must return"
            yield failure(value, rule, "remove TumblingWindowInSeconds")


def _stream_key(inventory: Inventory) -> Iterator[Finding]:
    if inventory.environment.get("IDEMPOTENCY_KEY") or not inventory.uses_entry_point:
        return
    for mapping in _streams(inventory):
        if mapping.service == "kinesis":
            value = f"{mapping.label} delivers to a function without IDEMPOTENCY_KEY"
            # https://docs.aws.amazon.com/streams/latest/dev/kinesis-record-processor-duplicates.html
            rule = "a producer that sends again makes a new record, which then has another key"
            yield note(value, rule, "set idempotency.key to a value that the producer chooses")


CHECKS: Checks = {
    "source": _source,
    "own-stream": _own_stream,
    "failure-destination": _failure_destination,
    "stream-retries": _retries,
    "tumbling-window": _tumbling_window,
    "stream-key": _stream_key,
}
