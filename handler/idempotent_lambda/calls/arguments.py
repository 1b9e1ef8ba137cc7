"""What the arguments of a decorated function say of a call: its key, its payload and its time."""

import hashlib
import json
from collections.abc import Callable
from inspect import BoundArguments
from typing import Any, NamedTuple

from idempotent_lambda.clock import REQUEST_MILLIS, RESERVE_MILLIS, Millis
from idempotent_lambda.errors import (
    ConfigurationError,
    MissingKeyError,
    UnsupportedKeyError,
    text_of,
)
from idempotent_lambda.keys import Key, KeyRule, build_function_namespace, compile_expression
from idempotent_lambda.settings import Settings

Selector = str | Callable[..., object]
"""JMESPath over the arguments by name, or a callable that gets the arguments."""


class FunctionRule(NamedTuple):
    """What all calls of a decorated function have in common; see `decorator.idempotent`."""

    name: str
    key: Selector
    payload: Selector | None
    stores_results: bool
    lease_seconds: float | None


class CallContext(NamedTuple):
    """The time of a call.

    Attributes:
        remaining: how much of it is left, in milliseconds.
        request_id: Lambda's id of the invocation; empty without a Lambda context.
    """

    remaining: Millis
    request_id: str


def misuse_error(name: str, problem: object) -> ConfigurationError:
    """Return the error of a function that is decorated, or called, in a wrong way."""
    return ConfigurationError(f"@idempotent of {name!r}: {problem}")


def find_context(rule: FunctionRule, bound: BoundArguments, settings: Settings) -> CallContext:
    """Return the time of a call: a Lambda context's, or the function's lease without one.

    Raises:
        ConfigurationError: there is neither, or no call could start in that lease.
    """
    arguments = (*bound.args, *bound.kwargs.values())
    contexts = [part for part in arguments if hasattr(part, "get_remaining_time_in_millis")]
    if contexts:
        remaining = Millis(contexts[0].get_remaining_time_in_millis())
        # A context that a test makes may lack it.
        return CallContext(remaining, getattr(contexts[0], "aws_request_id", ""))
    if rule.lease_seconds is None:
        problem = "no argument is a Lambda context: pass it on, or set lease_seconds"
        raise misuse_error(rule.name, problem)
    remaining = Millis(round(rule.lease_seconds * 1000))
    needed = max(settings.minimum_remaining, REQUEST_MILLIS) + RESERVE_MILLIS
    # A lease of exactly that would be too short once a millisecond has passed.
    if remaining <= needed and not settings.observe_only:
        problem = f"lease_seconds is {rule.lease_seconds}, and a call needs more than "
        problem += f"{needed} ms to start: raise lease_seconds"
        if settings.minimum_remaining > REQUEST_MILLIS:
            problem += ", or lower IDEMPOTENCY_MINIMUM_REMAINING_MILLIS"
        raise misuse_error(rule.name, problem)
    return CallContext(remaining, "")


def find_call_key(rule: FunctionRule, bound: BoundArguments, namespace: str) -> Key:
    """Return the key of a call.

    Args:
        rule: the function's.
        bound: the arguments.
        namespace: the consumer's.

    Raises:
        MissingKeyError, UnsupportedKeyError: there is none; see `KeyRule.for_value`.
    """
    value = _select("key", rule.key, bound)
    return KeyRule(build_function_namespace(namespace, rule.name), describe(rule.key)).for_value(
        value
    )


def hash_payload(rule: FunctionRule, bound: BoundArguments) -> str | None:
    """Return the hash of a call's payload, with its version; None without a payload check.

    Raises:
        MissingKeyError, UnsupportedKeyError: nothing is found, or what is not JSON.
    """
    if rule.payload is None:
        return None
    payload = _select("payload", rule.payload, bound)
    if payload is None:
        raise UnsupportedKeyError("the payload selector finds nothing: correct it")
    try:
        text = json.dumps(payload, sort_keys=True, separators=(",", ":"))
    except Exception as error:  # noqa: BLE001  # it may raise whatever it is asked
        text = f"the payload is no JSON: {text_of(error)}"
        raise UnsupportedKeyError(text) from None
    return f"v1:{hashlib.sha256(text.encode()).hexdigest()}"


def describe(selector: Selector) -> str:
    """Return a selector as people read it."""
    return selector if isinstance(selector, str) else "(a function)"


def _select(argument: str, selector: Selector, bound: BoundArguments) -> object:
    """Return what a selector finds in the arguments.

    Raises:
        MissingKeyError: it raises, as JMESPath does when a function gets what it does not take.
    """
    try:
        if not callable(selector):
            return compile_expression(selector).search(bound.arguments)
        found: Any = selector(*bound.args, **bound.kwargs)
        # Its type is asked: a value may raise whatever it is asked itself.
        return [*found] if issubclass(type(found), tuple | list) else found
    except Exception as error:
        raise MissingKeyError(describe(selector), type(error).__name__, argument) from error
