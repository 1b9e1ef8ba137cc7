"""The stored result of a call: the JSON that every caller gets."""

import json
from contextlib import suppress
from typing import NamedTuple

from idempotent_lambda.calls.result_parts import (
    ENCODER,
    MAX_RESULT_BYTES,
    ResultCopier,
    has_only_json_types,
    is_unicode,
)
from idempotent_lambda.errors import text_of


class EncodedResult(NamedTuple):
    """A result that can be stored.

    Attributes:
        text: JSON of the result.
        value: value that the first caller gets: the returned object if it has JSON's own types, and
            otherwise the value that the JSON decodes to.
    """

    text: str
    value: object


def encode_result(value: object, *, of_handler: bool = False) -> EncodedResult:
    """Return a result as JSON, with the value that every caller gets.

    The value of an inner function must be equal to the value that its JSON decodes to. The value of
    a handler is written by the rules of Lambda's runtime client, because JSON is all that its
    caller ever sees: tuples are arrays, and objects with ``_asdict``, such as named tuples, are
    objects; a Decimal is a number, bytes within the value are UTF-8 text, and keys that are
    numbers, bools or None become text:
    https://github.com/aws/aws-lambda-python-runtime-interface-client/blob/main/awslambdaric/lambda_runtime_marshaller.py

    A value of JSON's own types keeps them: 1, 1.0 and True are three values.

    Args:
        value: result of the call. Its own code may run, and is not trusted.
        of_handler: whether Lambda sends the result to the caller.

    Raises:
        ValueError: the result cannot be stored. The text names the place in the result, the rule
            and the remedy.
    """
    # The copy below names the place of any problem.
    with suppress(Exception):
        if has_only_json_types(value):
            # JSON keeps its own types, the sign of zero and the order of keys. But two halves of a
            # surrogate pair become one character, and two keys that differ in that become one.
            text = ENCODER.encode(value)
            is_sent = not of_handler or "\\ud" not in text or is_unicode(value)
            if is_sent and len(text) <= MAX_RESULT_BYTES and json.loads(text) == value:
                return EncodedResult(text, value)
    copier = ResultCopier(of_handler=of_handler)
    try:
        text = copier.encode(value)
        decoded: object = json.loads(text)
        if not (of_handler or decoded == value):
            problem = "it would come back unequal; return plain lists, dicts and text"
            raise ValueError(problem)  # noqa: TRY301  # its place is added below, as of any other
    except RecursionError:
        problem = "it has too many levels; return a flatter value"
        raise ValueError(f"{copier.show_place()}: {problem}") from None
    except Exception as error:
        problem = text_of(error) or type(error).__name__
        raise ValueError(f"{copier.show_place()}: {problem}") from error
    return EncodedResult(text, decoded)


def decode_result(text: str | None) -> object:
    """Return the result that a record holds.

    Raises:
        TypeError, ValueError, RecursionError: the record has no result, or the result is not JSON.
    """
    if text is None:
        raise TypeError("no result is stored")
    value: object = json.loads(text)
    return value
