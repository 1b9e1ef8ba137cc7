"""The function: its settings, runtime and time."""

from collections.abc import Iterator

from idempotent_lambda.clock import RESERVE_MILLIS
from idempotent_lambda.errors import InvalidSettingsError
from idempotent_lambda.settings import (
    DEFAULT_LEASE_MARGIN_MILLIS,
    DEFAULT_MINIMUM_REMAINING_MILLIS,
    MANAGED_INSTANCES_CHOICES,
    Settings,
)
from idempotent_lambda_toolkit.cli.doctor.checks.variables import find_misspelled
from idempotent_lambda_toolkit.cli.doctor.findings import Checks, Finding, failure, note, warning
from idempotent_lambda_toolkit.cli.doctor.inventory import Inventory, parse_whole

OLDEST_RUNTIME = (3, 11)
LEAST_MARGIN_MILLIS = 1000


def _settings(inventory: Inventory) -> Iterator[Finding]:
    try:
        Settings.from_environment(
            inventory.environment, require_processor=inventory.uses_entry_point
        )
    except InvalidSettingsError as error:
        # Other checks report these.
        other = ["IDEMPOTENCY_DEAD_LETTER_QUEUE_URL", *find_misspelled(inventory).values()]
        for problem in error.problems:
            if not problem.startswith(tuple(f"{name} " for name in other)):
                rule = "the function refuses to start with wrong settings"
                yield failure(problem, rule, "apply the module again, or correct the variable")


def _observing(inventory: Inventory) -> Iterator[Finding]:
    if inventory.environment.get("IDEMPOTENCY_MODE") == "observe":
        remedy = 'set idempotency.mode = "enforce" once the reported duplicates are right'
        yield note("mode is observe", "nothing is suppressed in this mode", remedy)


def _runtime(inventory: Inventory) -> Iterator[Finding]:
    if inventory.runtime is None:
        return
    parts = inventory.runtime.removeprefix("python").split(".")
    numbers = tuple(int(each) for each in parts if each.isdecimal())
    if not inventory.runtime.startswith("python") or numbers < OLDEST_RUNTIME:
        remedy = 'set function.runtime = "python3.13"'
        yield failure(f"runtime is {inventory.runtime}", "python3.11 or newer", remedy)


def _managed_instances(inventory: Inventory) -> Iterator[Finding]:
    if not inventory.managed_instances:
        return
    value, rule = "it runs on Lambda Managed Instances", "they stop no run at its timeout, so "
    accepted = MANAGED_INSTANCES_CHOICES[1]
    if inventory.environment.get("IDEMPOTENCY_MANAGED_INSTANCES") == accepted:
        rule += "a side effect may happen twice at the same time"
        yield note(value, rule, "end each run before its timeout, or run the function elsewhere")
    else:
        remedy = f'run it elsewhere, or set idempotency.managed_instances = "{accepted}"'
        yield failure(value, rule + "the function refuses to start there", remedy)


def _lease_margin(inventory: Inventory) -> Iterator[Finding]:
    margin = inventory.margin_millis
    if margin is not None and margin < LEAST_MARGIN_MILLIS:
        rule = (
            f"at least {LEAST_MARGIN_MILLIS} ms: clocks differ, and Lambda may stop a function late"
        )
        default = f"{DEFAULT_LEASE_MARGIN_MILLIS / 1000:g} is the default"
        remedy = f"raise idempotency.lease_margin_seconds; {default}"
        yield warning(f"the lease margin is {margin} ms", rule, remedy)


def _time_to_start(inventory: Inventory) -> Iterator[Finding]:
    default = str(DEFAULT_MINIMUM_REMAINING_MILLIS)
    least = parse_whole(inventory.environment.get("IDEMPOTENCY_MINIMUM_REMAINING_MILLIS", default))
    if least is not None and least + RESERVE_MILLIS >= inventory.timeout_seconds * 1000:
        value = f"a start needs {least} ms of the timeout of {inventory.timeout_seconds} s"
        rule = f"that plus {RESERVE_MILLIS} ms of reserve must fit, or nothing starts"
        yield failure(value, rule, "lower idempotency.minimum_remaining_seconds")


def _clock(inventory: Inventory) -> Iterator[Finding]:
    skew, margin = inventory.skew_millis, inventory.margin_millis
    if skew is not None and margin is not None and abs(skew) > margin:
        value = f"this machine's clock is at least {abs(skew)} ms {'fast' if skew > 0 else 'slow'}"
        rule = f"clocks must differ by less than the lease margin, {margin} ms"
        yield failure(
            value,
            rule,
            "set this machine's clock: the times that this command shows are wrong by that",
        )


CHECKS: Checks = {
    "settings": _settings,
    "observe-mode": _observing,
    "runtime": _runtime,
    "managed-instances": _managed_instances,
    "lease-margin": _lease_margin,
    "time-to-start": _time_to_start,
    "clock": _clock,
}
