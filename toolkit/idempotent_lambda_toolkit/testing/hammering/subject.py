"""The code under test, and how it is called."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from idempotent_lambda.clock import Millis
from idempotent_lambda.settings import UNWRAP_CHOICES, Settings
from idempotent_lambda_toolkit.testing.hammering.invocation import NAMESPACE

_RETENTION_SECONDS = 22 * 24 * 3600
_PLURAL = 2


class HammerError(Exception):
    """`hammer` cannot judge: without any fault, the event fails or has no side effect."""


@dataclass(frozen=True, kw_only=True)
class Subject:
    """The code under test.

    Attributes:
        function: the processor or the handler.
        handler: whether it takes an event and a context.
        transactional: whether it takes a transaction.
        settings: the settings of the consumer.
        timeout: the timeout of the function.
    """

    function: Callable[..., Any]
    handler: bool
    transactional: bool
    settings: Settings
    timeout: Millis


def describe_subject(
    function: Callable[..., Any],
    key: str | None,
    timeout_seconds: int,
    namespace: str = NAMESPACE,
) -> Subject:
    """Describe the function as `hammer` runs it.

    Raises:
        HammerError: a key is given for a handler, which has its key in its decorator.
        InvalidSettingsError: the key is not a JMESPath expression.
    """
    parameters = inspect.signature(function).parameters
    named = [
        each
        for each in parameters.values()
        if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)
    ]
    handler = False
    if len(named) >= _PLURAL and named[1].name != "transaction":
        handler = named[1].default is inspect.Parameter.empty or named[1].name == "context"
    if handler and key is not None:
        raise HammerError("a handler has its key in its decorator: leave out key")
    environment = {
        "IDEMPOTENCY_TABLE": NAMESPACE,
        "IDEMPOTENCY_NAMESPACE": namespace,
        "IDEMPOTENCY_RETENTION_SECONDS": str(_RETENTION_SECONDS),
        "IDEMPOTENCY_UNWRAP": ",".join(UNWRAP_CHOICES),
    }
    if key is not None:
        environment["IDEMPOTENCY_KEY"] = key
    return Subject(
        function=function,
        handler=handler,
        transactional="transaction" in parameters,
        settings=Settings.from_environment(environment, require_processor=False),
        timeout=Millis(timeout_seconds * 1000),
    )
