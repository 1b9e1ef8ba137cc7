"""The names of the variables of the function's environment, and the key expression."""

import difflib
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress

from idempotent_lambda.errors import InvalidSettingsError
from idempotent_lambda.keys import compile_expression
from idempotent_lambda.settings import Settings
from idempotent_lambda_toolkit.cli.doctor.findings import Checks, Finding, failure, warning
from idempotent_lambda_toolkit.cli.doctor.inventory import ENTRY_POINT, Inventory
from idempotent_lambda_toolkit.cli.doctor.key_roots import RECORD_FIELDS, find_foreign_part

PREFIX = "IDEMPOTENCY_"
_SIMILAR_NAME = re.compile(r"IDEMPOT[A-Z]*_*(.*)", re.IGNORECASE)
LEAST_RATIO = 0.7
"""The least likeness of a misspelled name, without the prefix that all names share."""


class _EmptyEnvironment(Mapping[str, str]):
    """An environment without variables, which keeps the names that its reader asks for."""

    def __init__(self) -> None:
        self.names: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.names.add(name)
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


def list_known_variables() -> list[str]:
    """List the variables that the package reads, in alphabetical order."""
    environment = _EmptyEnvironment()
    with suppress(InvalidSettingsError):  # nothing is set
        Settings.from_environment(environment)
    return sorted(name for name in environment.names if name.startswith(PREFIX))


def find_misspelled(inventory: Inventory) -> Mapping[str, str]:
    """Return the unknown variables, each with the known one that it seems to be, or ``""``.

    A known variable that is set as well is not meant. A variable without the prefix of all names,
    and like none of them, is the user's.
    """
    known, environment = list_known_variables(), inventory.environment
    unset = {name.removeprefix(PREFIX): name for name in known if name not in environment}
    found = {}
    for name in environment:
        if name not in known and (parts := _SIMILAR_NAME.fullmatch(name)):
            nearest = difflib.get_close_matches(parts[1].upper(), unset, n=1, cutoff=LEAST_RATIO)
            if nearest or name.startswith(PREFIX):
                found[name] = unset[nearest[0]] if nearest else ""
    return found


def _unknown_variables(inventory: Inventory) -> Iterator[Finding]:
    rule = "the package does not read it, so it has no effect"
    for name, meant in find_misspelled(inventory).items():
        if not meant:
            yield warning(f"{name} is set", rule, "remove it")
        elif _is_required(meant, inventory):
            remedy = f"rename it to {meant}, without which the function does not start"
            yield failure(f"{name} is set, and {meant} is not", rule, remedy)
        else:
            yield warning(f"{name} is set, and {meant} is not", rule, f"rename it to {meant}")


def _is_required(name: str, inventory: Inventory) -> bool:
    try:
        Settings.from_environment(
            inventory.environment, require_processor=inventory.uses_entry_point
        )
    except InvalidSettingsError as error:
        return any(problem.startswith(f"{name} ") for problem in error.problems)
    return False


def _processor(inventory: Inventory) -> Iterator[Finding]:
    processor = inventory.environment.get("IDEMPOTENCY_PROCESSOR")
    if not processor:
        return
    if inventory.uses_entry_point:
        if not all(processor.rpartition(".")[::2]):
            rule = 'it is "module.function"; otherwise the function does not start'
            yield failure(
                f"IDEMPOTENCY_PROCESSOR is {processor!r}", rule, 'such as "orders.process"'
            )
        return
    # A wrapper, such as an agent's, calls the handler that another variable names.
    if inventory.handler and ENTRY_POINT not in inventory.environment.values():
        value = f"the handler is {inventory.handler}, and IDEMPOTENCY_PROCESSOR is {processor!r}"
        rule = f"only the entry point {ENTRY_POINT} calls the processor: nothing is idempotent"
        remedy = f"set the handler to {ENTRY_POINT}, or remove IDEMPOTENCY_PROCESSOR"
        yield failure(value, rule, f"{remedy} if the handler makes the claims itself")


def _key_root(inventory: Inventory) -> Iterator[Finding]:
    expression = inventory.environment.get("IDEMPOTENCY_KEY")
    if not expression or not inventory.uses_entry_point:
        return
    try:
        compile_expression(expression)
    except ValueError:
        return  # the settings say so
    for source in inventory.function.sources:
        absent = _list_absent(inventory, source)
        part = find_foreign_part(expression, source, absent) if source in RECORD_FIELDS else None
        if part is not None:
            value = f"IDEMPOTENCY_KEY is {expression!r}, and no message of {source} has {part}"
            rule = "every message needs the key: one without it is refused"
            remedy = "begin with body, message_attributes, wrapped or a field of the record"
            yield failure(value, rule, f"{remedy} (docs/sources.md)")


def _list_absent(inventory: Inventory, source: str) -> frozenset[str]:
    """List what the messages of a source lack with these settings, as the first names of a path.

    https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html
    """
    if source != "sqs":
        return frozenset()
    absent = set()
    if not inventory.environment.get("IDEMPOTENCY_UNWRAP"):
        absent.add("wrapped")
    if inventory.queue and not inventory.queue.is_fifo:
        absent |= {"attributes.MessageDeduplicationId", "attributes.SequenceNumber"}
    return frozenset(absent)


CHECKS: Checks = {
    "unknown-variables": _unknown_variables,
    "handler": _processor,
    "key-root": _key_root,
}
