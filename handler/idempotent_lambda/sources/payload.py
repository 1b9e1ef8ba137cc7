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

_AGGREGATES = (b"\xf3\x89\x9a\xc2", "\xf3\x89\x9a\xc2", "84ma")
"""The beginnings of an aggregate of the Kinesis Producer Library: as bytes, as text in which each
byte became one character, and in Base64. See `recognition.describe_aggregate`."""


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
            return _keep(payload, "bytes that are not UTF-8")
    return _decode_text(payload) if isinstance(payload, str) else Payload(None, "missing")


def _decode_text(text: str) -> Payload:
    if not _DOCUMENT.match(text):
        return _keep(text, "a text" if text else "an empty text")
    try:
        body = _DECODER.decode(text.removeprefix(BYTE_ORDER_MARK))
    except json.JSONDecodeError as error:
        return _keep(text, _describe_syntax_error(error))
    except (ValueError, RecursionError):
        from idempotent_lambda.sources.unsafe_numbers import explain_refusal  # noqa: PLC0415

        try:
            return Payload(text, "a text", explain_refusal(text.removeprefix(BYTE_ORDER_MARK)))
        except json.JSONDecodeError as error:
            return _keep(text, _describe_syntax_error(error))
    return Payload(body, None, _find_confirmation(body))


def check_event(event: object) -> str | None:
    """Return why an event is refused that Lambda has decoded; None for nearly all of them.

    Lambda reads 1e400 as infinity.
    """
    from idempotent_lambda.sources.unsafe_numbers import find_unsafe_number  # noqa: PLC0415

    return find_unsafe_number(event) or _find_confirmation(event)


def _find_confirmation(body: object) -> str | None:
    """Return why a body is refused that SNS wrote to a new subscriber; None for all others."""
    if not isinstance(body, dict) or "SubscribeURL" not in body:
        return None
    from idempotent_lambda.sources.recognition import describe_confirmation  # noqa: PLC0415

    return describe_confirmation(body)


def _describe_syntax_error(error: json.JSONDecodeError) -> str:
    """Return what a body is that begins like a JSON object or array; never quote it."""
    return f"a text that is not JSON ({error.msg.removesuffix(' at')} at character {error.pos})"


def _keep(payload: str | bytes, problem: str) -> Payload:
    """Return a payload as it is, refused if it is an aggregate."""
    if payload[:4] not in _AGGREGATES:
        return Payload(payload, problem)
    from idempotent_lambda.sources.recognition import describe_aggregate  # noqa: PLC0415

    return Payload(payload, problem, describe_aggregate(payload))


def _refuse_constant(name: str) -> NoReturn:
    # Python reads NaN and Infinity, which are not JSON. NaN does not even equal itself.
    raise ValueError(name)


def _read_float(text: str) -> float:
    number = float(text)
    if isinf(number):
        raise ValueError(text)
    return number


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant, parse_float=_read_float)
