"""The module takes the values that teams really give: sensitive, unknown and null ones.

Each place of each input gets such a value in a module of a stack, and Terraform plans all of them
at once. `given_values.py` finds the places in the declared types.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from scripts.support.terraform import OFFLINE, Terraform, TerraformError, environment
from tests.module.given_values import (
    COLLECTION,
    SECRET,
    find_missing,
    list_outputs,
    list_places,
    make_stack,
    write_module,
)
from tests.module.stacks import OFFLINE_PROVIDER, REMEDY, copy_module, diagnostics

pytestmark = [pytest.mark.terraform, pytest.mark.timeout(900)]

PLACES = list(list_places())


def write_unknown(kind: str) -> str:
    """Write a value that is known only after the apply, and may be null then."""
    later = "terraform_data.later.output"
    if kind in {"bool", "number", "string"}:
        return later
    if match := COLLECTION.fullmatch(kind):  # also of unknown length
        return f'{later} == "known" ? to{match["kind"]}(VALUE) : null'
    return f'{later} == "known" ? VALUE : null'


SENSITIVE = {place: "sensitive(VALUE)" for place, _, _ in PLACES}
UNKNOWN = {place: write_unknown(kind) for place, kind, _ in PLACES}
NULL = {place: "null" for place, _, is_needed in PLACES if is_needed}
WRONG = {place: f"local.wrong_{kind}" for place, kind, _ in PLACES if kind in {"number", "string"}}

REFUSED_BY_PROVIDER = {
    "function.handler",
    "function.runtime",
    "function.wrapper",
    "table.provisioned.read_units",
    "table.provisioned.write_units",
}
"""The provider takes an unknown value of these arguments for a missing one, with one error."""

MAY_BE_SENSITIVE = {"environment", "settings"}
"""Outputs that repeat the values of inputs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """What Terraform said about each place, and all that it printed."""

    errors: Mapping[str, Sequence[str]]
    printed: str


def plan(directory: Path, changes: Mapping[str, str], outputs: Iterable[str] = ()) -> Planned:
    """Plan a stack in which each place has its own module and change.

    Args:
        directory: where the stack is made.
        changes: the expression at each place.
        outputs: the outputs of the module that the stack has as its own.
    """
    modules = {f"m{number}": write_module(*item) for number, item in enumerate(changes.items())}
    terraform = make_stack(directory, modules, outputs)
    try:
        printed = terraform.run("plan", "-input=false", "-json", "-refresh=false", "-out=plan")
        printed += terraform.run("show", "plan")
    except TerraformError as error:
        printed = error.output
        # A run that says nothing, because it was killed or found no provider, has planned nothing.
        assert any(diagnostics(printed)), printed
    errors: dict[str, list[str]] = {place: [] for place in changes}
    stack = (terraform.directory / "stack.tf").read_text(encoding="utf-8")
    for found in diagnostics(printed):
        place = list(changes)[find_module(found, stack)]
        shown = (found.get("snippet") or {"code": ""})["code"]
        errors[place].append(f"{found['summary']}: {found['detail']} {shown}")
    return Planned(errors=errors, printed=printed)


def plan_all(directory: Path, changes: Mapping[str, str]) -> Planned:
    """Plan places until none is left that has no error and that another one's error may hide.

    Terraform evaluates no resource if a validation failed, in none of the modules.
    """
    errors: dict[str, Sequence[str]] = {}
    printed = ""
    left = dict(changes)
    while left:
        planned = plan(directory / str(len(left)), left)
        printed += planned.printed
        failed = {place: found for place, found in planned.errors.items() if found}
        errors |= failed or planned.errors
        left = {place: change for place, change in left.items() if place not in errors}
    return Planned(errors=errors, printed=printed)


def find_module(found: Mapping[str, Any], stack: str) -> int:
    """Find the number of the module that an error is about."""
    where = found.get("range", {"filename": "", "start": {"line": 0}})
    text = " ".join([where["filename"], found["detail"], found.get("address", "")])
    if match := re.search(r"modules/m(\d+)/|module\.m(\d+)\b", text):
        return int(match[1] or match[2])
    above = "\n".join(stack.splitlines()[: where["start"]["line"]])
    return int(re.findall(r'^\w+ "m(\d+)"', above, re.MULTILINE)[-1])


def find_others(planned: Planned) -> dict[str, Sequence[str]]:
    """Find the places with more than one error, or with one that is not the module's own."""
    return {
        place: errors
        for place, errors in planned.errors.items()
        if errors and (len(errors) > 1 or not is_own(place, errors[0]))
    }


def is_own(place: str, error: str) -> bool:
    """Return whether an error names the input and a remedy, in the module's words.

    For an input without a default, Terraform itself has such words. No rule can test whether a
    value is known, so there the words are a comment in the line that Terraform shows.
    """
    name = place.partition(".")[0]
    required = f"var.{name} " in error and "required variable may not be set to null" in error
    return required or (name in error and REMEDY.search(error) is not None)


def hide_arguments(example: str) -> str:
    """Make each argument of an example's module "orders" sensitive, as a whole."""
    before, start, rest = example.partition('module "orders" {\n')
    block, end, after = rest.partition("\n}\n")
    argument = re.compile(
        r"^  (?!source\b)(\w+ += )([^\n]*[^\[{]|[\[{]\n.*?\n  [\]}])$", re.MULTILINE | re.DOTALL
    )
    hidden, count = argument.subn(r"  \1sensitive(\2)", block)
    assert count == len(re.findall(r"^  \w", block, re.MULTILINE)) - 1
    return before + start + hidden + end + after


def test_all_sensitive_at_once(tmp_path: Path) -> None:
    """The complete example plans although each argument is sensitive, and shows none of them."""
    checkout = copy_module(tmp_path / "checkout")
    example = checkout / "examples" / "complete"
    main = example / "main.tf"
    text = hide_arguments(main.read_text(encoding="utf-8"))
    main.write_text(text, encoding="utf-8")
    (example / "offline_override.tf").write_text(OFFLINE_PROVIDER)
    terraform = Terraform(directory=example, environment=environment(OFFLINE))
    terraform.init("-backend=false")
    printed = terraform.run("plan", "-input=false", "-refresh=false")
    assert "Plan: " in printed
    assert "Warning: " not in printed
    assert "OnlyFromThisAccount" not in printed


@pytest.fixture(scope="module")
def sensitive(tmp_path_factory: pytest.TempPathFactory) -> Planned:
    """A plan with a sensitive value at each place."""
    outputs = sorted(list_outputs() - MAY_BE_SENSITIVE)
    return plan(tmp_path_factory.mktemp("sensitive"), SENSITIVE, outputs)


def test_every_place_has_a_valid_value() -> None:
    """EXAMPLES has a value for each attribute that has no default to test with."""
    assert find_missing() == []


def test_a_run_that_dies_is_no_plan(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that ends without an error about a place does not count as a plan of it."""

    def die(*_: str) -> str:
        raise TerraformError("terraform plan failed", "signal: killed")

    dead = SimpleNamespace(run=die, directory=tmp_path)
    monkeypatch.setattr("tests.module.test_given_values.make_stack", lambda *_: dead)
    (tmp_path / "stack.tf").touch()
    with pytest.raises(AssertionError, match="killed"):
        plan(tmp_path, SENSITIVE)


@pytest.mark.extended
def test_a_sensitive_value_is_planned(sensitive: Planned) -> None:
    """Each place takes a sensitive value; outputs of ARNs, names and URLs stay as they are."""
    assert {place: errors for place, errors in sensitive.errors.items() if errors} == {}


@pytest.mark.extended
def test_a_plan_shows_no_sensitive_value(sensitive: Planned) -> None:
    """A plan hides each sensitive value, wherever the module uses it."""
    # The provider copies the tags to tags_all, and Terraform does not know that they are sensitive.
    shown = re.sub(r"tags_all +=[^}]+}", "", sensitive.printed)
    assert [line for line in shown.splitlines() if SECRET in line] == []


@pytest.mark.extended
def test_an_unknown_value_is_planned(tmp_path: Path) -> None:
    """Each place takes a value that is known after the apply, or one message says why not."""
    others = find_others(plan(tmp_path, UNKNOWN))
    assert {place: others[place] for place in others.keys() - REFUSED_BY_PROVIDER} == {}


@pytest.mark.extended
def test_null_is_planned_or_gets_one_message(tmp_path: Path) -> None:
    """Null in each place that must have a value is planned, or gets one message."""
    assert find_others(plan_all(tmp_path, NULL)) == {}


@pytest.mark.extended
def test_a_message_shows_no_sensitive_value(tmp_path: Path) -> None:
    """A wrong and sensitive value gets a message that explains the rule without the value."""
    planned = plan_all(tmp_path, WRONG)
    assert find_others(planned) == {}
    assert [line for line in planned.printed.splitlines() if SECRET in line] == []
    assert sum(map(bool, planned.errors.values())) > len(WRONG) / 2
