"""Whether the function can start, and whether the right version of it was looked at."""

from collections.abc import Iterator

from idempotent_lambda.settings import METRICS_CHOICES
from idempotent_lambda_toolkit.cli.doctor.findings import Checks, Finding, failure, note, warning
from idempotent_lambda_toolkit.cli.doctor.function_facts import LATEST
from idempotent_lambda_toolkit.cli.doctor.inventory import Inventory
from idempotent_lambda_toolkit.cli.doctor.read_log import describe_types

STATES = {
    "Pending": "invocations fail until Lambda has set the function up: wait, and run doctor again",
    "Inactive": "the next invocation fails while Lambda sets the idle function up: invoke it once",
}
"""The states that end by themselves, with the remedy.

https://docs.aws.amazon.com/lambda/latest/dg/functions-states.html"""


def _state(inventory: Inventory) -> Iterator[Finding]:
    state, reason = inventory.function.state, inventory.function.state_reason
    if state in {None, "Active"}:
        return
    value = f"the function is {state}" + (f": {reason}" if reason else "")
    rule = "Lambda invokes only an active function"
    if state in STATES:
        yield warning(value, rule, STATES[state])
    else:
        yield failure(value, rule, "remove the cause, and apply the module again")


def _last_update(inventory: Inventory) -> Iterator[Finding]:
    known = inventory.function
    if known.update_status == "Failed":
        value = f"the last update failed: {known.update_reason}".removesuffix(": ")
        rule = "the function still runs the code and the settings from before it"
        yield failure(value, rule, "remove the cause, and apply the module again")
    elif known.update_status == "InProgress":
        rule = "until it ends, the function runs the code and the settings from before it"
        yield note("an update is in progress", rule, "run doctor again")


def _start(inventory: Inventory) -> Iterator[Finding]:
    rule = "the function must start before it can take a message"
    remedy = "correct the code or its package; the whole error is in the log"
    failed = inventory.function.failed_starts
    if error := inventory.function.invocation_error:
        yield failure(f"an invocation with an empty batch failed: {error}", rule, remedy)
    elif failed:
        value = f"the last of {failed.count} failed starts ended with {failed.reason}"
        if failed.recovered:
            rule = "a start that fails uses up a receive of each message; later starts succeeded"
            yield warning(value, rule, remedy)
        else:
            value += ", and the log shows no start after it"
            yield failure(value, rule, remedy)


def _recent_errors(inventory: Inventory) -> Iterator[Finding]:
    ended = inventory.function.ended
    if ended and not inventory.function.failed_starts:
        value = f"Lambda ended invocations: {describe_types(ended)}"
        rule = "an invocation that is ended leaves its messages in doubt, and they run again"
        yield warning(value, rule, "give the function more time or memory, or find what ends it")


def _qualifier(inventory: Inventory) -> Iterator[Finding]:
    known = inventory.function
    if known.invoked and known.qualifier not in known.invoked:
        value = f"{known.qualifier} was looked at, but the mappings invoke "
        value += " and ".join(known.invoked)
        names = ("" if name == LATEST else f":{name}" for name in known.invoked)
        rule = "another version may have other settings, and its mappings were not looked at"
        yield failure(
            value,
            rule,
            "run doctor with " + " and with ".join(f"--function NAME{name}" for name in names),
        )


def _versions(inventory: Inventory) -> Iterator[Finding]:
    if differing := inventory.function.differing:
        value = f"the two versions of {inventory.function.qualifier} differ in "
        rule = "both take messages, so each message must have the same record in both"
        remedy = "let the alias point to one version while these settings change"
        yield failure(value + ", ".join(differing), rule, remedy)


def _namespace(inventory: Inventory) -> Iterator[Finding]:
    if sharers := inventory.function.sharers:
        namespace = inventory.environment.get("IDEMPOTENCY_NAMESPACE")
        value = f"{', '.join(sharers)} has the same table and namespace, {namespace!r}"
        rule = "with one namespace, a key that one function has completed is a duplicate in another"
        yield failure(value, rule, "set another idempotency.namespace, or use another table")


def _log_level(inventory: Inventory) -> Iterator[Finding]:
    if inventory.function.log_level == "FATAL":
        rule = "nothing about a failed message or a failed start reaches the log"
        yield warning(
            "the application log level is FATAL", rule, 'set logs.application_level = "INFO"'
        )


def _log_class(inventory: Inventory) -> Iterator[Finding]:
    has_metrics = inventory.environment.get("IDEMPOTENCY_METRICS") in METRICS_CHOICES[1:]
    if inventory.function.log_class == "INFREQUENT_ACCESS" and has_metrics:
        rule = "CloudWatch makes no metrics from the lines of this class, so no alarm can fire"
        remedy = "create a log group of class STANDARD, and use it"
        yield failure("the log group is of class INFREQUENT_ACCESS", rule, remedy)


CHECKS: Checks = {
    "state": _state,
    "last-update": _last_update,
    "qualifier": _qualifier,
    "versions": _versions,
    "start": _start,
    "recent-errors": _recent_errors,
    "namespace": _namespace,
    "log-level": _log_level,
    "log-class": _log_class,
}
