"""The result that an operator gives for a decorated call."""

import json

from idempotent_lambda.calls.results import encode_result
from idempotent_lambda_toolkit.cli.exit_codes import UsageError

MAX_QUOTED_CHARACTERS = 100


def encode_given(text: str) -> str:
    """Return a result as the package stores it, given as JSON.

    Raises:
        UsageError: the text is not JSON, or the package could not store the result.
    """
    try:
        value = json.loads(text)
    except (ValueError, RecursionError) as error:
        remedy = "write JSON in single quotes, such as '{\"charge_id\": 1}' or '\"a text\"'"
        start = text if len(text) <= MAX_QUOTED_CHARACTERS else text[:MAX_QUOTED_CHARACTERS] + "…"
        raise UsageError(f"--result {start!r} is not JSON ({error}): {remedy}") from None
    try:
        return encode_result(value)[0]
    except ValueError as error:
        raise UsageError(f"--result cannot be stored: {error}") from None
