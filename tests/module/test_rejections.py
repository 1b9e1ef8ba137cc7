"""Each rule of the module refuses what it should, says so, and has a case that proves it.

The cases are in ``tests/rejections``, a file for each input. Terraform compares only which object
failed, so here the cases become module blocks of a stack, whose plan reports the errors of all.
Terraform validates each variable by itself, so one module takes a case of each variable.
"""

import json
import re
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from scripts.support.terraform import OFFLINE, Terraform, TerraformError, environment
from tests.inputs import read_inputs
from tests.module.stacks import (
    OFFLINE_PROVIDER,
    REMEDY,
    ROOT,
    copy_module,
    diagnostics,
    pretend_provider,
)

# A plan of all cases takes half a minute, and several minutes on a busy machine.
pytestmark = [pytest.mark.terraform, pytest.mark.timeout(900)]

CASE = re.compile(
    r'^# says: (?P<says>.+)\nrun "(?P<name>\w+)" {\n'
    r"  command         = plan\n  expect_failures = \[(?:[\w.]+, )?(?P<target>[\w.]+)\]\n\n"
    r"  variables {\n(?P<variables>(?:    .+\n)+)  }\n}\n",
    re.MULTILINE,
)
# Rules about what is deployed have cases in deployments, location, published and
# releases.tftest.hcl.
# A name that Terraform cannot read is not kept in this repository: test_package.py makes one.
AFTER = (
    r"local\.(code_sha256|newest_version)|local\.account\b|length\((data|local\.unreadable_files)\b"
)
RULE = re.compile(
    rf"^ +(?P<kind>validation|precondition) {{\n +condition +=(?! (?:\(\n +)?(?:{AFTER}))",
    re.MULTILINE,
)
VARIABLE = re.compile(r'^variable "(?P<name>\w+)" {\n(?P<body>.*?)^}', re.MULTILINE | re.DOTALL)
VALIDATION = re.compile(r"^  validation {\n(.*?)^  }", re.MULTILINE | re.DOTALL)
CHECKED_AT = re.compile(r"This was checked by the validation rule at (\S+?):(\d+)")
OWN_ZIP = "build/tests/own.zip"
MODULES = {"validation": 1000, "precondition": 32}
"""How many a stack has at most. A plan of all preconditions needs 6 GB; a stack of validations
needs one that fails, which keeps Terraform from asking AWS."""
CONTROLS = {"validation": "an_empty_key", "precondition": "a_lock_that_is_not_installed"}
"""The kinds of rules, each with the case whose rule the proof leaves in place."""
BASE = {
    "name": 'name = "orders"',
    "code": 'code = { source_dir = "examples/quickstart/src" }',
    "processor": 'processor = "orders.process"',
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One wrong fact, the object that refuses it, and how the refusal starts."""

    name: str
    says: str
    target: str
    variables: dict[str, str]

    @property
    def kind(self) -> str:
        """What refuses it: a key of `CONTROLS`."""
        return "validation" if self.target.startswith("var.") else "precondition"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """What terraform said of a case, and the rule that did: "file:line" of its first line."""

    text: str
    rule: str


def read_files() -> str:
    """Return the text of all files of cases."""
    files = sorted((ROOT / "tests" / "rejections").glob("*.tftest.hcl"))
    return "\n".join(file.read_text(encoding="utf-8") for file in files)


def parsed_cases() -> dict[str, Case]:
    """Return the cases, by name."""
    text = read_files()
    cases = {}
    for match in CASE.finditer(text.replace("run.a_zip.filename", json.dumps(OWN_ZIP))):
        # An argument starts at this depth; its further lines are deeper, or close it.
        arguments = re.split(r"\n(?=    \w)", match["variables"].rstrip())
        cases[match["name"]] = Case(
            name=match["name"],
            says=match["says"],
            target=match["target"],
            variables={text.split("=")[0].strip(): text.strip() for text in arguments},
        )
    return cases


def parsed_rules(kind: str) -> set[str]:
    """Every rule of a kind in the module, as "file:line" of its first line."""
    return {
        f"{file.name}:{text.count(chr(10), 0, match.start()) + 1}"
        for file in ROOT.glob("*.tf")
        for text in [file.read_text(encoding="utf-8")]
        for match in RULE.finditer(text)
        if match["kind"] == kind
    }


def block_of(rule: str) -> str:
    """Return the variable, output or resource that contains a line, as a test names it, or ""."""
    file, _, line = rule.partition(":")
    above = (ROOT / file).read_text(encoding="utf-8").splitlines()[: int(line)]
    heads = (re.match(r'(\w+)(?: "(\w+)")?(?: "(\w+)")? {', each) for each in reversed(above))
    kind, *labels = next(filter(None, heads)).groups()
    name = ".".join(filter(None, labels))
    return {"variable": f"var.{name}", "output": f"output.{name}"}.get(kind, name)


CASES = parsed_cases()


def pack_cases(kind: str) -> list[dict[str, Case]]:
    """Pack the cases of a kind into as few modules as can show them, each by its target.

    A failed precondition can keep others from being evaluated, so each has its own module.
    """
    packs: list[dict[str, Case]] = []
    taken: list[set[str]] = []
    for case in CASES.values():
        if case.kind == kind:
            names = {case.target.removeprefix("var."), *case.variables}
            free = (number for number, others in enumerate(taken) if not names & others)
            number = next(free, None) if kind == "validation" else None
            if number is None:
                number = len(packs)
                packs.append({})
                taken.append(set())
            packs[number][case.target] = case
            taken[number] |= names
    return packs


def refusals(
    directory: Path, kind: str, neutralised: Mapping[str, str]
) -> dict[str, list[Refusal]]:
    """Plan every case of a kind; return terraform's refusals by case.

    Args:
        directory: where the stacks are built.
        kind: a key of `CONTROLS`. Preconditions are reached only where no validation fails.
        neutralised: for some cases, the rule that always holds in their module.
    """
    source = copy_module(directory / "source")
    # Provider 6 takes what some cases give.
    pretend_provider(source, has_provider_6=False)
    packs = {f"m{number}": pack for number, pack in enumerate(pack_cases(kind))}
    found: dict[str, list[Refusal]] = {
        case.name: [] for pack in packs.values() for case in pack.values()
    }
    size = MODULES[kind]
    for start in range(0, len(packs), size):
        names = list(packs)[start : start + size]
        for error in _plan(
            directory / f"stack{start}", source, {name: packs[name] for name in names}, neutralised
        ):
            assert "range" in error, error  # not about the module: a provider that did not start
            # The text of a validation has its place; a precondition has it in a separate field.
            checked = CHECKED_AT.search(error["detail"])
            place = (
                checked.groups()
                if checked
                else (error["range"]["filename"], error["range"]["start"]["line"] - 1)
            )
            file = Path(place[0])
            refusal = Refusal(text=error["detail"], rule=f"{file.name}:{place[1]}")
            pack = packs[file.parent.name]
            # An error of another object counts against each case of the module.
            case = pack.get(block_of(refusal.rule)) if len(pack) > 1 else None
            for each in [case] if case else pack.values():
                found[each.name].append(refusal)
    return found


def _plan(
    stack: Path, source: Path, packs: Mapping[str, dict[str, Case]], neutralised: Mapping[str, str]
) -> Iterable[dict[str, Any]]:
    """Plan a stack with a module for each pack; return the errors."""
    for part in ("examples", "mocks", "tests"):
        shutil.copytree(source / part, stack / part)
    (stack / OWN_ZIP).parent.mkdir(parents=True)
    (stack / OWN_ZIP).write_text("a placeholder for a zip")
    blocks = [OFFLINE_PROVIDER]
    for name, pack in packs.items():
        rules = [neutralised[case.name] for case in pack.values() if case.name in neutralised]
        _module(source, stack / "modules" / name, rules)
        arguments = dict(BASE)
        for case in pack.values():
            arguments |= case.variables
        lines = [f'source = "./modules/{name}"', *arguments.values()]
        blocks.append(f'module "{name}" {{\n' + "\n".join(lines) + "\n}\n")
    (stack / "stack.tf").write_text("\n".join(blocks), encoding="utf-8")
    terraform = Terraform(directory=stack, environment=environment(OFFLINE))
    terraform.init("-backend=false")
    try:
        # Without their rules, some stacks plan.
        output = terraform.run("plan", "-input=false", "-json", "-refresh=false")
    except TerraformError as error:
        output = error.output
        assert any(diagnostics(output)), output  # it was killed, or had no provider
    return diagnostics(output)


def _module(source: Path, destination: Path, neutralised: Iterable[str]) -> None:
    """Copy the module, with rules that always hold; each line stays at its number."""
    destination.mkdir(parents=True)
    for file in source.glob("*.tf"):
        lines = file.read_text(encoding="utf-8").splitlines()
        for rule in neutralised:
            name, _, line = rule.partition(":")
            if file.name == name:
                # The lines after the rule's first. They must go on naming something, "var" if they
                # did.
                start = int(line)
                end = start + 1
                while not lines[end].lstrip().startswith("error_message"):
                    end += 1
                named = max(re.findall(r"(?:var|local)\.\w+", "\n".join(lines[start:end])))
                lines[start:end] = [f"condition = {named} == {named}", *[""] * (end - start - 1)]
        (destination / file.name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    for part in ("handler", "scripts"):
        (destination / part).symlink_to(source / part)


@pytest.fixture(scope="module", params=list(CONTROLS))
def kind(request: pytest.FixtureRequest) -> str:
    """A kind of rules."""
    return str(request.param)


@pytest.fixture(scope="module")
def said(kind: str, tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Refusal]]:
    """What terraform says of each case of the kind."""
    return refusals(tmp_path_factory.mktemp("rejections"), kind, neutralised={})


def test_the_cases_are_read_whole() -> None:
    """No case is missed by the pattern that reads the files, and no name is used twice."""
    text = read_files()
    assert len(CASES) == text.count("\nrun ") - text.count("\n  module {")


def test_a_validation_names_only_its_own_variable() -> None:
    """Terraform skips a validation if another variable that it names is invalid."""
    variables = [
        match
        for file in ROOT.glob("variables*.tf")
        for match in VARIABLE.finditer(file.read_text(encoding="utf-8"))
    ]
    others = {
        (variable["name"], other)
        for variable in variables
        for validation in VALIDATION.findall(variable["body"])
        for other in re.findall(r"\bvar\.(\w+)", validation)
        if other != variable["name"]
    }
    assert len(variables) == len(read_inputs())
    assert others == set()


def test_each_wrong_fact_gets_its_own_message(kind: str, said: dict[str, list[Refusal]]) -> None:
    """Each case gets one message, by the right rule, with a remedy; each rule has a case."""
    # One test per kind, because each worker would repeat the plan of all cases.
    wrong = {
        name: [refusal.text for refusal in refusals]
        for name, refusals in said.items()
        if [CASES[name].says in refusal.text for refusal in refusals] != [True]
    }
    assert not wrong
    assert {refusal.rule for (refusal,) in said.values()} == parsed_rules(kind)
    expected = {name: case.target for name, case in CASES.items() if case.kind == kind}
    assert {name: block_of(refusal.rule) for name, (refusal,) in said.items()} == expected
    assert not [refusal.text for (refusal,) in said.values() if not REMEDY.search(refusal.text)]


@pytest.mark.slow
@pytest.mark.proof
def test_a_neutralised_rule_fails_its_own_case(
    kind: str, said: dict[str, list[Refusal]], tmp_path: Path
) -> None:
    """Without its rule, a case no longer gets its message: no other rule replaces it."""
    control = CONTROLS[kind]
    rules = {name: found[0].rule for name, found in said.items() if name != control}
    unprotected = refusals(tmp_path, kind, rules)
    still = [
        name
        for name, found in unprotected.items()
        if any(CASES[name].says in refusal.text for refusal in found)
    ]
    assert still == [control]
