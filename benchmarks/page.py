"""Writes the generated sections of docs/performance.md, from docs/performance.json alone."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from benchmarks.cases import BASE, CONTENDERS
from benchmarks.headline import TARGETS
from scripts.pages import table

# This module must import in the environment of the plots too.
DOCS: Final = Path(__file__).parents[1] / "docs"
PAGE: Final = DOCS / "performance.md"
DATA: Final = DOCS / "performance.json"
PLOTS: Final = DOCS / "plots"
TITLES: Final = {
    "ours": "this package",
    "floor": "floor",
    "seed": "bare loop",
    "powertools": "Powertools",
    "idemkit": "idemkit",
    "boto3_client": "bare boto3 client",
}
PICTURES: Final = {
    "factors": "Median milliseconds per batch of 10, by time per call, processor and duplicates",
    "batch": "Median milliseconds per batch, and per message, by batch size",
    "dollars": "Dollars per million messages, by batch size and by share of duplicates",
}
NONE: Final = "–"  # noqa: RUF001  # a dash, as it is printed
THEMES: Final = ("light", "dark")

Report = Mapping[str, Any]


def sections(report: Report) -> dict[str, str]:
    """Return the generated sections by name."""
    return {
        "targets": _targets(report),
        "base": _base(report),
        "times": _times(report),
        "units": _units(report),
        "prices": _dollars(report),
        "starts": _starts(report),
        **{name: picture(name) for name in PICTURES},
        "machine": _machine(report),
    }


def picture(name: str) -> str:
    """Return the HTML that shows a plot in the reader's colour scheme."""
    return (
        f'<picture><source media="(prefers-color-scheme: dark)" srcset="plots/{name}-dark.svg">'
        f'<img alt="{PICTURES[name]}" src="plots/{name}-light.svg"></picture>'
    )


def _targets(report: Report) -> str:
    rows = [
        (
            target.meaning,
            f"{report['headline'][name]:g}",
            f"{'<' if name == 'cold_start_vs_powertools' else '≤'} {target.limit:.3g}",
            "yes" if report["targets"][name]["holds"] else "**no**",
        )
        for name, target in TARGETS.items()
    ]
    return table(("figure", "measured", "limit", "holds"), rows)


def _base(report: Report) -> str:
    figures = report["cases"][BASE.name]
    rows = [
        (
            _titled(report, name),
            f"{each['round_trips']:g}",
            f"{each['write_units']:g}",
            _median(each),
            f"{each['p99_ms']:.1f}" if each["p99_ms"] else NONE,
            f"{each['cpu_ms_per_message']:.2f}",
            f"{each['peak_mb']:.0f}",
            f"{report['sizes'][name]:,.0f}" if name in report["sizes"] else NONE,
            f"{each['n']}",
        )
        for name, each in figures.items()
    ]
    headings = ("calls", "write units", "p50, ms", "p99, ms", "CPU per message, ms")
    return table(("", *headings, "peak memory, MB", "adds to a zip, KB", "batches"), rows)


def _titled(report: Report, name: str) -> str:
    return f"{TITLES[name]} {report['versions'].get(name, '')}".strip()


def _median(figures: Mapping[str, Any], kind: str = "ms") -> str:
    median, low, high = (figures[f"{each}_{kind}"] for each in ("p50", "q1", "q3"))
    return f"{median:.1f} ({low:.1f}–{high:.1f})"  # noqa: RUF001  # a range, as it is printed


def _times(report: Report) -> str:
    rows = [
        (case, *(f"{_median(figures[name])}, {figures[name]['n']}" for name in CONTENDERS))
        for case, figures in report["cases"].items()
    ]
    return table(("case", *(TITLES[name] for name in CONTENDERS)), rows)


def _units(report: Report) -> str:
    rows = [
        (case, *(_counted(figures[name]) for name in CONTENDERS))
        for case, figures in report["cases"].items()
        if case == BASE.name or "batch" in case or "duplicates" in case
    ]
    return table(("case", *(TITLES[name] for name in CONTENDERS)), rows)


def _counted(figures: Mapping[str, Any]) -> str:
    kinds = ("round_trips", "write_units", "read_units")
    return " · ".join(f"{figures[kind]:g}" for kind in kinds)


def _dollars(report: Report) -> str:
    rows = [
        (
            case,
            *(
                f"{figures[name]['dollars']:.2f} ({figures[name]['table_dollars']:.2f})"
                for name in CONTENDERS
            ),
        )
        for case, figures in report["cases"].items()
        if "dollars" in figures["ours"]
    ]
    return table(("case", *(TITLES[name] for name in CONTENDERS)), rows)


def _starts(report: Report) -> str:
    kinds = ("ready_cpu_ms", "ready_wall_ms", "answered_cpu_ms", "answered_wall_ms")
    rows = [
        (TITLES[name], *(_median(figures, kind) for kind in kinds), str(figures["n"]))
        for name, figures in report["cold_starts"].items()
    ]
    headings = ("ready, CPU", "ready, wall", "first answer, CPU", "first answer, wall")
    return table(("ms", *headings, "starts"), rows)


def _machine(report: Report) -> str:
    return (
        "One run took {seconds:.0f} s, on {cores} cores ({machine}) with Python {python} and "
        "botocore {botocore}."
    ).format(**report["machine"])
