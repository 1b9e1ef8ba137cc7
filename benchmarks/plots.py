"""Draws docs/plots/ from docs/performance.json. It runs in ``.venv-bench``, which has matplotlib.

The same data give the same bytes. Each file contains the digest of its data, so that a test can
detect an outdated plot.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from benchmarks.cases import BASE, CASES, CONTENDERS, Case
from benchmarks.page import DATA, PLOTS, THEMES, TITLES

INK: Final = {"light": "#24292f", "dark": "#e6edf3"}
GRID: Final = {"light": "#d0d7de", "dark": "#3d444d"}
# Colour-blind readers can distinguish these colours (after Okabe and Ito), and the markers.
COLOURS: Final = {
    "light": ("#0072b2", "#6e7781", "#007a5a", "#c24e00", "#a8508a"),
    "dark": ("#56b4e9", "#9198a1", "#2fbf95", "#f0803c", "#d98fc0"),
}
MARKERS: Final = "os^Dv"
STYLE: Final = {
    "svg.hashsalt": "performance",
    "svg.fonttype": "none",
    "font.family": "sans-serif",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
}

Figures = dict[str, Any]


class Panel(NamedTuple):
    """One pair of axes.

    Attributes:
        factor: the factor whose cases it shows, together with the base case.
        across: a function for a case's value on the horizontal axis, which is also its label.
        up: a function for the value on the vertical axis.
    """

    factor: str
    title: str
    across: Callable[[Case], float]
    up: Callable[[Figures, Case], float]

    @property
    def cases(self) -> Sequence[Case]:
        """The cases that it shows, from left to right."""
        shown = [each for each in CASES if each == BASE or each.factor == self.factor]
        stub = [each for each in shown if each.engine_ms is not None and each.receive_count == 1]
        return sorted(stub, key=self.across)


def _time(figures: Figures, _: Case) -> float:
    return float(figures["p50_ms"])


def _time_per_message(figures: Figures, case: Case) -> float:
    return float(figures["p50_ms"]) / case.batch


def _dollars(figures: Figures, _: Case) -> float:
    return float(figures["dollars"])


def _batch(case: Case) -> float:
    return case.batch


def _duplicates(case: Case) -> float:
    return case.duplicates


DRAWN: Final = {
    "factors": (
        Panel("engine", "ms per call of the table", lambda case: case.engine_ms or 0, _time),
        Panel("processor", "ms per message of your code", lambda case: case.processor_ms, _time),
        Panel("duplicates", "% duplicates", _duplicates, _time),
    ),
    "batch": (
        Panel("batch", "messages in a batch (ms per batch)", _batch, _time),
        Panel("batch", "messages in a batch (ms each)", _batch, _time_per_message),
    ),
    "dollars": (
        Panel("batch", "messages in a batch", _batch, _dollars),
        Panel("duplicates", "% duplicates", _duplicates, _dollars),
    ),
}
UNITS: Final = {"factors": "ms per batch", "batch": "ms", "dollars": "$ per million messages"}


def drawn(name: str, theme: str, cases: Any) -> Figure:
    """Draw one plot in the colours of one theme."""
    panels = DRAWN[name]
    figure = Figure(figsize=(2.6 * len(panels) + 0.6, 3.0), layout="constrained")
    figure.patch.set_alpha(0)
    for place, panel in enumerate(panels, 1):
        # One scale for all panels that show the same figure.
        shared = figure.axes[0] if figure.axes and panel.up == panels[0].up else None
        axes = figure.add_subplot(1, len(panels), place, sharey=shared)
        axes.patch.set_alpha(0)
        for contender, colour, marker in zip(CONTENDERS, COLOURS[theme], MARKERS, strict=True):
            heights = [panel.up(cases[each.name][contender], each) for each in panel.cases]
            axes.plot(
                range(len(heights)),
                heights,
                color=colour,
                marker=marker,
                markersize=4,
                linewidth=2 if contender == "ours" else 1.2,
                linestyle="--" if contender == "floor" else "-",
                label=TITLES[contender],
            )
        if name == "dollars":
            axes.set_ylim(bottom=0)
        else:
            axes.set_yscale("log")
            axes.yaxis.set_minor_formatter(NullFormatter())
            axes.yaxis.set_major_formatter("{x:g}")
        labels = [f"{panel.across(each):g}" for each in panel.cases]
        axes.set_xticks(range(len(labels)), labels)
        axes.set_xlabel(panel.title)
        axes.grid(visible=True, axis="y", color=GRID[theme], linewidth=0.6)
        if place == 1:
            axes.set_ylabel(UNITS[name])
    handles, labels = figure.axes[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside upper center", ncols=len(labels), fontsize=8)
    return figure


def main() -> None:
    """Draw every plot in every theme."""
    data = DATA.read_bytes()
    cases = json.loads(data)["cases"]
    PLOTS.mkdir(exist_ok=True)
    for theme in THEMES:
        ink = dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor"), INK[theme])
        ticks = dict.fromkeys(("xtick.color", "ytick.color"), INK[theme])
        with mpl.rc_context(STYLE | ink | ticks):
            for name in DRAWN:
                drawn(name, theme, cases).savefig(
                    PLOTS / f"{name}-{theme}.svg",
                    metadata={"Date": None, "Description": hashlib.sha256(data).hexdigest()},
                )


if __name__ == "__main__":
    main()
