"""Measures the fault matrix and writes docs/reliability.md: ``make reliability``.

docs/reliability.json keeps the measurements. The page's generated sections come only from there, so
a test can render them again and compare.
"""

import contextlib
import itertools
import json
import subprocess
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final

from idempotent_lambda import __version__
from scripts import pages
from scripts.support.emulator import ROOT, running
from scripts.support.proxy import Fault
from tests.faults import cells as matrix
from tests.faults.arena import Arena, arena_on
from tests.faults.cells import MESSAGE, Cell, Observation, Operation, Verdict
from tests.faults.systems import PEERS_INTERPRETER, Ours, Peer

PAGE: Final = ROOT / "docs" / "reliability.md"
DATA: Final = ROOT / "docs" / "reliability.json"
BUILD: Final = ROOT / "build"
OURS: Final = "this package"
# A system's cells wait most of the time, for timeouts and pauses: more at once than cores.
WORKERS: Final = {OURS: 4, "Powertools": 8, "idemkit": 5}
PACKAGES: Final = {"Powertools": "aws-lambda-powertools", "idemkit": "idemkit"}
# The longest cells first, so that no long cell runs alone at the end.
ORDER: Final = sorted(matrix.CELLS, key=lambda cell: (cell.fault != "hang", cell.times is not None))

SOAK_MESSAGES: Final = 5000
"""A shorter soak is a smoke test; the page does not show its figures."""

FIGURES: Final[Mapping[str, Mapping[str, str]]] = {
    "simulation": {
        "states": "distinct states",
        "frontier": "states left to explore",
        "violations": "violations",
        "mutants": "mutants of conditions and rules",
        "killed": "of them caught",
        "bad_protocols_flagged": "known-bad protocols, caught",
    },
    "soak": {
        "messages": "messages sent",
        "unique": "of them unique",
        "poison": "of them poison",
        "lost": "lost",
        "repeated": "repeated without one of the causes of P5",
        "interrupted_repeats": "repeated after an interruption",
        "unconfirmed_repeats": "repeated because the completion could not be confirmed",
        "raised_repeats": "repeated because the processor raised after its side effect",
        "dead_lettered": "dead-lettered",
    },
}
"""The reports of other commands, and the figures that the page shows."""


def write(measured: Mapping[str, Any]) -> None:
    """Write new figures, also from other commands; figures without a new report stay."""
    data = json.loads(DATA.read_text()) | measured
    for name, figures in FIGURES.items():
        if (path := BUILD / f"{name}.json").exists():
            report = json.loads(path.read_text())
            kept = (*figures, "injected")
            if report.get("messages", SOAK_MESSAGES) >= SOAK_MESSAGES:
                data[name] = {figure: report[figure] for figure in kept if figure in report}
    DATA.write_text(pages.as_text(data))
    PAGE.write_text(render(PAGE.read_text(), data))
    print(f"wrote {PAGE.relative_to(ROOT)} and {DATA.relative_to(ROOT)}")


def measure() -> dict[str, Any]:
    """Play every cell with every system; return the version and the cells of each."""
    with contextlib.ExitStack() as stack:
        arena = stack.enter_context(arena_on(stack.enter_context(running())))
        # All systems play at the same time.
        started = {name: _start(name, arena, stack) for name in WORKERS}
        systems = {}
        for name, plays in started.items():
            cells = {str(cell): _summarise(cell, plays[cell].result()) for cell in matrix.CELLS}
            systems[name] = {"version": read_version(name), "cells": cells}
    return {"systems": systems}


def _start(name: str, arena: Arena, stack: contextlib.ExitStack) -> dict[Cell, Future[Any]]:
    """Have the workers of a system play its cells in turn."""
    workers = []
    for _ in range(WORKERS[name]):
        peer = None if name == OURS else contextlib.closing(Peer(name.lower(), arena))
        system = stack.enter_context(peer) if peer else Ours(arena.client)
        pool = ThreadPoolExecutor(1)
        stack.callback(pool.shutdown, cancel_futures=True)
        workers.append((pool, system))
    turns = zip(ORDER, itertools.cycle(workers), strict=False)
    return {cell: pool.submit(arena.play, system, cell) for cell, (pool, system) in turns}


def _summarise(cell: Cell, played: Mapping[str, Observation]) -> dict[str, Any]:
    seen = played[MESSAGE]
    struck = seen.answers[0]
    return {
        "verdict": seen.verdict(cell.operation).value,
        "struck": seen.struck,
        "effects_when_struck": struck.effects,
        "record_when_struck": seen.records[0],
        "killed": struck.killed,
        "seconds": round(struck.seconds, 1),
    }


def read_version(name: str) -> str:
    """Read the version of a system."""
    if name == OURS:
        return __version__
    code = f"import importlib.metadata as m; print(m.version({PACKAGES[name]!r}))"
    return subprocess.check_output([str(PEERS_INTERPRETER), "-c", code], text=True).strip()


def render(page: str, data: Mapping[str, Any]) -> str:
    """Render each section of the page that has data; the others stay."""
    sections = {name: _list_figures(name, data[name]) for name in FIGURES if name in data}
    if "matrix" in data:
        sections["matrix"] = _draw_matrix(data["matrix"]["systems"])
    return pages.render(page, sections)


def _list_figures(name: str, report: Mapping[str, Any]) -> str:
    rows = [(text, report[figure]) for figure, text in FIGURES[name].items() if figure in report]
    for kind, count in report.get("injected", {}).items():
        rows.append((f"injected: {kind.replace('_', ' ')}", count))
    return pages.table(("figure", "value"), [(text, f"{count:,}") for text, count in rows])


def _draw_matrix(systems: Mapping[str, Any]) -> str:
    """Draw a table of the number of cells with each verdict, and a table for each operation."""
    counts = []
    for system in systems.values():
        cells = system["cells"].values()
        counts.append(Counter(figures["verdict"] for figures in cells))
        counts[-1]["†"] = sum(figures["killed"] for figures in cells)
    words = [verdict.value for verdict in Verdict if verdict is not Verdict.PARKED]
    rows = [(word, *(str(count[word]) for count in counts)) for word in (*words, "†")]
    headings = [f"{name} {system['version']}" for name, system in systems.items()]
    parts = [pages.table((f"of {len(matrix.CELLS)} cells", *headings), rows)]
    for operation in matrix.COMMON:
        rows = [
            (fault.value, *(_write_place(system, operation, fault) for system in systems.values()))
            for fault in matrix.FAULTS
        ]
        parts += [f"### {operation.capitalize()}", pages.table(("fault", *systems), rows)]
    return "\n\n".join(parts)


def _write_place(system: Mapping[str, Any], operation: Operation, fault: Fault) -> str:
    places = []
    for times in matrix.EXTENTS:
        figures = system["cells"][str(Cell(operation, fault, times))]
        places.append(f"{figures['verdict']}{' †' * figures['killed']} {figures['seconds']:.1f}")
    return f"{' · '.join(places)} s"


if __name__ == "__main__":
    write({"matrix": measure()})
