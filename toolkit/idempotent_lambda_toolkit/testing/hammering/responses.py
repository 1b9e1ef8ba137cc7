"""What Lambda reads in the response of a function."""

import inspect
import json
from decimal import Decimal
from typing import Any

from idempotent_lambda_toolkit.testing.events import Event


class UnsendableResponseError(Exception):
    """Lambda's runtime cannot send the response, so the invocation fails."""


def has_records(event: Event) -> bool:
    """Return whether the event comes in records."""
    return isinstance(event.get("Records"), list)


def list_records(event: Event) -> list[Any]:
    """Return the records of the event; none if it does not come in records."""
    return event["Records"] if has_records(event) else []


def count_records(event: Event) -> int:
    """Return how many records the source may deliver separately; 0 if it never does that."""
    return sum(_find_source(each) in _IDS for each in list_records(event))


_IDS = {
    "aws:sqs": ("messageId",),
    "aws:kinesis": ("kinesis", "sequenceNumber"),
    "aws:dynamodb": ("dynamodb", "SequenceNumber"),
}
"""The path of a record's id, by source."""


def _find_source(record: object) -> str:
    """Return the source of a record; empty if it has none."""
    found = record.get("eventSource") if isinstance(record, dict) else None
    return found if isinstance(found, str) else ""


def _find_id(record: object) -> object:
    """Return the id by which a response names a record; None if it has none."""
    for name in _IDS.get(_find_source(record), ()):
        record = record.get(name) if isinstance(record, dict) else None
    return record


def send_response(response: object) -> Any:
    """Return what Lambda receives: the response in JSON, as the Python runtime writes it.

    https://github.com/aws/aws-lambda-python-runtime-interface-client/blob/main/awslambdaric/lambda_runtime_marshaller.py

    Raises:
        UnsendableResponseError: JSON cannot hold the response.
    """
    try:
        if isinstance(response, bytes):  # the runtime sends them unchanged
            return json.loads(response)
        text = json.dumps(_simplify(response), ensure_ascii=False)
        return json.loads(text.encode())
    except Exception as error:
        if inspect.iscoroutine(response):
            response.close()
        problem = f"the response is {type(response).__name__}, which JSON cannot hold"
        raise UnsendableResponseError(f"{problem}: {error}") from error


def _simplify(value: Any) -> Any:
    """Write what only the runtime's JSON library knows with the types of the standard library."""
    if isinstance(value, bytes):
        return value.decode()
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, dict):
        pairs = value.items()
        return {
            (key.decode() if isinstance(key, bytes) else key): _simplify(item)
            for key, item in pairs
        }
    if isinstance(value, tuple) and hasattr(value, "_asdict"):
        return _simplify(value._asdict())
    return [*map(_simplify, value)] if isinstance(value, list | tuple) else value


def list_acknowledged(event: Event, response: Any) -> set[int]:
    """Return the positions that a response in JSON acknowledges, as Lambda reads it.

    Lambda takes every response without a list ``batchItemFailures`` for a success.
    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
    """
    records = event["Records"] if has_records(event) else [event]
    everything = {*range(len(records))}
    named = response.get("batchItemFailures") if isinstance(response, dict) else None
    source = _find_source(records[0]) if records else ""
    if not named or not isinstance(named, list) or source not in _IDS:
        return everything
    ids = [_find_id(each) for each in records]
    failed = [each.get("itemIdentifier") if isinstance(each, dict) else None for each in named]
    if any(not isinstance(each, str) or each not in ids for each in failed):
        return set()  # Lambda treats an unknown id as a failure of the batch
    if source == "aws:sqs":
        return {each for each in everything if ids[each] not in failed}
    return {*range(min(ids.index(each) for each in failed))}


def names_failures(event: Event, response: Any) -> bool:
    """Return whether a response in JSON says, in any shape, that something failed."""
    ids = [_find_id(each) for each in list_records(event)]
    if isinstance(response, str):
        return _text_names_failures(event, response, ids)
    if isinstance(response, dict):
        return any(
            _field_names_failures(name, value) or names_failures(event, value)
            for name, value in response.items()
        )
    return isinstance(response, list) and any(names_failures(event, each) for each in response)


def _text_names_failures(event: Event, text: str, ids: list[object]) -> bool:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return text in ids or any(word in text.lower() for word in _WORDS)
    return not isinstance(value, str) and names_failures(event, value)


_WORDS = ("fail", "error", "exception")
_FIRST_ERROR = 400


def _field_names_failures(name: str, value: Any) -> bool:
    """Return whether a field says that something failed, such as ``{"statusCode": 500}``."""
    plain = name.lower().replace("_", "")
    if plain in ("statuscode", "status") and isinstance(value, int):
        return value >= _FIRST_ERROR
    if plain in ("ok", "success"):
        return value is False
    return bool(value) and any(word in plain for word in (*_WORDS, "itemidentifier"))
