"""The deletion guard goes first: Terraform destroys nothing of the module before it."""

import re
from pathlib import Path

import pytest

from scripts.support.terraform import Terraform
from tests.module.stacks import copy_module

GUARD = "terraform_data.deletion_guard"


def trace(guard: str, graph: str) -> set[str]:
    """Return all on which the guard depends, in a graph that Terraform has drawn."""
    edges = re.findall(r'^  "([\w.]+)" -> "([\w.]+)";$', graph, re.MULTILINE)
    reached, waiting = set[str](), [guard]
    while waiting:
        node = waiting.pop()
        found = {needed for dependent, needed in edges if dependent == node} - reached
        reached |= found
        waiting += found
    return reached


@pytest.mark.terraform
def test_the_guard_depends_on_every_resource(tmp_path: Path) -> None:
    """Terraform destroys a resource before those that it depends on, and no data source."""
    root = Terraform(directory=copy_module(tmp_path / "module"))
    root.init("-backend=false")
    graph = root.run("graph")
    nodes = set(re.findall(r'^  "([\w.]+)" \[', graph, re.MULTILINE))
    resources = {node for node in nodes if not node.startswith("data.")}
    assert "aws_sqs_queue.dead_letter" in resources
    assert trace(GUARD, graph) >= resources - {GUARD}


def test_a_resource_that_nothing_leads_to() -> None:
    """A resource is not reached because it needs what the guard needs."""
    graph = f"""
  "{GUARD}" -> "terraform_data.checks";
  "terraform_data.checks" -> "aws_sqs_queue.source";
  "aws_lambda_alias.new" -> "aws_sqs_queue.source";
"""
    assert trace(GUARD, graph) == {"terraform_data.checks", "aws_sqs_queue.source"}
