"""Make an AWS Lambda consumer idempotent: claim each message before it is processed.

The names below are the public API, with the errors of `idempotent_lambda.errors`.
"""

from typing import TYPE_CHECKING, Any

from idempotent_lambda.errors import (
    AlreadyInProgressError,
    IdempotencyError,
    PermanentFailure,
    ResultUnavailableError,
)
from idempotent_lambda.sources.message import Message
from idempotent_lambda.sources.source import Source

if TYPE_CHECKING:
    from idempotent_lambda.decorator import idempotent
    from idempotent_lambda.store.transaction import Transaction

__version__ = "0.1.0"

__all__ = [
    "AlreadyInProgressError",
    "IdempotencyError",
    "Message",
    "PermanentFailure",
    "ResultUnavailableError",
    "Source",
    "Transaction",
    "__version__",
    "idempotent",
]

_LAZY = {"idempotent": "decorator", "Transaction": "store.transaction"}


def __getattr__(name: str) -> Any:
    # Most functions do not use these names, so importing them must not slow down a cold start.
    if name not in _LAZY:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415

    return getattr(import_module(f"{__name__}.{_LAZY[name]}"), name)
