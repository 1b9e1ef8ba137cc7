"""``make bench``: measure all cases, and write build/benchmark.json and docs/performance.md.

The exit code is 1 if a count (round trips, write units, the zip) misses its target. Times are
reported but never judged, because they depend on the machine as well.

``--case`` measures only the named cases and does not write the page. ``--base`` compares the
package in the working tree with the package as of a commit, alternating between them, and writes
build/comparison.json; the exit code is then 1 if a count became worse. The exit code is 2 if a case
or the commit does not exist.
"""

import argparse
import contextlib
import dataclasses
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from benchmarks import comparison, prices, sizes
from benchmarks.baseline import PACKAGE, UnknownBaseError, unpack_package
from benchmarks.cases import BASE, CASES, CONTENDERS, Case, UnknownCaseError, choose_cases
from benchmarks.fleet import Location, serve, stub
from benchmarks.headline import headline, judged
from benchmarks.measurement import ROUNDS, cold_starts, measure_pairs, measured
from benchmarks.page import DATA, PAGE, sections
from scripts.pages import as_text, render
from scripts.support.emulator import ROOT

REPORT: Final = ROOT / "build" / "benchmark.json"
COMPARISON: Final = ROOT / "build" / "comparison.json"
PLOTTER: Final = ROOT / ".venv-bench" / "bin" / "python"
STARTS: Final = 20
QUICK_STARTS: Final = 3

PAIRS: Final = 5
PAIR_SAMPLES: Final = 250
PAIR_SECONDS: Final = 5.0
"""The time of one version in one round: enough that equal versions differ by only 1 to 2 %."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and write the results; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--quick", action="store_true", help="take few samples, and do not write the page"
    )
    parser.add_argument(
        "--handler",
        type=Path,
        default=ROOT / PACKAGE,
        help="directory of another version of the package",
    )
    parser.add_argument(
        "--case", default="", help="measure only these cases, and do not write the page"
    )
    parser.add_argument(
        "--base", default="", help="compare with this commit; by default in the base case"
    )
    parser.add_argument(
        "--rounds", type=int, default=PAIRS, help="number of rounds of a comparison"
    )
    options = parser.parse_args(arguments)
    if options.rounds < 1:
        parser.error("--rounds must be at least 1")
    handler = options.handler.resolve()
    try:
        if options.base:
            cases = choose_cases(options.case or BASE.name)
            return _compare(handler, options.base, cases, options.rounds, quick=options.quick)
        if options.case:
            return _look(handler, choose_cases(options.case), quick=options.quick)
    except (UnknownCaseError, UnknownBaseError) as error:
        print(error, file=sys.stderr)
        return 2
    report = run(handler, quick=options.quick)
    _write(REPORT, report)
    if not options.quick:
        DATA.write_text(as_text(report))
        PAGE.write_text(render(PAGE.read_text(), sections(report)))
        subprocess.run([PLOTTER, "-m", "benchmarks.plots"], cwd=ROOT, check=True)
    for name, target in report["targets"].items():
        verdict = "holds" if target["holds"] else "MISSED"
        print(f"{name:32} {report['headline'][name]:10g}  limit {target['limit']:7g}  {verdict}")
    print(f"wrote {REPORT.relative_to(ROOT)} in {report['machine']['seconds']} s")
    return int(any(each["counts"] and not each["holds"] for each in report["targets"].values()))


def run(handler: Path, *, quick: bool) -> dict[str, Any]:
    """Measure all cases; return the report.

    Args:
        handler: the directory that contains the package.
        quick: whether to take only a few samples.
    """
    began = time.monotonic()
    report: dict[str, Any] = {}
    cases = _measure_cases(handler, CASES, quick=quick)
    with stub() as endpoint:
        place = Location(endpoint, handler)
        place.ask("SetDelay", milliseconds=BASE.engine_ms)
        print("cold starts ...", file=sys.stderr)
        report["cold_starts"] = cold_starts(place, QUICK_STARTS if quick else STARTS)
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
    report["machine"] = _describe_machine(began)
    figures = headline(report)
    return {"headline": figures, "targets": judged(figures), **report}


def _look(handler: Path, cases: Sequence[Case], *, quick: bool) -> int:
    """Measure some cases; print and write their figures; return the exit code."""
    began = time.monotonic()
    figures = _measure_cases(handler, cases, quick=quick)
    for name, contenders in figures.items():
        print(comparison.format_figures(name, contenders))
    versions, machine = sizes.versions(handler), _describe_machine(began)
    _write(REPORT, {"cases": figures, "versions": versions, "machine": machine})
    print(f"wrote {REPORT.relative_to(ROOT)} in {machine['seconds']} s")
    return 0


def _compare(handler: Path, base: str, cases: Sequence[Case], rounds: int, *, quick: bool) -> int:
    """Measure two versions in turn; print and write their figures; return the exit code."""
    began = time.monotonic()
    compared = {}
    with contextlib.ExitStack() as stack:
        packages = {
            side: Path(stack.enter_context(tempfile.TemporaryDirectory()), PACKAGE)
            for side in comparison.SIDES
        }
        commit = unpack_package(ROOT, base, packages["base"].parent)
        # A copy, so that edits during the run are not measured.
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(handler, packages["current"], ignore=ignored)
        endpoints = stack.enter_context(serve(cases))
        for case in cases:
            endpoint = endpoints[case.is_counted]
            places = {side: Location(endpoint, package) for side, package in packages.items()}
            pairs = []
            enough = _shorten(case) if quick else _lengthen(case, rounds)
            for pair in measure_pairs(enough, places, rounds):
                pairs.append(pair)
                print(f"{case.name}, round {len(pairs)} of {rounds}", file=sys.stderr)
            compared[case.name] = comparison.compare(pairs)
            print(comparison.format_comparison(case.name, compared[case.name]))
    changed = comparison.list_changed(compared)
    print("\n".join(changed) or "every count is equal")
    machine = _describe_machine(began)
    report = {"base": commit, "rounds": rounds, "cases": compared, "changed": changed}
    _write(COMPARISON, {**report, "machine": machine})
    print(f"wrote {COMPARISON.relative_to(ROOT)} in {machine['seconds']} s")
    return int(comparison.is_worse(compared))


def _measure_cases(handler: Path, cases: Sequence[Case], *, quick: bool) -> dict[str, Any]:
    figures = {}
    names = [name for name in CONTENDERS if any(name in case.contenders for case in cases)]
    with contextlib.ExitStack() as stack:
        places = {
            counted: stack.enter_context(Location(endpoint, handler).working(names))
            for counted, endpoint in stack.enter_context(serve(cases)).items()
        }
        for case in map(_shorten, cases) if quick else cases:
            print(f"{case.name} ...", file=sys.stderr)
            rounds = 1 if quick else ROUNDS
            figures[case.name] = measured(case, places[case.is_counted], rounds)
    return figures


def _describe_machine(began: float) -> dict[str, Any]:
    return {
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "python": platform.python_version(),
        "botocore": sizes.installed()["botocore"].version,
        "seconds": round(time.monotonic() - began),
    }


def _write(path: Path, report: Mapping[str, Any]) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(as_text(report))


def _shorten(case: Case) -> Case:
    return dataclasses.replace(case, samples=5, seconds=0.5)


def _lengthen(case: Case, rounds: int) -> Case:
    return dataclasses.replace(case, samples=PAIR_SAMPLES * rounds, seconds=PAIR_SECONDS * rounds)


if __name__ == "__main__":
    sys.exit(main())
