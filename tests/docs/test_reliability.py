"""docs/reliability.md says what was measured, and what was measured is what is promised."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

import idempotent_lambda
from scripts import reliability
from scripts.pages import as_text
from scripts.support.proxy import Fault
from scripts.support.traffic import POISON
from tests.faults.cells import CELLS, Answer, Cell, Observation, Operation, Verdict
from tests.faults.expected import expected

ROOT = Path(__file__).parents[2]
PAGE = reliability.PAGE.read_text()
DATA = json.loads(reliability.DATA.read_text())
SYSTEMS = DATA["matrix"]["systems"]
SOAK = {
    "messages": 5000,
    "unique": 4400,
    "poison": 7,
    "lost": 0,
    "repeated": 0,
    "interrupted_repeats": 12,
    "dead_lettered": 7,
    "injected": {"kills": 50, "producer_duplicates": 600},
}


def test_the_page_is_what_its_data_make_it() -> None:
    """Rendered again from docs/reliability.json, the page stays as it is."""
    assert reliability.render(PAGE, DATA) == PAGE


def test_the_data_are_as_they_are_written() -> None:
    """No hand has edited docs/reliability.json into another form."""
    assert as_text(DATA) == reliability.DATA.read_text()


@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_the_measured_matrix_is_the_asserted_one(cell: Cell) -> None:
    """The page has the verdicts on this package that the matrix test asserts."""
    figures, rule = SYSTEMS[reliability.OURS]["cells"][str(cell)], expected(cell)
    assert figures["verdict"] == rule.verdict
    assert figures["effects_when_struck"] == rule.effects
    assert figures["record_when_struck"] == rule.record
    assert not figures["killed"]


@pytest.mark.parametrize("name", SYSTEMS)
def test_every_system_went_through_every_cell(name: str) -> None:
    """No system was spared a cell, and in every cell the fault did strike."""
    cells = SYSTEMS[name]["cells"]
    assert list(cells) == [str(cell) for cell in CELLS]
    assert [cell for cell, figures in cells.items() if figures["struck"] < 1] == []


def test_the_versions_are_the_pinned_ones() -> None:
    """The figures are of this version and of the peers that requirements/peers.lock pins."""
    lock = (ROOT / "requirements" / "peers.lock").read_text()
    pinned = {
        name: re.findall(rf"^{package}==(\S+)", lock, re.MULTILINE)[0]
        for name, package in reliability.PACKAGES.items()
    }
    versions = {name: each["version"] for name, each in SYSTEMS.items()}
    assert versions == {reliability.OURS: idempotent_lambda.__version__, **pinned}


def test_every_promise_has_its_tests() -> None:
    """The page lists the promises of docs/protocol.md, all of them and no others."""
    made = set(re.findall(r"\*\*(P\d)\*\*", (ROOT / "docs" / "protocol.md").read_text()))
    assert {"P1", "P8"} <= made
    assert set(re.findall(r"\*\*(P\d)\*\*", PAGE)) == made


def test_the_figures_keep_the_promises() -> None:
    """No violation in the simulation, every mutant caught, nothing lost or repeated in the soak."""
    simulation, soak = DATA["simulation"], DATA.get("soak", SOAK)
    assert (simulation["violations"], simulation["frontier"]) == (0, 0)
    assert simulation["killed"] == simulation["mutants"] >= 20
    assert (soak["lost"], soak["repeated"]) == (0, 0)
    assert soak["dead_lettered"] == soak["poison"] == len(POISON)


def test_other_figures_make_another_page() -> None:
    """Every generated section follows its data."""
    for change in (
        {"simulation": DATA["simulation"] | {"states": 1_234_567}},
        {"soak": SOAK | {"messages": 7654}},
        {"matrix": _changed("complete, hang, all", verdict="lost")},
    ):
        assert reliability.render(PAGE, DATA | change) != PAGE


def _changed(cell: str, **figures: Any) -> dict[str, Any]:
    matrix: dict[str, Any] = json.loads(json.dumps(DATA["matrix"]))
    matrix["systems"]["idemkit"]["cells"][cell] |= figures
    return matrix


def test_a_section_without_data_stays() -> None:
    """Where nothing was measured the page keeps what it says."""
    assert reliability.render(PAGE, {}) == PAGE


def test_a_page_without_a_section_is_refused() -> None:
    """A marker that somebody deleted is an error, and no silent loss of figures."""
    with pytest.raises(ValueError, match="generated: matrix"):
        reliability.render(PAGE.replace("<!-- end generated: matrix -->", ""), DATA)


@pytest.mark.parametrize(("messages", "taken"), [(4999, False), (5000, True)])
def test_reports_are_gathered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, messages: int, taken: bool
) -> None:
    """The newest reports replace earlier figures; a short soak does not count."""
    monkeypatch.setattr(reliability, "ROOT", tmp_path)
    for name in ("PAGE", "DATA"):
        copy = tmp_path / getattr(reliability, name).name
        copy.write_text(getattr(reliability, name).read_text())
        monkeypatch.setattr(reliability, name, copy)
    monkeypatch.setattr(reliability, "BUILD", tmp_path)
    (tmp_path / "soak.json").write_text(json.dumps(SOAK | {"messages": messages, "lost": 977}))
    report = DATA["simulation"] | {"states": 424_242, "stories": {}}
    (tmp_path / "simulation.json").write_text(json.dumps(report))
    reliability.write({})
    page = (tmp_path / "reliability.md").read_text()
    data = json.loads((tmp_path / "reliability.json").read_text())
    assert "424,242" in page
    assert data["matrix"] == DATA["matrix"]
    assert (data.get("soak", {}).get("lost") == 977) is taken
    assert ("| 977 |" in page) is taken


DONE = Answer(acknowledged=True, effects=1, seconds=0.1)
UNDONE = Answer(acknowledged=False, effects=0, seconds=0.1)
UNTOLD = Answer(acknowledged=False, effects=1, seconds=0.1)
SILENT = Answer(acknowledged=True, effects=0, seconds=0.1)


@pytest.mark.parametrize(
    ("operation", "answers", "records", "verdict"),
    [
        (Operation.CLAIM, (DONE,), ("COMPLETED",), Verdict.DONE),
        (Operation.CLAIM, (UNDONE, DONE), (None, "COMPLETED"), Verdict.LATE),
        (Operation.COMPLETE, (UNTOLD, SILENT), ("COMPLETED", "COMPLETED"), Verdict.LATE),
        (Operation.COMPLETE, (UNTOLD, DONE), ("IN_PROGRESS", "COMPLETED"), Verdict.TWICE),
        (Operation.COMPLETE, (DONE,), ("IN_PROGRESS",), Verdict.UNRECORDED),
        (Operation.CLAIM, (SILENT,), ("COMPLETED",), Verdict.LOST),
        (Operation.CLAIM, (UNDONE,) * 4, ("IN_PROGRESS",) * 4, Verdict.LOST),
        (Operation.RELEASE, (UNDONE, DONE), (None, "COMPLETED"), Verdict.FREED),
        (Operation.RELEASE, (UNDONE, DONE), ("IN_PROGRESS", "COMPLETED"), Verdict.HELD),
    ],
)
def test_verdicts(
    operation: Operation,
    answers: tuple[Answer, ...],
    records: tuple[str | None, ...],
    verdict: Verdict,
) -> None:
    """The observation of a cell gets a verdict that the page explains."""
    seen = Observation(struck=1, answers=answers, records=records)
    assert seen.verdict(operation) == verdict
    assert f"\n| {verdict} | " in PAGE


def test_every_fault_is_explained() -> None:
    """The page says what each fault of the matrix does."""
    table = PAGE.partition("| what the proxy does |")[2].partition("Each cell below")[0]
    rows = re.findall(r"^\| (.+?) \|", table, re.MULTILINE)
    names = {name.strip() for row in rows for name in row.split(",")}
    assert {fault.value for fault in Fault} - {Fault.DRIP.value} <= names
