"""Alarms and dashboard use metrics that exist; each alarm names a section of the runbook."""

import json
import re

from idempotent_lambda.metrics import DIMENSION, METRICS, NAMESPACE
from tests.module.aws_metrics import SERVICES
from tests.module.stacks import ROOT

ALARMS = (ROOT / "alarms.tf").read_text(encoding="utf-8")
DASHBOARD = (ROOT / "dashboard.tf").read_text(encoding="utf-8")
PAGE = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")


def alarmed() -> set[tuple[str, str]]:
    """Namespace and name of each metric that an alarm watches."""
    found = re.findall(r"namespace += (.+)\n +metrics += (\[.+\])\n", ALARMS)
    assert len(found) == len(re.findall(r"^      runbook ", ALARMS, re.MULTILINE))
    return {(spelt(namespace), name) for namespace, names in found for name in json.loads(names)}


def shown() -> set[tuple[str, str]]:
    """Namespace and name of each metric on the dashboard."""
    widgets = re.findall(
        r"^ +namespace +=(.+)\n.+\n +lines = \[\n((?: +{ metric .+\n)+)", DASHBOARD, re.MULTILINE
    )
    assert len(widgets) == DASHBOARD.count("lines = [") > 0
    return {
        (spelt(namespace.strip()), name)
        for namespace, lines in widgets
        for name in re.findall(r"{ metric = \"(\w+)\", stat", lines)
    }


def spelt(namespace: str) -> str:
    """A namespace as CloudWatch has it."""
    (own,) = re.findall(r'metric_namespace += "(\w+)"', ALARMS)
    return own if namespace == "local.metric_namespace" else json.loads(namespace)


def test_each_alarm_has_a_metric() -> None:
    """Every alarm watches a metric that the package writes, or one that AWS documents."""
    for namespace, name in alarmed():
        assert name in SERVICES[namespace].units()


def test_the_dashboard_shows_every_metric() -> None:
    """The dashboard shows all that the package writes, and otherwise what AWS documents."""
    assert {name for namespace, name in shown() if namespace == NAMESPACE} == set(METRICS)
    for namespace, name in shown():
        assert name in SERVICES[namespace].units()


def test_what_needs_metrics() -> None:
    """The alarms that turn metrics on are those that watch the package's."""
    (listed,) = re.findall(r"message_alarms += (\[.+\])", ALARMS)
    assert {name for namespace, name in alarmed() if namespace == NAMESPACE} == set(
        json.loads(listed)
    )


def test_the_dimension() -> None:
    """Alarms and dashboard look for the package's metrics where Lambda's own are: by function."""
    assert re.search(rf"function_dimensions += {{ {DIMENSION} = local.function_name }}", ALARMS)
    blocks = re.findall(r"namespace += local.metric_namespace\n.+\n +dimensions += (.+)\n", ALARMS)
    assert set(blocks) == {"local.function_dimensions"}


def test_each_widget_has_the_dimension_of_its_metrics() -> None:
    """A widget finds its metrics by the dimension that their service gives them."""
    keys = dict(re.findall(r"(\w+_dimensions) += { (\w+) = local", ALARMS))
    widgets = re.findall(r"namespace +=(.+)\n +dimensions = local\.(\w+)\n", DASHBOARD)
    assert len(widgets) == DASHBOARD.count("lines = [")
    for namespace, dimensions in widgets:
        assert keys[dimensions] == SERVICES[spelt(namespace.strip())].dimension


def test_the_dashboard_names_the_unit_of_each_time() -> None:
    """A line that shows a time has the unit of its metric in its label or its widget's title."""
    widgets = re.findall(
        r'^ +title += "(.+)"\n +namespace +=(.+)\n.+\n +lines = \[\n((?: +{ metric .+\n)+)',
        DASHBOARD,
        re.MULTILINE,
    )
    assert len(widgets) == DASHBOARD.count("lines = [")
    units = {"Seconds": "(s)", "Milliseconds": "(ms)"}
    for title, namespace, lines in widgets:
        service = SERVICES[spelt(namespace.strip())]
        for name, label in re.findall(r'metric = "(\w+)", stat.+?label = "(.+?)"', lines):
            assert units.get(service.units()[name], "") in f"{title} {label}"


def test_the_page_has_every_metric() -> None:
    """docs/metrics.md says of each metric its unit, what it counts, and what to do."""
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| (.+) \| (.+) \|$", PAGE, re.MULTILINE)
    assert [(name, unit) for name, unit, *_ in rows] == list(METRICS.items())


def test_each_alarm_names_places_of_the_runbook() -> None:
    """Where an alarm sends its reader there is a heading, or an outcome's row, of that name."""
    runbook = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
    places = re.findall(r"^## (.+)$|^\| `(\w+)` \|", runbook, re.MULTILINE)
    lists = re.findall(r"^ +runbook += (\[.+\])$", ALARMS, re.MULTILINE)
    assert len(lists) == ALARMS.count("  description = ") > 0
    assert {place for each in lists for place in json.loads(each)} <= {a or b for a, b in places}
