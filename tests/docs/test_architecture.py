"""The layers and the steps in docs/architecture.md match the package."""

import re
from importlib import import_module
from pathlib import Path

import pytest

from idempotent_lambda.pipeline import consumer

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "handler" / "idempotent_lambda"
PAGE = (ROOT / "docs" / "architecture.md").read_text()
SECTION = PAGE.partition("## What the package does")[2].partition("\n## ")[0]
HOMES = {
    "read_event": "sources.event",
    "group_by_key": "pipeline.grouping",
    "Invocation.wait_for_tasks": "pipeline.invocation",
    "BatchPlan.take_tasks": "protocol.plan",
    "Performer.perform": "pipeline.performer",
    "ask_store": "pipeline.asking",
    "advance": "protocol.lifecycle",
    "BatchPlan.record_finished": "protocol.plan",
    "call_processor": "pipeline.processor",
    "Flusher": "pipeline.workers",
    "Reports.report": "pipeline.reports",
    "build_response": "sources.response",
}
"""The module of each function that the walk names."""


def list_layers() -> set[str]:
    """The modules and folders of the package."""
    folders = {f"{path.parent.name}/" for path in PACKAGE.glob("*/__init__.py")}
    modules = {path.stem for path in PACKAGE.glob("*.py")} - {"__init__"}
    return folders | modules


def test_every_layer_is_in_the_table() -> None:
    """The table names each folder and each module at the top of the package, and no other."""
    rows = re.findall(r"^\| (.+?) \| .+? \| .+? \|$", SECTION, re.MULTILINE)[1:]
    assert set(re.findall(r"`([^`]+)`", " ".join(rows))) == list_layers()


def test_the_walk_is_the_docstrings() -> None:
    """The page has the ten steps word for word as the consumer's docstring has them."""
    walk = re.findall(r"^ ?\d+\. .+$", consumer.__doc__ or "", re.MULTILINE)
    assert len(walk) == 10
    assert "\n".join(walk) in SECTION


def test_every_function_of_the_walk_has_a_home() -> None:
    """Each name in the walk is one of the functions below."""
    walk = " ".join(re.findall(r"^ ?\d+\. .+$", SECTION, re.MULTILINE))
    assert set(re.findall(r"`([^`]+)`", walk)) == set(HOMES)


@pytest.mark.parametrize("name", HOMES)
def test_a_function_of_the_walk_exists(name: str) -> None:
    """Each function of the walk is where the page says."""
    found: object = import_module(f"idempotent_lambda.{HOMES[name]}")
    for part in name.split("."):
        found = getattr(found, part)
    assert callable(found)
