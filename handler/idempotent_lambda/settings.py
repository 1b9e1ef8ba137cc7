"""The settings of a function. This module is the only reader of the environment.

It also defines each default; a test compares them with the defaults of the Terraform module.
"""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

from idempotent_lambda.clock import Millis, Seconds
from idempotent_lambda.errors import InvalidSettingsError
from idempotent_lambda.keys import KeyRule, check_namespace, compile_expression
from idempotent_lambda.protocol.steps import Claim
from idempotent_lambda.sources.registry import SERVICES

ValueT = TypeVar("ValueT")

REMEDY = "the Terraform module sets it; without the module, set it on the function"

LOG_KEYS_CHOICES = ("plain", "hashed")
MANAGED_INSTANCES_CHOICES = ("refuse", "accept_overlapping_runs")
METRICS_CHOICES = ("off", "on", "by_decorated_name")
MODE_CHOICES = ("enforce", "observe")
ON_INTERRUPTED_CHOICES = ("retry", "park")
# If a choice is not set, the first one is the default.

LOG_RULE: Final = "all|problems|sampled:([2-9]|[1-9][0-9]{1,5}|1000000)"
"""The values of ``IDEMPOTENCY_LOG``, as a regular expression."""

UNWRAP_CHOICES = SERVICES

DEFAULT_LEASE_MARGIN_MILLIS: Final = Millis(5000)
DEFAULT_MINIMUM_REMAINING_MILLIS: Final = Millis(1000)
DEFAULT_CONCURRENCY: Final = 1
DEFAULT_MAX_RECEIVE_COUNT: Final = 3
"""The lowest count that the Terraform module accepts: a message is near it from receive 2 on."""

MIN_RETENTION_SECONDS: Final = Seconds(60)

UNNAMED_FUNCTION = "unnamed"
"""The function name in metrics outside Lambda."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The settings of a function, from its environment.

    Attributes:
        table: name of the DynamoDB table.
        processor: ``module.function`` of the user's code; empty for a handler of the user.
        key_rule: namespace and compiled key expression.
        retention: time for which a completed record suppresses duplicates, in seconds.
        lease_margin: time added to the deadline: at least the difference between two workers'
            clocks, in either direction, plus the delay of Lambda's kill.
        minimum_remaining: least remaining time with which a processor may start.
        max_receive_count: number of deliveries after which the queue dead-letters a message.
        concurrency: number of messages of a batch that run at the same time.
        hash_keys: whether log lines and errors show keys hashed.
        log_one_of: of so many keys, one has lines without a problem: 1 for all of them, 0 for none.
        metrics_function_name: name of the function in metrics; None for no metrics.
        metrics_by_name: whether the metrics of calls are also apart by the decorator's name.
        metrics_level: level of the lines with metrics, which Lambda does not drop.
        park_interrupted: whether interrupted work is parked for an operator, or runs again.
        observe_only: whether duplicates are only logged, and still run.
        dead_letter_queue_url: URL of the queue for copies of parked messages.
        unwrap: services of `UNWRAP_CHOICES` that may have wrapped a message of the queue. The
            default key of an unwrapped message is in its body, so its sender chooses the key.
    """

    table: str
    processor: str
    key_rule: KeyRule
    retention: Seconds
    lease_margin: Millis
    minimum_remaining: Millis
    max_receive_count: int = DEFAULT_MAX_RECEIVE_COUNT
    concurrency: int = DEFAULT_CONCURRENCY
    hash_keys: bool = False
    log_one_of: int = 1
    metrics_function_name: str | None = None
    metrics_by_name: bool = False
    metrics_level: str = "INFO"
    park_interrupted: bool = False
    observe_only: bool = False
    dead_letter_queue_url: str | None = None
    unwrap: frozenset[str] = frozenset()

    def claim(self, *, wait_for_lease: bool) -> Claim:
        """Return the step that claims a record.

        Args:
            wait_for_lease: whether the claim waits for the end of another owner's lease, because
                the source does not deliver again by itself.
        """
        return Claim(
            park_interrupted=self.park_interrupted,
            wait_for_lease=wait_for_lease,
            observe_only=self.observe_only,
        )

    @classmethod
    def from_environment(
        cls, environment: Mapping[str, str] = os.environ, *, require_processor: bool = True
    ) -> "Settings":
        """Read the settings of this function.

        Args:
            environment: environment variables.
            require_processor: whether a processor must be set, as for the built-in entry point.

        Raises:
            InvalidSettingsError: variables are missing or wrong; the error names each.
        """
        reader = _Reader(environment)
        key_rule = reader.read_key_rule()
        settings = cls(
            table=reader.read_text("IDEMPOTENCY_TABLE"),
            processor=reader.read_text("IDEMPOTENCY_PROCESSOR") if require_processor else "",
            key_rule=key_rule,
            retention=Seconds(
                reader.read_number("IDEMPOTENCY_RETENTION_SECONDS", minimum=MIN_RETENTION_SECONDS)
            ),
            lease_margin=Millis(
                reader.read_number(
                    "IDEMPOTENCY_LEASE_MARGIN_MILLIS", default=DEFAULT_LEASE_MARGIN_MILLIS
                )
            ),
            minimum_remaining=Millis(
                reader.read_number(
                    "IDEMPOTENCY_MINIMUM_REMAINING_MILLIS", default=DEFAULT_MINIMUM_REMAINING_MILLIS
                )
            ),
            max_receive_count=reader.read_number(
                "IDEMPOTENCY_MAX_RECEIVE_COUNT", default=DEFAULT_MAX_RECEIVE_COUNT
            ),
            concurrency=reader.read_number("IDEMPOTENCY_CONCURRENCY", default=DEFAULT_CONCURRENCY),
            hash_keys=reader.read_choice("IDEMPOTENCY_LOG_KEYS", LOG_KEYS_CHOICES) == "hashed",
            log_one_of=reader.read_log(),
            metrics_function_name=reader.read_metrics_function_name(),
            metrics_by_name=environment.get("IDEMPOTENCY_METRICS") == METRICS_CHOICES[2],
            metrics_level=reader.read_metrics_level(),
            park_interrupted=(
                reader.read_choice("IDEMPOTENCY_ON_INTERRUPTED", ON_INTERRUPTED_CHOICES) == "park"
            ),
            observe_only=reader.read_choice("IDEMPOTENCY_MODE", MODE_CHOICES) == "observe",
            dead_letter_queue_url=environment.get("IDEMPOTENCY_DEAD_LETTER_QUEUE_URL"),
            unwrap=reader.read_names("IDEMPOTENCY_UNWRAP", UNWRAP_CHOICES),
        )
        reader.check_compute()
        if require_processor and settings.park_interrupted and not settings.dead_letter_queue_url:
            text = "IDEMPOTENCY_DEAD_LETTER_QUEUE_URL must be set"
            reader.problems.append(f"{text} if IDEMPOTENCY_ON_INTERRUPTED=park: {REMEDY}")
        if reader.problems:
            raise InvalidSettingsError(tuple(reader.problems))
        return settings


def read_trace_header(environment: Mapping[str, str] = os.environ) -> str:
    """Return the X-Ray header of the invocation; empty outside Lambda.

    Lambda sets it for each invocation, and a process has one invocation at a time:
    https://docs.aws.amazon.com/lambda/latest/dg/lambda-managed-instances-python-runtime.html
    """
    return environment.get("_X_AMZN_TRACE_ID", "")


class _Reader:
    """Reads variables and collects the problems of all of them.

    If a method finds a problem, it still returns a valid value, so that reading continues. An empty
    variable counts as not set.
    """

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._environment = environment
        self.problems: list[str] = []

    def read_text(self, name: str) -> str:
        value = self._environment.get(name, "")
        if not value:
            self.problems.append(f"{name} is not set: {REMEDY}")
        return value

    def read_number(self, name: str, *, minimum: int = 1, default: int | None = None) -> int:
        value = self._environment.get(name)
        if not value and default is not None:
            return default
        if not value:
            self.problems.append(f"{name} is not set: {REMEDY}")
            return minimum
        if value.isascii() and value.isdecimal() and int(value) >= minimum:
            return int(value)
        self.problems.append(f"{name} is {value!r}: set a whole number of at least {minimum}")
        return minimum

    def read_choice(self, name: str, choices: tuple[str, ...]) -> str:
        value = self._environment.get(name) or choices[0]
        if value not in choices:
            self.problems.append(f"{name} is {value!r}: set one of {', '.join(choices)}")
        return value

    def check_compute(self) -> None:
        """Refuse Lambda Managed Instances, where a lease may end while its owner works.

        https://docs.aws.amazon.com/lambda/latest/dg/lambda-managed-instances-execution-environment.html
        """
        choice = self.read_choice("IDEMPOTENCY_MANAGED_INSTANCES", MANAGED_INSTANCES_CHOICES)
        name, value = "AWS_LAMBDA_INITIALIZATION_TYPE", "lambda-managed-instances"
        if self._environment.get(name) == value and choice == "refuse":
            self.problems.append(
                f"{name} is {value!r}: there no run stops at its timeout, so two runs of a message "
                "may overlap. Run the function elsewhere, or set IDEMPOTENCY_MANAGED_INSTANCES="
                "accept_overlapping_runs (idempotency.managed_instances)"
            )

    def read_names(self, name: str, choices: tuple[str, ...]) -> frozenset[str]:
        parts = [part.strip() for part in self._environment.get(name, "").split(",")]
        values = [part for part in dict.fromkeys(parts) if part]
        wrong = [value for value in values if value not in choices]
        if wrong:
            found = ", ".join(repr(value) for value in wrong)
            rule = f"set names from {', '.join(choices)}, separated by commas"
            self.problems.append(f"{name} has {found}: {rule}")
        return frozenset(values)

    def read_log(self) -> int:
        value = self._environment.get("IDEMPOTENCY_LOG") or "all"
        if not (found := re.fullmatch(LOG_RULE, value)):
            rule = "set all, problems, or sampled:N with N from 2 to 1000000"
            self.problems.append(f"IDEMPOTENCY_LOG is {value!r}: {rule}")
        return int((found and found[1]) or value != "problems")

    def read_metrics_level(self) -> str:
        """Return the lowest level from INFO on that Lambda lets through.

        Lambda sets the variable where it filters, which it does for JSON logs:
        https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html
        https://github.com/aws/aws-lambda-python-runtime-interface-client/blob/main/awslambdaric/bootstrap.py
        """
        level = self._environment.get("AWS_LAMBDA_LOG_LEVEL", "").upper()
        return level if level in {"WARN", "ERROR", "FATAL"} else "INFO"

    def read_metrics_function_name(self) -> str | None:
        if self.read_choice("IDEMPOTENCY_METRICS", METRICS_CHOICES) not in METRICS_CHOICES[1:]:
            return None
        return self._environment.get("AWS_LAMBDA_FUNCTION_NAME") or UNNAMED_FUNCTION

    def read_key_rule(self) -> KeyRule:
        namespace = self._check(
            "IDEMPOTENCY_NAMESPACE",
            self.read_text("IDEMPOTENCY_NAMESPACE"),
            check_namespace,
            valid="invalid",
        )
        expression = self._environment.get("IDEMPOTENCY_KEY")
        if not expression:
            return KeyRule(namespace)
        search = self._check("IDEMPOTENCY_KEY", expression, compile_expression, valid="messageId")
        return KeyRule(namespace, expression, search)

    def _check(
        self, name: str, value: str, parse: Callable[[str], ValueT], *, valid: str
    ) -> ValueT:
        """Parse a value; if it is invalid, note the problem and parse ``valid`` instead."""
        try:
            return parse(value)
        except ValueError as error:
            if value:  # a missing value is already a problem
                self.problems.append(f"{name}: {error}")
            return parse(valid)
