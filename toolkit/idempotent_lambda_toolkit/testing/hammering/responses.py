"""What Lambda reads in the response of a function."""

from idempotent_lambda_toolkit.testing.events import Event


def has_records(event: Event) -> bool:
    """Return whether the event comes in records."""
    return isinstance(event.get("Records"), list)


def count_records(event: Event) -> int:
    """Return how many records the source may deliver separately; 0 if it never does that."""
    records = event["Records"] if has_records(event) else []
    return sum(each.get("eventSource") in _IDS for each in records)


_IDS = {
    "aws:sqs": lambda record: record.get("messageId"),
    "aws:kinesis": lambda record: record.get("kinesis", {}).get("sequenceNumber"),
    "aws:dynamodb": lambda record: record.get("dynamodb", {}).get("SequenceNumber"),
}


def list_acknowledged(event: Event, response: object) -> set[int]:
    """Return the positions that a response acknowledges, as Lambda reads it.

    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
    """
    records = event["Records"] if has_records(event) else [event]
    everything = {*range(len(records))}
    named = response.get("batchItemFailures") if isinstance(response, dict) else None
    identify = _IDS.get(records[0].get("eventSource", "")) if records else None
    if not named or identify is None:
        return everything
    ids = [identify(each) for each in records]
    failed = [each.get("itemIdentifier") for each in named]
    if any(each not in ids for each in failed):
        return set()  # Lambda treats an unknown id as a failure of the batch
    if records[0]["eventSource"] == "aws:sqs":
        return {each for each in everything if ids[each] not in failed}
    return {*range(min(ids.index(each) for each in failed))}
