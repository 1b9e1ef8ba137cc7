"""The README's snippets are run as they stand."""

import json
import re
import runpy
import shutil
from pathlib import Path
from types import SimpleNamespace

import pytest

from scripts.lab.emulator import Emulator
from scripts.lab.terraform import Terraform, environment

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def snippet(language: str) -> str:
    """The README's only snippet in a language."""
    (found,) = re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)
    return found


def test_processor(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The processor of the README processes a message."""
    path = tmp_path / "orders.py"
    path.write_text(snippet("python"))
    body = {"order_id": "ORDER-1", "amount_cents": 1999}
    runpy.run_path(str(path))["process"](SimpleNamespace(body=body))
    assert capsys.readouterr().out == "charging 1999 cents for ORDER-1\n"


@pytest.mark.terraform
@pytest.mark.emulator
def test_stack(tmp_path: Path, emulator: Emulator, account: str) -> None:
    """The module block of the README plans, in a directory beside the repository, 9 resources."""
    beside = tmp_path / "terraform-aws-idempotent-lambda"
    shutil.copytree(ROOT, beside, ignore=shutil.ignore_patterns(".*", "build", "tests"))
    stack = tmp_path / "stack"
    (stack / "src").mkdir(parents=True)
    (stack / "src" / "orders.py").write_text(snippet("python"))
    (stack / "main.tf").write_text(snippet("hcl"))
    terraform = Terraform(directory=stack, environment=environment(emulator.environment(account)))
    terraform.init()
    assert "Plan: 9 to add" in terraform.run("plan", "-input=false")


def test_costs() -> None:
    """The README's round trips and units are those of docs/performance.json."""
    cases = json.loads((ROOT / "docs" / "performance.json").read_text())["cases"]
    for row, case in (
        ("first deliveries: claim and completion", "base"),
        ("duplicates", "100 % duplicates"),
        ("duplicates that the queue delivers again", "100 % duplicates redelivered"),
    ):
        found = [cases[case]["ours"][each] for each in ("round_trips", "write_units", "read_units")]
        assert f"| {' | '.join([row, *(f'{each:.0f}' for each in found)])} |" in README
    both = [cases["base"][each]["round_trips"] for each in ("powertools", "ours")]
    claim = re.search(
        r"(\d+) round trips\s+for a batch of ten, where this package makes (\d+)", README
    )
    assert claim
    assert list(claim.groups()) == [f"{each:.0f}" for each in both]


def test_links() -> None:
    """Every relative link of the documentation leads to a file."""
    pages = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]
    links = [
        (page, target)
        for page in pages
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text())
    ]
    assert len(links) > 10
    assert [
        (page.name, target) for page, target in links if not (page.parent / target).exists()
    ] == []
