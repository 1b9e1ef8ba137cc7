"""Make an AWS Lambda consumer idempotent: claim each message before it is processed.

The names below are the public API, with the errors of `idempotent_lambda.errors`.
"""

from idempotent_lambda.errors import IdempotencyError
from idempotent_lambda.messages import Message, Source

__version__ = "0.1.0"

__all__ = ["IdempotencyError", "Message", "Source", "__version__"]
