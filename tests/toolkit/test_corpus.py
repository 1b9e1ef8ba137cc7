"""Every bad handler is flagged with its reason and no other; every twin passes."""

import difflib
import importlib
import inspect
import pkgutil
from types import ModuleType
from typing import Any
from unittest import mock

import pytest

from idempotent_lambda import decorator
from idempotent_lambda_toolkit.testing import Effects, Reason, Report, hammer

from . import corpus
from .stories import check_stories

pytestmark = pytest.mark.slow

NAMES = [each.name for each in pkgutil.iter_modules(corpus.__path__)]
MOST_LINES = 5
"""Of a fix; a removed and an added line are two."""


def module_of(name: str) -> ModuleType:
    """A module of the corpus by itself, as it is before anything was hammered."""
    with mock.patch.object(decorator, "FUNCTIONS", {}):
        return importlib.reload(importlib.import_module(f"{corpus.__name__}.{name}"))


def hammered(name: str, which: str, monkeypatch: pytest.MonkeyPatch) -> Report:
    """The report on one of a pair."""
    module = module_of(name)
    case, effects = module.CASE, Effects()
    for effect, token in case.effects.items():
        double = effects.of(effect, getattr(module, effect), token=token, shared=case.shared)
        monkeypatch.setattr(module, effect, double)
    options: dict[str, Any] = {**case.options, **getattr(case, f"{which}_options")}
    return hammer(getattr(case, which), case.event, effects=effects, **options)


@pytest.mark.parametrize("name", NAMES)
def test_bad(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bad handler is flagged with exactly its reason."""
    report = hammered(name, "bad", monkeypatch)
    assert {each.reason for each in report.findings} == {module_of(name).CASE.reason}, report
    check_stories(report)


@pytest.mark.parametrize("name", NAMES)
def test_fixed(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its twin passes."""
    report = hammered(name, "fixed", monkeypatch)
    assert report.passed, report


@pytest.mark.parametrize("name", NAMES)
def test_least(name: str) -> None:
    """The twin differs by a few lines, or by its key alone."""
    case = module_of(name).CASE
    bad, fixed = (
        inspect.getsource(inspect.unwrap(each)).replace("def fixed(", "def bad(").splitlines()
        for each in (case.bad, case.fixed)
    )
    changed = [line for line in difflib.ndiff(bad, fixed) if line[0] in "+-"]
    assert 0 < len(changed) + (case.bad_options != case.fixed_options) <= MOST_LINES


def test_every_reason_is_in_the_corpus() -> None:
    """Each reason has a bad handler that is flagged with it."""
    assert {module_of(name).CASE.reason for name in NAMES} == {*Reason}


def test_the_same_every_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """A report is the same, word by word, when it is made again."""
    assert len({str(hammered("two_effects", "bad", monkeypatch)) for _ in range(5)}) == 1
