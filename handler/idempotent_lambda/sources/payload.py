"""From the payload that a producer sent to the body that a processor gets: one rule for all."""

import json
import re
from math import isinf
from typing import NamedTuple, NoReturn

BYTE_ORDER_MARK = "\ufeff"
"""Some producers write it before their JSON. A text that is not decoded keeps it."""

_DOCUMENT = re.compile(BYTE_ORDER_MARK + r"?[ \t\n\r]*[\[{]")
"""The beginning of a JSON object or array; these are the four blanks that JSON knows:
https://www.rfc-editor.org/rfc/rfc8259#section-2"""

_AGGREGATE_MAGIC = b"\xf3\x89\x9a\xc2"
"""The beginning of an aggregate, which is never UTF-8:
https://github.com/awslabs/amazon-kinesis-producer/blob/master/aggregation-format.md"""

_AGGREGATE = (
    "the body is a KPL aggregate, magic F3 89 9A C2: many records of the Kinesis Producer Library "
    "in one. Turn aggregation off in the producer, or deaggregate before the stream"
)


class Payload(NamedTuple):
    """What a producer sent.

    Attributes:
        body: see `Delivery.body`.
        problem: see `Delivery.body_problem`.
        unreadable: see `Delivery.unreadable`.
    """

    body: object
    problem: str | None = None
    unreadable: str | None = None


def decode_payload(payload: object) -> Payload:
    """Return the body in a text or in bytes.

    The rule is the same for every source: only a JSON object or array is decoded, with or without
    a byte-order mark. Any other text stays as it is, because ``1.10`` may be a version, ``12e4`` a
    part number and ``null`` a name. Bytes that are not UTF-8 stay bytes.

    A document that is JSON but for a number that Python cannot hold is refused. So are messages
    that no producer of data has sent, see `recognition`.
    """
    if isinstance(payload, bytes):
        try:
            return _decode_text(payload.decode())
        except UnicodeDecodeError:
            unreadable = _AGGREGATE if payload.startswith(_AGGREGATE_MAGIC) else None
            return Payload(payload, "bytes that are not UTF-8", unreadable)
    return _decode_text(payload) if isinstance(payload, str) else Payload(None, "missing")


def _decode_text(text: str) -> Payload:
    if not _DOCUMENT.match(text):
        return Payload(text, "a text" if text else "an empty text")
    document = text.removeprefix(BYTE_ORDER_MARK)
    try:
        return _decode_document(document, text)
    except json.JSONDecodeError as error:
        problem = f"{error.msg.removesuffix(' at')} at character {error.pos}"
        return Payload(text, f"a text that is not JSON ({problem})")


def _decode_document(document: str, text: str) -> Payload:
    """Return the body in a JSON object or array.

    Args:
        document: text without a byte-order mark.
        text: text as it was sent.

    Raises:
        JSONDecodeError: it is not JSON.
    """
    try:
        body = _DECODER.decode(document)
    except json.JSONDecodeError:
        raise
    except (ValueError, RecursionError):
        from idempotent_lambda.sources.unsafe_numbers import explain_unreadable  # noqa: PLC0415

        return Payload(text, "a text", explain_unreadable(document))
    return Payload(body, None, find_confirmation(body))


def check_event(event: object) -> str | None:
    """Return the reason to refuse an event that Lambda has decoded; None for nearly all events.

    Lambda reads 1e400 as infinity.
    """
    from idempotent_lambda.sources.unsafe_numbers import find_unsafe_number  # noqa: PLC0415

    return find_unsafe_number(event) or find_confirmation(event)


def find_confirmation(body: object) -> str | None:
    """Return the reason to refuse an SNS confirmation; None for any other body."""
    if not isinstance(body, dict) or "SubscribeURL" not in body:
        return None
    from idempotent_lambda.sources.recognition import describe_confirmation  # noqa: PLC0415

    return describe_confirmation(body)


def _refuse_constant(name: str) -> NoReturn:
    # Python reads NaN and Infinity, which are not JSON. NaN does not even equal itself.
    raise ValueError(name)


def _read_float(text: str) -> float:
    number = float(text)
    if isinf(number):
        raise ValueError(text)
    return number


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_read_float)
