"""The table, clock and log of decorated functions."""

import functools
from dataclasses import dataclass, field

from idempotent_lambda.clients import new_client
from idempotent_lambda.clock import Clock, SystemClock
from idempotent_lambda.log import JsonLines
from idempotent_lambda.observer import Observer
from idempotent_lambda.protocol.claims import ClaimStore
from idempotent_lambda.settings import Settings
from idempotent_lambda.store.dynamodb import DynamoDBClaimStore


@dataclass(frozen=True)
class Wiring:
    """The resources of decorated functions; a test can pass another instance.

    Attributes:
        functions: places of the decorated functions, by the names in their keys.
    """

    settings: Settings
    store: ClaimStore
    clock: Clock
    observer: Observer
    functions: dict[str, str] = field(default_factory=dict, init=False, repr=False, compare=False)

    @classmethod
    @functools.cache
    def from_environment(cls) -> "Wiring":
        """Return the wiring of this process; the first call of a function makes it.

        Raises:
            InvalidSettingsError: variables are missing or wrong; the error names each.
        """
        settings, clock = Settings.from_environment(require_processor=False), SystemClock()
        observer = JsonLines.from_settings(clock, settings)
        store = DynamoDBClaimStore(new_client(), settings.table, clock, observer)
        return cls(settings, store, clock, observer)
