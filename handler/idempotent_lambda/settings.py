"""The only reader of the environment. All that is wrong with it is said in one error."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from idempotent_lambda.clock import Millis, Seconds
from idempotent_lambda.errors import InvalidSettingsError
from idempotent_lambda.keys import KeyRule, checked_namespace, compiled
from idempotent_lambda.lifecycle import Claim
from idempotent_lambda.sources.registry import SERVICES

T = TypeVar("T")

REMEDY = "the Terraform module sets it; without the module, set it on the function"

LOG_KEYS = ("plain", "hashed")
METRICS = ("off", "on")
MODES = ("enforce", "observe")
ON_INTERRUPTED = ("retry", "park")
UNWRAP = SERVICES


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a consumer is told by its environment.

    Attributes:
        table: name of the DynamoDB table.
        processor: ``module.function`` of the user's code; empty for a handler of the user's own.
        key_rule: namespace and key expression, compiled.
        retention: how long a completed record suppresses duplicates, in seconds.
        lease_margin: added to the deadline: at least the difference between two workers' clocks,
            whichever is wrong, plus the delay of Lambda's kill.
        minimum_remaining: no processor starts with less time left.
        max_receive_count: how often the queue delivers a message before it dead-letters it.
        concurrency: how many messages of a batch run at the same time.
        hash_keys: whether log lines and errors show keys hashed.
        metrics_of: name of the function that metrics are written about; None for no metrics.
        parks: whether interrupted work is set aside for a person, or done again.
        observes: whether duplicates are only told, and run all the same.
        dead_letter_queue_url: where copies of what is parked are sent.
        unwrap: services of `UNWRAP` that may have wrapped a message of the queue. The default key
            of an unwrapped message is in its body, and so its sender chooses it.
    """

    table: str
    processor: str
    key_rule: KeyRule
    retention: Seconds
    lease_margin: Millis
    minimum_remaining: Millis
    max_receive_count: int = 3
    concurrency: int = 1
    hash_keys: bool = False
    metrics_of: str | None = None
    parks: bool = False
    observes: bool = False
    dead_letter_queue_url: str | None = None
    unwrap: frozenset[str] = frozenset()

    def claim(self, *, waits: bool) -> Claim:
        """How claims are made; ``waits`` for a source that does not deliver again by itself."""
        return Claim(parks=self.parks, waits=waits, observes=self.observes)

    @classmethod
    def from_environment(
        cls, environment: Mapping[str, str] = os.environ, *, built_in: bool = True
    ) -> "Settings":
        """The settings of this function.

        Args:
            environment: the variables.
            built_in: whether the built-in entry point asks, which needs a processor.

        Raises:
            InvalidSettingsError: names every variable that is missing or wrong.
        """
        reader = _Reader(environment)
        key_rule = reader.key_rule()
        settings = cls(
            table=reader.text("IDEMPOTENCY_TABLE"),
            processor=reader.text("IDEMPOTENCY_PROCESSOR") if built_in else "",
            key_rule=key_rule,
            retention=Seconds(reader.number("IDEMPOTENCY_RETENTION_SECONDS", minimum=60)),
            lease_margin=Millis(reader.number("IDEMPOTENCY_LEASE_MARGIN_MILLIS", default=5000)),
            minimum_remaining=Millis(
                reader.number("IDEMPOTENCY_MINIMUM_REMAINING_MILLIS", default=1000)
            ),
            max_receive_count=reader.number("IDEMPOTENCY_MAX_RECEIVE_COUNT", default=3),
            concurrency=reader.number("IDEMPOTENCY_CONCURRENCY", default=1),
            hash_keys=reader.choice("IDEMPOTENCY_LOG_KEYS", LOG_KEYS) == "hashed",
            metrics_of=(
                environment.get("AWS_LAMBDA_FUNCTION_NAME") or "unnamed"
                if reader.choice("IDEMPOTENCY_METRICS", METRICS) == "on"
                else None
            ),
            parks=reader.choice("IDEMPOTENCY_ON_INTERRUPTED", ON_INTERRUPTED) == "park",
            observes=reader.choice("IDEMPOTENCY_MODE", MODES) == "observe",
            dead_letter_queue_url=environment.get("IDEMPOTENCY_DEAD_LETTER_QUEUE_URL"),
            unwrap=reader.names("IDEMPOTENCY_UNWRAP", UNWRAP),
        )
        if built_in and settings.parks and not settings.dead_letter_queue_url:
            text = "IDEMPOTENCY_DEAD_LETTER_QUEUE_URL is not set, and what is parked is sent there"
            reader.problems.append(f"{text}: {REMEDY}")
        if reader.problems:
            raise InvalidSettingsError(tuple(reader.problems))
        return settings


class _Reader:
    """Reads one variable at a time and gathers what is wrong."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self.problems: list[str] = []

    def text(self, name: str, default: str = "") -> str:
        value = self._environment.get(name) or default
        if not value:
            self.problems.append(f"{name} is not set: {REMEDY}")
        return value

    def number(self, name: str, *, minimum: int = 1, default: int | None = None) -> int:
        value = self._environment.get(name) or ("" if default is None else str(default))
        if not value:
            self.problems.append(f"{name} is not set: {REMEDY}")
        elif not (value.isascii() and value.isdecimal() and int(value) >= minimum):
            self.problems.append(f"{name} is {value!r}: set a whole number of at least {minimum}")
        else:
            return int(value)
        return minimum

    def choice(self, name: str, choices: tuple[str, ...]) -> str:
        value = self._environment.get(name) or choices[0]
        if value not in choices:
            self.problems.append(f"{name} is {value!r}: set one of {', '.join(choices)}")
        return value

    def names(self, name: str, choices: tuple[str, ...]) -> frozenset[str]:
        parts = (part.strip() for part in self._environment.get(name, "").split(","))
        values = [part for part in dict.fromkeys(parts) if part]
        if wrong := ", ".join(repr(value) for value in values if value not in choices):
            rule = f"set names from {', '.join(choices)}, separated by commas"
            self.problems.append(f"{name} has {wrong}: {rule}")
        return frozenset(values)

    def key_rule(self) -> KeyRule:
        namespace = self.text("IDEMPOTENCY_NAMESPACE")
        expression = self._environment.get("IDEMPOTENCY_KEY") or None
        return KeyRule(
            self.checked("IDEMPOTENCY_NAMESPACE", namespace, checked_namespace, "invalid"),
            expression,
            expression and self.checked("IDEMPOTENCY_KEY", expression, compiled, "messageId"),
        )

    def checked(self, name: str, value: str, check: Callable[[str], T], valid: str) -> T:
        try:
            return check(value)
        except ValueError as error:
            if value:  # otherwise it is told as not set
                self.problems.append(f"{name}: {error}")
            return check(valid)
