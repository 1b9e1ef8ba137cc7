"""Known forms of bodies and events, which get an error that names them.

Every function is pure. A form is recognized by the exact shape that its sender documents, because
a producer's own object may look similar. This module is imported only when something looks like
one of the forms, or has no key.
"""

import base64
import json
import re
from collections.abc import Mapping

from idempotent_lambda.errors import UnsupportedEventError

_TOPIC_ARN = re.compile(r"arn:[a-z-]{1,20}:sns:[a-z0-9-]{1,40}:\d{12}:[A-Za-z0-9_.-]{1,256}")
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{8,}={0,2}")

_KPL_MAGIC = b"\xf3\x89\x9a\xc2"
_KPL_FIELDS = b"\x0a\x12\x1a"
"""The beginning of an aggregate, and of the first field of its protocol buffer:
https://github.com/awslabs/amazon-kinesis-producer/blob/master/aggregation-format.md"""

_MIN_AGGREGATE_BYTES = 21
"""The magic, one byte and the MD5 sum."""

_GZIP_MAGIC = b"\x1f\x8b"
_UTF_16_MARKS = (b"\xff\xfe", b"\xfe\xff")


# Bodies that are refused


def describe_confirmation(body: Mapping[str, object]) -> str | None:
    """Return why a message is refused by which SNS asks to confirm; None if it is not one.

    https://docs.aws.amazon.com/sns/latest/dg/http-subscription-confirmation-json.html
    https://docs.aws.amazon.com/sns/latest/dg/http-unsubscribe-confirmation-json.html
    """
    match body:
        case {
            "Type": "SubscriptionConfirmation" | "UnsubscribeConfirmation" as kind,
            "MessageId": str(),
            "TopicArn": str(topic),
            "Token": str(),
            "Message": str(),
            "SubscribeURL": str(),
        } if _TOPIC_ARN.fullmatch(topic):
            pass
        case _:
            return None
    is_new = kind == "SubscriptionConfirmation"
    # Quote neither the token nor the URL: whoever has one of them can confirm.
    return (
        f"the body is SNS's {kind} for topic {topic}, kept for the dead-letter queue because its "
        f"URL exists nowhere else: to {'confirm' if is_new else 'subscribe again'}, open its "
        f"SubscribeURL, or run `aws sns confirm-subscription --topic-arn {topic} --token` with its "
        "Token, within two days. "
    ) + (
        "If the owner of the queue subscribes it, SNS asks for no confirmation"
        if is_new
        else "Otherwise delete it"
    )


def describe_aggregate(payload: str | bytes) -> str | None:
    """Return why an aggregate of the Kinesis Producer Library is refused; None if it is not one.

    The MD5 sum at its end is not compared: an aggregate that was damaged or written again on its
    way must not pass for one message.
    """
    if isinstance(payload, bytes):
        found, form = payload, ""
    elif payload.startswith(_KPL_MAGIC.decode("latin-1")):
        found, form = _KPL_MAGIC, " in which each byte became one character"
    else:
        found, form = _decode_base64(payload) or b"", " in Base64"
        if len(found) < _MIN_AGGREGATE_BYTES or found[4] not in _KPL_FIELDS:
            return None
    if not found.startswith(_KPL_MAGIC):
        return None
    return (
        f"the body is a KPL aggregate, magic F3 89 9A C2{form}: many records of the Kinesis "
        "Producer Library in one, each with its own key. Turn aggregation off in the producer "
        "(AggregationEnabled=false), or deaggregate before the stream"
    )


# Bodies without a key


def describe_body(body: object, problem: str | None) -> str:
    """Return what a body is, for the error about its key; never quote it.

    Args:
        body: see `Delivery.body`.
        problem: see `Delivery.body_problem`.
    """
    found = str(problem)
    match body:
        case {"specversion": str(), "id": str(), "source": str(), "type": str()}:
            found = "an object: an event of CloudEvents, so its data is body.data"
        case dict():
            found = "an object"
        # https://github.com/awslabs/amazon-sqs-java-extended-client-lib
        case [str(name), {"s3BucketName": str(), "s3Key": str()}] if name.endswith("S3Pointer"):
            found = (
                "an array: an S3 pointer of the SQS extended client, and the object in S3 has the "
                "fields; take the key from an attribute, and let the processor get the object"
            )
        case list():
            found = "an array"
        case bytes():
            found += _describe_bytes(body)
        case str() if problem == "a text":
            found += f"{_describe_text(body)}, not a JSON object or array"
    return found


def _describe_bytes(data: bytes) -> str:
    if data.startswith(_GZIP_MAGIC):
        return ": gzip, as CloudWatch Logs sends it"
    return ": UTF-16" if data.startswith(_UTF_16_MARKS) else ""


def _describe_text(text: str) -> str:
    if _holds_document(text):
        return ": JSON that was encoded twice (encode it once)"
    data = _decode_base64(text) or b""
    if data.startswith(_GZIP_MAGIC):
        return ": gzip in Base64"
    is_document = data.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[")
    return ": JSON in Base64" if is_document and _is_document(_decode_utf8(data)) else ""


def _holds_document(text: str) -> bool:
    """Whether a text is a JSON string that holds an object or array, however often encoded."""
    inner: object = text
    while isinstance(inner, str) and inner.lstrip("\ufeff \t\r\n")[:1] == '"':
        inner = _parse(inner)
    return inner is not text and isinstance(inner, str) and _is_document(inner)


def _is_document(text: str) -> bool:
    return isinstance(_parse(text), dict | list)


def _parse(text: str) -> object:
    try:
        return json.loads(text.removeprefix("\ufeff"))
    except (ValueError, RecursionError):
        return None


def _decode_utf8(data: bytes) -> str:
    return data.decode(errors="replace")


def _decode_base64(text: str) -> bytes | None:
    """Return the bytes in a Base64 text of either alphabet; None if it is not one."""
    if not _BASE64.fullmatch(text):
        return None
    try:
        return base64.b64decode(text.rstrip("=") + "=" * (-len(text.rstrip("=")) % 4), b"-_")
    except ValueError:
        return None


# Events that are refused


def refuse_form(event: Mapping[str, object]) -> UnsupportedEventError | None:
    """Return the error for an event that no response can answer; None for all others.

    https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-windows.html
    https://docs.aws.amazon.com/lambda/latest/dg/durable-functions.html
    """
    match event:
        case {"window": {"start": _, "end": _}, "state": _, "Records": _} | {
            "window": {"start": _, "end": _},
            "isFinalInvokeForWindow": bool(),
        }:
            return UnsupportedEventError(
                "the event is part of a tumbling window, whose state each response must return: "
                "the messages of a completed batch do not run again, so a retry would lose what "
                "they added. Remove tumbling_window_in_seconds from the event source mapping, and "
                "keep such sums in a table"
            )
        case {"DurableExecutionArn": str(), "CheckpointToken": str()}:
            return UnsupportedEventError(
                "the event is the input of a durable execution (DurableExecutionArn and "
                "CheckpointToken): Lambda replays a durable function from its beginning, and a "
                "replay would meet the claim of its first run. Deploy the durable function "
                "separately, and let the processor of this consumer start executions with "
                "DurableExecutionName = message.idempotency_token"
            )
        case _:
            return None
