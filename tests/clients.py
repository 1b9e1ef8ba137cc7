"""A client for tests that assert exact records, calls and times of an emulator."""

import os
from collections.abc import Mapping
from typing import Any
from unittest.mock import patch

from idempotent_lambda import clients

TIMEOUTS = ("CONNECT_TIMEOUT_MILLIS", "READ_TIMEOUT_MILLIS")
"""What they are called in the package."""

PATIENCE_MILLIS = 120_000
"""No machine pauses for so long, and the limit of a test is longer."""


def patient_client(environment: Mapping[str, str], patience: int = PATIENCE_MILLIS) -> Any:
    """The package's client, in an environment, with more patience: ``patience`` milliseconds.

    The deployed client gives up after a second. An emulator on a busy machine may need longer for
    an answer. The store then tries again: it makes one more call, and its pause moves the clock.
    """
    timeouts = patch.multiple(clients, **dict.fromkeys(TIMEOUTS, patience))
    with timeouts, patch.dict(os.environ, environment):
        for name in {"AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_CA_BUNDLE"} - environment.keys():
            os.environ.pop(name, None)
        return clients.new_client()
