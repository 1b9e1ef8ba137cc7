"""Each rule of the module refuses what it should, says so, and has a case that proves it.

The cases are in ``tests/rejections``, a file for each input. Terraform compares only which object
failed, so here each case becomes a module block of a stack, whose plan reports the errors of all.
"""

import json
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from scripts.support.terraform import OFFLINE, Terraform, TerraformError, environment
from tests.module.stacks import (
    OFFLINE_PROVIDER,
    REMEDY,
    ROOT,
    copy_module,
    diagnostics,
    pretend_provider,
)

# A plan of all cases takes about a minute, and several minutes on a busy machine.
pytestmark = [pytest.mark.terraform, pytest.mark.timeout(900)]

CASE = re.compile(
    r'^# says: (?P<says>.+)\nrun "(?P<name>\w+)" {\n'
    r"  command         = plan\n  expect_failures = \[(?P<target>[\w.]+)\]\n\n"
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
    rf"^ +(?:validation|precondition) {{\n +condition +=(?! (?:\(\n +)?(?:{AFTER}))", re.MULTILINE
)
CHECKED_AT = re.compile(r"This was checked by the validation rule at (\S+?):(\d+)")
OWN_ZIP = "build/tests/own.zip"
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


def parsed_rules() -> set[str]:
    """Every validation and precondition of the module, as "file:line" of its first line."""
    return {
        f"{file.name}:{text.count(chr(10), 0, match.start()) + 1}"
        for file in ROOT.glob("*.tf")
        for text in [file.read_text(encoding="utf-8")]
        for match in RULE.finditer(text)
    }


def block_of(rule: str) -> str:
    """Return the variable, output or resource that contains a rule, as a test names it."""
    file, _, line = rule.partition(":")
    above = (ROOT / file).read_text(encoding="utf-8").splitlines()[: int(line)]
    heads = (re.match(r'(\w+) "(\w+)"(?: "(\w+)")?', each) for each in reversed(above))
    kind, *labels = next(filter(None, heads)).groups()
    name = ".".join(filter(None, labels))
    return {"variable": f"var.{name}", "output": f"output.{name}"}.get(kind, name)


CASES = parsed_cases()


def refusals(directory: Path, neutralised: dict[str, str]) -> dict[str, list[Refusal]]:
    """Plan every case, each with a separate module; return terraform's refusals by case.

    Args:
        directory: where the stacks are built.
        neutralised: for some cases, the rule that always holds in their module.
    """
    source = copy_module(directory / "source")
    # Provider 6 takes what some cases give.
    pretend_provider(source, has_provider_6=False)
    found: dict[str, list[Refusal]] = {name: [] for name in CASES}
    # Preconditions are reached only where no validation fails: two stacks.
    for kind in ("validations", "preconditions"):
        stack = directory / kind
        for part in ("examples", "mocks", "tests"):
            shutil.copytree(source / part, stack / part)
        (stack / OWN_ZIP).parent.mkdir(parents=True)
        (stack / OWN_ZIP).write_text("a placeholder for a zip")
        blocks = [OFFLINE_PROVIDER]
        for case in CASES.values():
            if case.target.startswith("var.") == (kind == "validations"):
                _module(source, stack / "modules" / case.name, neutralised.get(case.name))
                arguments = {**BASE, **case.variables}.values()
                lines = [f'source = "./modules/{case.name}"', *arguments]
                blocks.append(f'module "{case.name}" {{\n' + "\n".join(lines) + "\n}\n")
        (stack / "stack.tf").write_text("\n".join(blocks), encoding="utf-8")
        terraform = Terraform(directory=stack, environment=environment(OFFLINE))
        terraform.init("-backend=false")
        with pytest.raises(TerraformError) as failure:
            terraform.run("plan", "-input=false", "-json", "-refresh=false")
        for error in diagnostics(failure.value.output):
            # The text of a validation has its place; a precondition has it in a separate field.
            checked = CHECKED_AT.search(error["detail"])
            place = (
                checked.groups()
                if checked
                else (error["range"]["filename"], error["range"]["start"]["line"] - 1)
            )
            file = Path(place[0])
            found[file.parent.name].append(
                Refusal(text=error["detail"], rule=f"{file.name}:{place[1]}")
            )
    return found


def _module(source: Path, destination: Path, neutralised: str | None) -> None:
    destination.mkdir(parents=True)
    for file in source.glob("*.tf"):
        lines = file.read_text(encoding="utf-8").splitlines()
        name, _, line = (neutralised or "").partition(":")
        if file.name == name:
            # The lines after the rule's first. They must go on naming something, "var" if they did.
            start = int(line)
            end = start + 1
            while not lines[end].lstrip().startswith("error_message"):
                end += 1
            named = max(re.findall(r"(?:var|local)\.\w+", "\n".join(lines[start:end])))
            lines[start:end] = [f"condition = {named} == {named}"]
        (destination / file.name).write_text("\n".join(lines) + "\n", encoding="utf-8")
    for part in ("handler", "scripts"):
        (destination / part).symlink_to(source / part)


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Refusal]]:
    """What terraform says of each case."""
    return refusals(tmp_path_factory.mktemp("rejections"), neutralised={})


def test_the_cases_are_read_whole() -> None:
    """No case is missed by the pattern that reads the files, and no name is used twice."""
    text = read_files()
    assert len(CASES) == text.count("\nrun ") - text.count("\n  module {")


def test_each_wrong_fact_gets_its_own_message(said: dict[str, list[Refusal]]) -> None:
    """Each case gets one message, by the right rule, with a remedy; each rule has a case."""
    # One test, because the plan of all cases takes a minute, and each worker would repeat it.
    wrong = {
        name: [refusal.text for refusal in refusals]
        for name, refusals in said.items()
        if [CASES[name].says in refusal.text for refusal in refusals] != [True]
    }
    assert not wrong
    check_rules(said)
    expected = {name: case.target for name, case in CASES.items()}
    assert {name: block_of(found[0].rule) for name, found in said.items()} == expected
    texts = [refusal.text for refusals in said.values() for refusal in refusals]
    assert not [text for text in texts if not REMEDY.search(text)]


def check_rules(said: dict[str, list[Refusal]]) -> None:
    """Check that every rule refuses a case; `build/rules.json` lists which."""
    cases = {
        rule: sorted(name for name, found in said.items() if rule in {each.rule for each in found})
        for rule in sorted(parsed_rules())
    }
    (ROOT / "build").mkdir(exist_ok=True)
    (ROOT / "build" / "rules.json").write_text(json.dumps(cases, indent=2), encoding="utf-8")
    assert [rule for rule, names in cases.items() if not names] == []
    assert {name for names in cases.values() for name in names} == set(CASES)


@pytest.mark.slow
@pytest.mark.proof
def test_a_neutralised_rule_fails_its_own_case(
    said: dict[str, list[Refusal]], tmp_path: Path
) -> None:
    """Without its rule, a case no longer gets its message: no other rule replaces it."""
    control = {"an_empty_key", "a_lock_that_is_not_installed"}
    rules = {name: found[0].rule for name, found in said.items() if name not in control}
    unprotected = refusals(tmp_path, rules)
    still = {
        name
        for name, found in unprotected.items()
        if any(CASES[name].says in refusal.text for refusal in found)
    }
    assert still == control
