"""``make bench``: measure everything once, write build/benchmark.json and docs/performance.md.

Ends with 1 if a count (round trips, write units, the zip) misses its target. Times are reported,
never judged: they are the machine's as much as ours.
"""

import argparse
import contextlib
import dataclasses
import os
import platform
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks import prices, sizes
from benchmarks.cases import BASE, CASES, Case
from benchmarks.fleet import Place, stub
from benchmarks.headline import headline, judged
from benchmarks.measurement import ROUNDS, cold_starts, measured
from benchmarks.page import DATA, PAGE, sections
from scripts.lab.emulator import ROOT, running
from scripts.pages import as_text, rendered

REPORT: Final = ROOT / "build" / "benchmark.json"
PLOTTER: Final = ROOT / ".venv-bench" / "bin" / "python"
STARTS: Final = 20
QUICK_STARTS: Final = 3


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and write; the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few samples, and no page")
    parser.add_argument("--handler", type=Path, default=ROOT / "handler", help="another version")
    options = parser.parse_args(arguments)
    report = run(options.handler.resolve(), quick=options.quick)
    REPORT.parent.mkdir(exist_ok=True)
    REPORT.write_text(as_text(report))
    if not options.quick:
        DATA.write_text(as_text(report))
        PAGE.write_text(rendered(PAGE.read_text(), sections(report)))
        subprocess.run([PLOTTER, "-m", "benchmarks.plots"], cwd=ROOT, check=True)
    for name, target in report["targets"].items():
        verdict = "holds" if target["holds"] else "MISSED"
        print(f"{name:32} {report['headline'][name]:10g}  limit {target['limit']:7g}  {verdict}")
    print(f"wrote {REPORT.relative_to(ROOT)} in {report['machine']['seconds']} s")
    return int(any(each["counts"] and not each["holds"] for each in report["targets"].values()))


def run(handler: Path, *, quick: bool) -> dict[str, Any]:
    """The report of one run.

    Args:
        handler: the directory that holds the package.
        quick: whether to take few samples only.
    """
    began = time.monotonic()
    report: dict[str, Any] = {}
    with contextlib.ExitStack() as stack:
        here = stack.enter_context(Place(stack.enter_context(stub()), handler).working())
        there = stack.enter_context(Place(stack.enter_context(running()), handler).working())
        cases = {}
        for case in map(_shortened, CASES) if quick else CASES:
            print(f"{case.name} ...", file=sys.stderr)
            place = there if case.engine_ms is None else here
            cases[case.name] = measured(case, place, 1 if quick else ROUNDS)
        here.ask("SetDelay", milliseconds=BASE.engine_ms)
        print("cold starts ...", file=sys.stderr)
        report["cold_starts"] = cold_starts(here, QUICK_STARTS if quick else STARTS)
    for case in CASES:
        for figures in cases[case.name].values():
            if "write_units" in figures:
                figures.update(prices.dollars_per_million(figures, case.batch))
    report["cases"] = cases
    report["sizes"] = {
        "ours": sizes.zip_kb(handler),
        **{name: sizes.peer_kb(name) for name in sizes.PACKAGES},
    }
    report["versions"] = sizes.versions(handler)
    report["machine"] = {
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "botocore": sizes.installed()["botocore"].version,
        "seconds": round(time.monotonic() - began),
    }
    figures = headline(report)
    return {"headline": figures, "targets": judged(figures), **report}


def _shortened(case: Case) -> Case:
    return dataclasses.replace(case, samples=5, seconds=0.5)


if __name__ == "__main__":
    sys.exit(main())
