"""docs/performance.md says what was measured."""

import hashlib
import json
import re
from itertools import product

import pytest

import idempotent_lambda
from benchmarks.cases import BASE, CASES, CONTENDERS
from benchmarks.headline import TARGETS, headline, judged
from benchmarks.page import DATA, PAGE, PICTURES, PLOTS, THEMES, sections
from benchmarks.sizes import PACKAGES
from scripts.pages import as_text, render
from scripts.support.emulator import ROOT

REPORT = json.loads(DATA.read_text())


def test_the_page_is_what_its_data_make_it() -> None:
    """Rendered again from docs/performance.json, the page stays as it is."""
    assert render(PAGE.read_text(), sections(REPORT)) == PAGE.read_text()


def test_the_data_are_as_they_are_written() -> None:
    """No hand has edited docs/performance.json into another form."""
    assert as_text(REPORT) == DATA.read_text()


@pytest.mark.parametrize(("name", "theme"), list(product(PICTURES, THEMES)))
def test_plots(name: str, theme: str) -> None:
    """Every plot is shown, in both themes, and drawn from these data."""
    file = PLOTS / f"{name}-{theme}.svg"
    assert f'"plots/{file.name}"' in PAGE.read_text()
    assert hashlib.sha256(DATA.read_bytes()).hexdigest() in file.read_text()


def test_nothing_is_left_out() -> None:
    """Every contender went through every case, two hundred times through the base case."""
    assert list(REPORT["cases"]) == [case.name for case in CASES]
    assert {tuple(figures) for figures in REPORT["cases"].values()} == {CONTENDERS}
    assert min(figures["n"] for figures in REPORT["cases"][BASE.name].values()) >= 200


def test_the_headline_follows_from_the_figures() -> None:
    """The headline and its verdicts can be computed again, and no count misses its limit."""
    assert headline(REPORT) == REPORT["headline"]
    assert judged(REPORT["headline"]) == REPORT["targets"]
    assert set(TARGETS) == set(REPORT["headline"])
    assert all(each["holds"] for each in REPORT["targets"].values() if each["counts"])


def test_the_versions_are_the_pinned_ones() -> None:
    """The figures are of this version and of the peers that requirements/peers.lock pins."""
    lock = (ROOT / "requirements" / "peers.lock").read_text()
    pinned = {
        name: re.findall(rf"^{package}==(\S+)", lock, re.MULTILINE)[0]
        for name, (package, *_) in PACKAGES.items()
    }
    assert REPORT["versions"] == {"ours": idempotent_lambda.__version__, **pinned}
