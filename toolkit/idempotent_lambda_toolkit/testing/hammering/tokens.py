"""Tokens that another consumer of the same message passes as well."""

import base64
import contextlib
import json
from collections.abc import Iterator

from idempotent_lambda_toolkit.testing.events import Event
from idempotent_lambda_toolkit.testing.hammering.invocation import NAMESPACE, DoneEffect
from idempotent_lambda_toolkit.testing.hammering.scenario import Scenario


def list_shared_tokens(event: Event, plain: Scenario, other: Scenario) -> Iterator[DoneEffect]:
    """List the side effects whose token is the same in the other scenario.

    Args:
        event: the event of both scenarios.
        plain: a delivery without faults.
        other: the same delivery to a consumer with another namespace.
    """
    known = {(done.identity.name, done.token) for done in other.done if done.token is not None}
    bare = {repr(text) for value in _list_values(event) for text in (value, str(value))}
    for done in plain.done:
        # A decorated function gets no message: the name in its token is a text of the user's.
        decorated = (done.identity.key or "").startswith(f"{NAMESPACE}##@")
        if (done.identity.name, done.token) in known and (not decorated or done.token in bare):
            yield done


def _list_values(value: object) -> Iterator[object]:
    """List the values in an event, also those in its JSON texts."""
    if isinstance(value, dict):
        for part in value.values():
            yield from _list_values(part)
    elif isinstance(value, list):
        for part in value:
            yield from _list_values(part)
    else:
        yield value
        if isinstance(value, str):
            yield from _list_values_in_text(value)


def _list_values_in_text(text: str) -> Iterator[object]:
    """List the values in a JSON text, also in base64, as Kinesis delivers it."""
    with contextlib.suppress(ValueError):
        text = base64.b64decode(text, validate=True).decode()
    try:
        decoded = json.loads(text)
    except ValueError:
        return
    if isinstance(decoded, dict | list):
        yield from _list_values(decoded)
