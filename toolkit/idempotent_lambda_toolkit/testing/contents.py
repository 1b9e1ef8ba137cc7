"""Bodies and message attributes in the form in which a service carries them."""

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple

AttributeValue = str | bytes | int | float | Decimal
"""The value of a message attribute: text is a String, a number a Number, and bytes are Binary."""

Attributes = Mapping[str, AttributeValue]
"""Message attributes by name."""

MAX_SQS_ATTRIBUTES = 10
MAX_DIGITS = 38
MIN_EXPONENT = -128
MAX_EXPONENT = 126
"""The limits of attributes, and of the numbers in them.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html
"""

_REFUSED = {
    "SQS": re.compile(r"[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"),
}
"""The characters that a service refuses; each service refuses lone surrogates.

https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
"""

_SURROGATE = re.compile(r"[\ud800-\udfff]")

_ATTRIBUTE_NAME = re.compile(r"(?!(?i:aws|amazon)\.)(?!\.)(?!.*\.\.)[A-Za-z0-9_.-]{1,256}(?<!\.)")
"""https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html"""


class EncodedAttribute(NamedTuple):
    """A message attribute: its data type, and its text, which is base64 for bytes."""

    kind: str
    text: str


def encode_text(body: Any, service: str) -> str:
    """Return the text of a body: text as it is, and any other value as JSON.

    Raises:
        ValueError: the service cannot carry the body.
    """
    if is_bytes(body):
        raise ValueError(
            f"the body is bytes, and {service} carries text: send text, such as "
            "base64.b64encode(body).decode()"
        )
    text = encode_json_text(body)
    if not text:
        raise ValueError(f"the body is an empty text, which {service} refuses: send a character")
    return check_characters(text, "the body", service)


def encode_data(body: Any, service: str) -> str:
    """Return the base64 of a body: bytes and text as they are, and any other value as JSON.

    Raises:
        ValueError: the body is not JSON, or its text is not Unicode.
    """
    if is_bytes(body):
        return base64.b64encode(bytes(body)).decode()
    text = check_characters(encode_json_text(body), "the body", service)
    return base64.b64encode(text.encode()).decode()


def encode_json_text(body: Any) -> str:
    """Return text as it is, and any other value as JSON.

    Raises:
        ValueError: JSON cannot hold the body.
    """
    if isinstance(body, str):
        return str.__str__(body)
    try:
        return json.dumps(body)
    except (TypeError, ValueError, RecursionError) as error:
        raise _refuse_json("the body", error) from None


def copy_object(value: Any, name: str) -> dict[str, Any]:
    """Return a JSON object as Lambda decodes it.

    Raises:
        ValueError: the value is not an object, or JSON cannot hold it.
    """
    if not isinstance(value, Mapping):
        raise ValueError(  # noqa: TRY004  # every refusal of a builder is a ValueError
            f"{name} is of type {type(value).__name__}: it must be a JSON object. Put the value "
            'into a field, such as {"value": ...}'
        )
    try:
        copy: dict[str, Any] = json.loads(json.dumps(dict(value), allow_nan=False))
    except (TypeError, ValueError, RecursionError) as error:
        raise _refuse_json(name, error) from None
    return copy


def check_characters(text: str, place: str, service: str) -> str:
    """Return the text itself.

    Raises:
        ValueError: the text has a character that the service refuses.
    """
    found = _REFUSED.get(service, _SURROGATE).search(text)
    if found:
        raise ValueError(
            f"{place} has U+{ord(found[0]):04X} at character {found.start()}, which {service} "
            "refuses: remove it, or send the text as JSON or base64"
        )
    return text


def is_bytes(value: object) -> bool:
    """Whether a value is binary for boto3: bytes, bytearray or its class Binary."""
    kind = type(value)
    is_binary = (kind.__module__, kind.__name__) == ("boto3.dynamodb.types", "Binary")
    return isinstance(value, bytes | bytearray) or is_binary


def encode_attributes(attributes: Attributes | None, service: str) -> dict[str, EncodedAttribute]:
    """Return message attributes by name.

    Raises:
        ValueError: the service refuses an attribute.
    """
    return {
        name: _encode_attribute(name, value, service) for name, value in (attributes or {}).items()
    }


def write_sqs_attributes(attributes: Attributes | None) -> dict[str, Any]:
    """Return the two fields of a record: the attributes, and their digest if there are any.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_Message.html

    Raises:
        ValueError: SQS refuses an attribute, or there are more than ten.
    """
    encoded = encode_attributes(attributes, "SQS")
    if len(encoded) > MAX_SQS_ATTRIBUTES:
        raise ValueError(
            f"there are {len(encoded)} message attributes, and SQS takes {MAX_SQS_ATTRIBUTES}: "
            "put the others into the body"
        )
    written = {
        name: {
            "binaryValue" if kind == "Binary" else "stringValue": text,
            "stringListValues": [],
            "binaryListValues": [],
            "dataType": kind,
        }
        for name, (kind, text) in encoded.items()
    }
    digest = {"md5OfMessageAttributes": _digest_attributes(encoded)} if encoded else {}
    return {"messageAttributes": written, **digest}


def _digest_attributes(attributes: Mapping[str, EncodedAttribute]) -> str:
    """Return the MD5 of attributes as SQS calculates it.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-metadata.html#sqs-attributes-md5-message-digest-calculation
    """
    parts: list[bytes] = []
    for name, (kind, text) in sorted(attributes.items()):
        is_binary = kind == "Binary"
        value = base64.b64decode(text) if is_binary else text.encode()
        parts += (_add_length(name.encode()), _add_length(kind.encode()))
        parts += (b"\2" if is_binary else b"\1", _add_length(value))
    return hashlib.md5(b"".join(parts), usedforsecurity=False).hexdigest()


def _add_length(part: bytes) -> bytes:
    return len(part).to_bytes(4, "big") + part


def _encode_attribute(name: object, value: Any, service: str) -> EncodedAttribute:
    place = f"the message attribute {name!r}"
    if not isinstance(name, str) or not _ATTRIBUTE_NAME.fullmatch(name):
        raise ValueError(
            f"{place} has a name that {service} refuses: use 1 to 256 of A-Z a-z 0-9 _ - and "
            "single periods inside; not AWS. or Amazon. at the beginning"
        )
    if isinstance(value, str) and value:
        return EncodedAttribute("String", check_characters(str.__str__(value), place, service))
    if is_bytes(value) and bytes(value):
        return EncodedAttribute("Binary", base64.b64encode(bytes(value)).decode())
    if isinstance(value, int | float | Decimal) and not isinstance(value, bool):
        return EncodedAttribute("Number", _write_number(value, place, service))
    found = (
        "empty" if isinstance(value, str) or is_bytes(value) else "of type " + type(value).__name__
    )
    raise ValueError(
        f"{place} is {found}, which {service} refuses: send a text, a number or bytes, not empty"
    )


def _write_number(value: float | Decimal, place: str, service: str) -> str:
    number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    digits = "".join(map(str, number.as_tuple().digits)).strip("0")
    if (
        number.is_finite()
        and len(digits) <= MAX_DIGITS
        and MIN_EXPONENT <= number.adjusted() <= MAX_EXPONENT
    ):
        return str(value)
    raise ValueError(
        f"{place} is a number that {service} refuses: it has at most {MAX_DIGITS} digits, from "
        f"1E{MIN_EXPONENT} to 1E+{MAX_EXPONENT}. Send text"
    )


def _refuse_json(name: str, error: Exception) -> ValueError:
    problem = "it is nested too deeply" if isinstance(error, RecursionError) else error
    return ValueError(
        f"{name} cannot be sent as JSON ({problem}): write it as JSON has it, such as text for a "
        "date, a Decimal or bytes"
    )
