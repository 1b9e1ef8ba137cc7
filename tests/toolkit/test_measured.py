"""The numbers that docs/testing.md says of `hammer` are those that the tests have."""

import re
from pathlib import Path

import pytest

from tests.toolkit import correct_styles, public_styles
from tests.toolkit.styles import load

from . import test_corpus, test_correct_styles, test_public_styles

pytestmark = pytest.mark.slow

PAGE = Path(__file__).parents[2] / "docs" / "testing.md"


def test_the_numbers_of_the_page() -> None:
    """The page counts wrong handlers, correct styles, verdicts and reports as they are."""
    (measured,) = re.findall(r"\n## Measured\n(.*?)\n## ", PAGE.read_text("utf-8"), re.DOTALL)
    written = [int(number) for number in re.findall(r"\b\d+\b", measured)]
    styles = [load(correct_styles, name).STYLES for name in test_correct_styles.NAMES]
    verdicts = [load(public_styles, name).CASE.verdict for name in test_public_styles.NAMES]
    wrong = len(test_corpus.NAMES)
    right = sum(not verdict.findings for verdict in verdicts)
    agreed = sum(verdict.corrected is None for verdict in verdicts)
    counted = [wrong, sum(map(len, styles)), len(verdicts), right, agreed, 2 * wrong]
    assert written[:-1] == counted  # the last one is seconds
