"""Known forms of bodies and events, which get an error that names them.

Every function is pure. A form is recognized by the shape that its sender documents, because a
producer's own object may look similar. This module is imported only when something looks like one
of the forms, or has no key.
"""

import json
import re
from collections.abc import Mapping

from idempotent_lambda.errors import UnsupportedEventError

_TOPIC_ARN = re.compile(r"arn:[\w.:-]{1,300}", re.ASCII)


def describe_confirmation(body: Mapping[str, object]) -> str | None:
    """Return the reason to refuse an SNS confirmation; None for any other body.

    https://docs.aws.amazon.com/sns/latest/api/API_Subscribe.html
    https://docs.aws.amazon.com/sns/latest/dg/http-subscription-confirmation-json.html
    https://docs.aws.amazon.com/sns/latest/dg/http-unsubscribe-confirmation-json.html
    """
    match body:
        case {
            "Type": "SubscriptionConfirmation" | "UnsubscribeConfirmation" as kind,
            "TopicArn": str(topic),
            "Token": str(),
        } if _TOPIC_ARN.fullmatch(topic):
            is_new = kind == "SubscriptionConfirmation"
            action = "confirm, open it within two days" if is_new else "subscribe again, open it"
            # Quote neither the token nor the URL: whoever has one of them can confirm.
            return (
                f"the body is SNS's {kind} for topic {topic}, whose SubscribeURL exists nowhere "
                f"else: to {action}, or run aws sns confirm-subscription"
            )
        case _:
            return None


def describe_body(body: object, problem: str | None) -> str:
    """Return what a body is, for the error about its key; never quote it.

    Args:
        body: see `Delivery.body`.
        problem: see `Delivery.body_problem`.
    """
    match body:
        case {"detail-type": str(), "detail": dict()}:
            return "an EventBridge event, whose data is body.detail"
        case dict():
            return "an object"
        # https://github.com/awslabs/amazon-sqs-java-extended-client-lib
        case [str(name), {"s3BucketName": _, "s3Key": _}] if name.endswith("S3Pointer"):
            return (
                "an array: an S3 pointer of the SQS extended client; take the key from an "
                "attribute, and let the processor get the object"
            )
        case list():
            return "an array"
        case str() if problem == "a text":
            twice = ": JSON that was encoded twice (encode it once)" if _holds_json(body) else ""
            return f"a text{twice}, not a JSON object or array"
        case _:
            return str(problem)


def _holds_json(text: str) -> bool:
    """Whether a text is a JSON string that holds an object or array, however often encoded."""
    inner: object = text
    try:
        while isinstance(inner, str):
            inner = json.loads(inner.removeprefix("\ufeff"))
    except (ValueError, RecursionError):
        return False
    return isinstance(inner, dict | list)


def refuse_form(event: Mapping[str, object]) -> UnsupportedEventError | None:
    """Return the error for an event that no response can answer; None for all others.

    https://docs.aws.amazon.com/lambda/latest/dg/services-kinesis-windows.html
    https://docs.aws.amazon.com/lambda/latest/dg/durable-functions.html
    """
    match event:
        case {"window": {"start": _, "end": _}, "state": _} if (
            "Records" in event or "isFinalInvokeForWindow" in event
        ):
            return UnsupportedEventError(
                "the event is part of a tumbling window, whose state each response must return, "
                "but completed messages do not run again. Remove tumbling_window_in_seconds from "
                "the event source mapping"
            )
        case {"DurableExecutionArn": str(), "CheckpointToken": str()}:
            return UnsupportedEventError(
                "the event is the input of a durable execution, whose replay would meet the claim "
                "of its first run. Let a processor start executions with DurableExecutionName = "
                "message.idempotency_token: see docs/guides/durable-functions.md"
            )
        case _:
            return None
