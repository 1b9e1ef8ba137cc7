"""`hammer` agrees with a reader's verdicts on handlers in the style of public repositories."""

import pkgutil

import pytest

from tests.toolkit import public_styles
from tests.toolkit.styles import hammer_style, load

pytestmark = pytest.mark.slow

NAMES = [module.name for module in pkgutil.iter_modules(public_styles.__path__)]


@pytest.mark.parametrize("name", NAMES)
def test_verdicts(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A handler has exactly the findings of its verdict, or of the verdict's correction."""
    module = load(public_styles, name)
    for case in filter(None, [module.CASE, getattr(module, "REPAIRED", None)]):
        with monkeypatch.context() as patch:
            report = hammer_style(module, case, patch)
        verdict = case.verdict
        expected = verdict.findings if verdict.corrected is None else verdict.corrected
        assert {(finding.reason, finding.effect) for finding in report.findings} == expected, report


def test_ten_verdicts() -> None:
    """There are ten handlers, four of them right, and the reader was wrong about one."""
    verdicts = [load(public_styles, name).CASE.verdict for name in NAMES]
    right = [verdict for verdict in verdicts if not verdict.findings]
    mistaken = [verdict for verdict in verdicts if verdict.corrected is not None]
    assert (len(verdicts), len(right), len(mistaken)) == (10, 4, 1)
