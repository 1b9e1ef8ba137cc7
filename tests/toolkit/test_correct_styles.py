"""`hammer` finds nothing in correct styles."""

import pkgutil

import pytest

from tests.toolkit import correct_styles
from tests.toolkit.styles import hammer_style, load

pytestmark = pytest.mark.slow

NAMES = [module.name for module in pkgutil.iter_modules(correct_styles.__path__)]


@pytest.mark.parametrize("name", NAMES)
def test_correct_styles(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every correct handler of a module passes."""
    module, wrong = load(correct_styles, name), {}
    for title, style in module.STYLES.items():
        with monkeypatch.context() as patch:
            report = hammer_style(module, style, patch)
        assert report.scenarios > 10
        if not report.passed:
            wrong[title] = str(report)
    assert wrong == {}


def test_twenty_styles() -> None:
    """There are at least twenty styles."""
    assert sum(len(load(correct_styles, name).STYLES) for name in NAMES) >= 20
