"""Measure the fault matrix and write docs/reliability.md anew: ``make reliability``.

What was measured is kept in docs/reliability.json; the page's generated sections come from there
and from nowhere else, so a test can render them again and compare.
"""

import argparse
import contextlib
import json
import queue
import subprocess
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Final

from idempotent_lambda import __version__
from scripts import pages
from scripts.pages import as_text, table
from scripts.support.emulator import ROOT, running
from tests.faults.arena import Arena, System, arena_on
from tests.faults.cells import (
    CELLS,
    COMMON,
    EXTENTS,
    FAULTS,
    MESSAGE,
    RECEIVES,
    TIMEOUT_SECONDS,
    VISIBILITY_SECONDS,
    Cell,
    Observation,
    Operation,
    Verdict,
)
from tests.faults.systems import PEERS_INTERPRETER, Ours, Peer

PAGE: Final = ROOT / "docs" / "reliability.md"
DATA: Final = ROOT / "docs" / "reliability.json"
BUILD: Final = ROOT / "build"
OURS: Final = "this package"
# A system's cells wait most of the time, for timeouts and pauses: more at once than cores.
WORKERS: Final = {OURS: 4, "powertools": 8, "idemkit": 5}
PACKAGES: Final = {"powertools": "aws-lambda-powertools", "idemkit": "idemkit"}
TITLES: Final = {OURS: OURS, "powertools": "Powertools", "idemkit": "idemkit"}

SOAK_MESSAGES: Final = 5000
"""A shorter soak is a smoke test, and no figures for the page."""

SIMULATION: Final = (
    "states",
    "frontier",
    "violations",
    "mutants",
    "killed",
    "bad_protocols_flagged",
    "seconds",
)

VERDICTS: Final = {
    Verdict.DONE: "the effect ran once, and the delivery was acknowledged",
    Verdict.LATE: "reported without an acknowledgement; the redelivery made it run once",
    Verdict.FREED: "the processor raised and the record was given back; the redelivery ran",
    Verdict.HELD: "the processor raised and the record stayed claimed; the redelivery ran",
    Verdict.TWICE: "the effect ran again in the redelivery",
    Verdict.UNRECORDED: "acknowledged, but the record does not say completed: "
    "the next duplicate runs again",
    Verdict.LOST: "acknowledged without its effect, or dead-lettered",
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--without-matrix", action="store_true", help="keep the matrix that was measured last"
    )
    data = json.loads(DATA.read_text()) if DATA.exists() else {}
    if not parser.parse_args(arguments).without_matrix:
        data["matrix"] = measure()
        BUILD.mkdir(exist_ok=True)
        (BUILD / "fault_matrix.json").write_text(as_text(data["matrix"]))
    # What was not run today keeps its last figures.
    if (report := BUILD / "simulation.json").exists():
        figures = json.loads(report.read_text())
        data["simulation"] = {name: figures[name] for name in SIMULATION}
    if (report := BUILD / "soak.json").exists():
        figures = json.loads(report.read_text())
        if figures["messages"] >= SOAK_MESSAGES:
            data["soak"] = figures
    DATA.write_text(as_text(data))
    PAGE.write_text(render(PAGE.read_text(), data))
    print(f"wrote {PAGE.relative_to(ROOT)} and {DATA.relative_to(ROOT)}")


def measure() -> dict[str, Any]:
    """Play every cell with every system.

    Returns:
        The systems with their version and their cells, each named by operation, fault and extent.
    """
    with contextlib.ExitStack() as stack:
        arena = stack.enter_context(arena_on(stack.enter_context(running())))
        played = {name: _play(name, arena, stack) for name in WORKERS}
        systems = {
            name: {
                "version": version(name),
                "cells": {
                    str(cell): _figures(cell, future.result()) for cell, future in cells.items()
                },
            }
            for name, cells in played.items()
        }
    return {
        "timeout_seconds": TIMEOUT_SECONDS,
        "visibility_seconds": VISIBILITY_SECONDS,
        "receives": RECEIVES,
        "systems": systems,
    }


def _play(name: str, arena: Arena, stack: contextlib.ExitStack) -> dict[Cell, Future[Observation]]:
    idle: queue.SimpleQueue[System] = queue.SimpleQueue()
    for _ in range(WORKERS[name]):
        if name == OURS:
            idle.put(Ours(arena.client))
        else:
            peer = Peer(name, arena)
            stack.callback(peer.close)
            idle.put(peer)

    def play(cell: Cell) -> Observation:
        system = idle.get()
        try:
            return arena.play(system, cell)[MESSAGE]
        finally:
            idle.put(system)

    pool = ThreadPoolExecutor(WORKERS[name])
    stack.callback(pool.shutdown, cancel_futures=True)
    # The longest first, so that none is left alone at the end.
    order = sorted(CELLS, key=lambda cell: (cell.fault != "hang", cell.times is not None))
    futures = {cell: pool.submit(play, cell) for cell in order}
    return {cell: futures[cell] for cell in CELLS}


def _figures(cell: Cell, seen: Observation) -> dict[str, Any]:
    struck = seen.answers[0]
    return {
        "verdict": seen.verdict(cell.operation).value,
        "struck": seen.struck,
        "deliveries": len(seen.answers),
        "effects": seen.effects,
        "effects_when_struck": struck.effects,
        "record_when_struck": seen.records[0],
        "killed": struck.killed,
        "seconds": round(struck.seconds, 1),
    }


def version(name: str) -> str:
    """The version of a system."""
    if name == OURS:
        return __version__
    code = f"import importlib.metadata as m; print(m.version({PACKAGES[name]!r}))"
    found = subprocess.run(
        [PEERS_INTERPRETER, "-c", code], check=True, capture_output=True, text=True
    )
    return found.stdout.strip()


def render(page: str, data: Mapping[str, Any]) -> str:
    """The page, with each generated section made from the data.

    A section without data stays as it is.
    """
    sections = {name: make(data[name]) for name, make in SECTIONS.items() if name in data}
    return pages.render(page, sections)


def simulation_section(figures: Mapping[str, Any]) -> str:
    """The figures of the last ``make simulate``."""
    return table(
        ("figure", "value"),
        [
            ("distinct states", f"{figures['states']:,}"),
            ("states left to explore", f"{figures['frontier']}"),
            ("violations", f"{figures['violations']}"),
            (
                "mutants of conditions and rules, caught",
                f"{figures['killed']} of {figures['mutants']}",
            ),
            ("known-bad protocols, caught", f"{figures['bad_protocols_flagged']}"),
        ],
    )


def soak_section(figures: Mapping[str, Any]) -> str:
    """The figures of the last ``make soak``."""
    names = {
        "messages": "messages sent",
        "unique": "of them unique",
        "poison": "of them poison",
        "lost": "lost",
        "repeated": "repeated without one of the causes of P5",
        "interrupted_repeats": "repeated after an interruption",
        "unconfirmed_repeats": "repeated as the completion could not be confirmed",
        "raised_repeats": "repeated as the processor raised after its effect",
        "dead_lettered": "dead-lettered",
    }
    rows = [(text, f"{figures[name]:,}") for name, text in names.items() if name in figures]
    injected = [
        (f"injected: {name.replace('_', ' ')}", f"{count:,}")
        for name, count in figures["injected"].items()
    ]
    return table(("figure", "value"), rows + injected)


def matrix_section(matrix: Mapping[str, Any]) -> str:
    """The summary, and a table for each operation."""
    systems = matrix["systems"]
    headings = [f"{TITLES[name]} {each['version']}" for name, each in systems.items()]
    counts = [
        Counter(figures["verdict"] for figures in each["cells"].values())
        for each in systems.values()
    ]
    rows = [
        (f"**{verdict}**: {text}", *(str(count[verdict]) for count in counts))
        for verdict, text in VERDICTS.items()
    ]
    killed = [sum(f["killed"] for f in each["cells"].values()) for each in systems.values()]
    rows.append(("†: killed, no answer before the function's timeout", *map(str, killed)))
    parts = [table((f"of {len(CELLS)} cells", *headings), rows)]
    for operation in COMMON:
        lines = [
            (fault.value, *(_row(each["cells"], operation, fault) for each in systems.values()))
            for fault in FAULTS
        ]
        parts += [
            f"### {operation.capitalize()}",
            table(("fault", *(TITLES[name] for name in systems)), lines),
        ]
    return "\n\n".join(parts)


def _row(cells: Mapping[str, Any], operation: Operation, fault: Any) -> str:
    found = [cells[str(Cell(operation, fault, times))] for times in EXTENTS]
    verdicts = [f"{each['verdict']}{' †' * each['killed']}" for each in found]
    seconds = [
        f"> {TIMEOUT_SECONDS}" if each["killed"] else f"{each['seconds']:.1f}" for each in found
    ]
    return f"{' · '.join(verdicts)}<br>{' · '.join(seconds)} s"


SECTIONS: Final[Mapping[str, Callable[[Mapping[str, Any]], str]]] = {
    "simulation": simulation_section,
    "matrix": matrix_section,
    "soak": soak_section,
}

if __name__ == "__main__":
    main()
