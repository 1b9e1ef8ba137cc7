"""Each rule of the packer refuses what it should, says so, and has a case that proves it."""

import ast
import sys
import traceback
import types
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.module.refused_packs import CASES, ORIGINAL, Case, Modules
from tests.module.stacks import ROOT

FILES = {"pack": ROOT / "scripts" / "pack.py", "wheels": ROOT / "scripts" / "wheels.py"}
ERRORS = ("PackError", "LockError")


@dataclass(frozen=True, slots=True, order=True)
class Rule:
    """A place that raises a refusal: the module, and the first and last line of it."""

    module: str
    first: int
    last: int


def find_rules() -> list[Rule]:
    """Find every place that raises a refusal."""
    return sorted(
        Rule(module, node.lineno, node.end_lineno or node.lineno)
        for module, file in FILES.items()
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))
        if is_refusal(node)
    )


def is_refusal(node: ast.AST) -> bool:
    """Whether a node of the syntax raises a refusal."""
    return (
        isinstance(node, ast.Raise)
        and isinstance(node.exc, ast.Call)
        and isinstance(node.exc.func, ast.Name)
        and node.exc.func.id in ERRORS
    )


@contextmanager
def neutralise(rule: Rule) -> Iterator[Modules]:
    """Load the module of a rule with ``pass`` in the rule's place."""

    class Neutralise(ast.NodeTransformer):
        def visit_Raise(self, node: ast.Raise) -> ast.stmt:
            return ast.copy_location(ast.Pass(), node) if node.lineno == rule.first else node

    file = FILES[rule.module]
    tree = ast.parse(file.read_text(encoding="utf-8"))
    module = types.ModuleType(f"neutralised_{rule.module}")
    module.__file__ = str(file)
    sys.modules[module.__name__] = module
    try:
        code = compile(ast.fix_missing_locations(Neutralise().visit(tree)), str(file), "exec")
        exec(code, module.__dict__)  # noqa: S102 (our own file)
        yield Modules(**{"pack": ORIGINAL.pack, "wheels": ORIGINAL.wheels, rule.module: module})
    finally:
        del sys.modules[module.__name__]


def refuse(case: Case, modules: Modules, directory: Path) -> Exception | None:
    """Run a case; the refusal, if it is the one that the case expects."""
    directory.mkdir(parents=True)
    try:
        case.run(modules, directory)
    except Exception as error:  # noqa: BLE001 (without its rule a case may fail in any way)
        return error if case.says in str(error) and type(error).__name__ in ERRORS else None
    return None


def find_rule(error: Exception, rules: list[Rule]) -> Rule | None:
    """Find the rule that raised a refusal."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    for rule in rules:
        if (
            frame.filename == str(FILES[rule.module])
            and rule.first <= (frame.lineno or 0) <= rule.last
        ):
            return rule
    return None


@pytest.mark.parametrize("name", CASES)
def test_a_wrong_fact_is_refused_with_its_message(name: str, tmp_path: Path) -> None:
    """One wrong fact is one refusal, which says what the case expects, in one line."""
    error = refuse(CASES[name], ORIGINAL, tmp_path / "case")
    assert error is not None
    assert len(str(error).splitlines()) == 1
    assert ";" in str(error) or name == "a_refused_lock"  # the rule, and then the remedy
    assert not list(tmp_path.glob("case/out/*.part"))
    assert not list(tmp_path.glob("case/out/*.zip"))


def test_each_refusal_has_a_case(tmp_path: Path) -> None:
    """Every place that raises a refusal does so in a case."""
    rules = find_rules()
    found = {
        find_rule(error, rules)
        for name, case in CASES.items()
        if (error := refuse(case, ORIGINAL, tmp_path / name))
    }
    assert found == set(rules)


@pytest.mark.proof
@pytest.mark.parametrize("rule", find_rules(), ids=lambda rule: f"{rule.module}:{rule.first}")
def test_a_neutralised_refusal_fails_its_own_cases(rule: Rule, tmp_path: Path) -> None:
    """Without its rule, exactly the cases of that rule no longer get their message."""
    own = {
        name
        for name, case in CASES.items()
        if (error := refuse(case, ORIGINAL, tmp_path / "with" / name))
        and find_rule(error, [rule]) == rule
    }
    with neutralise(rule) as modules:
        missed = {
            name
            for name, case in CASES.items()
            if refuse(case, modules, tmp_path / "without" / name) is None
        }
    assert own
    assert missed == own
