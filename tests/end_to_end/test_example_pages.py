"""The commands on each example's page run as they stand, in the emulator's shell.

Two things are not as a reader has them: Terraform does not ask before it applies or destroys, and
pip takes the packages of `dependencies` from a folder.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.support.emulator import ROOT
from tests.end_to_end.test_dependencies import WHEELS, emulated
from tests.module.stacks import copy_module

pytestmark = [
    pytest.mark.emulator,
    pytest.mark.terraform,
    pytest.mark.slow,
    pytest.mark.extended,
    pytest.mark.timeout(900),
]

SHOWN = {
    "quickstart": ["ORDER-1", '"outcome":"completed"', '"outcome":"duplicate"'],
    "fifo": ["MOVEMENT-1", "MOVEMENT-2", "3001"],
    "sns-fanout": ["billing", "shipping"],
    "streams": ["depot", "truck", "door", "delivered"],
    "existing-handler": ["ORDER-1", "1999"],
    "http-api": ["ORDER-1", "1999"],
    "exactly-once": ["ACCOUNT-1", "1999"],
    "dependencies": ["ORDER-1", "Tea &amp; biscuits"],
    "complete": ["ORDER-1: 19.99 EUR"],
}
"""What the page's last look at the tables and the log shows."""

ITEMS = dict.fromkeys(SHOWN, 1) | {"sns-fanout": 2}
"""How many items the table holds, before and after the duplicates have been processed."""

GUIDES = {"existing-handler": ROOT / "docs" / "guides" / "existing-handler.md"}
"""The guide whose commands are for an example's stack."""

BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.DOTALL | re.MULTILINE)
LOOKS = 12
PAUSE_SECONDS = 5


@pytest.fixture
def shell_file(tmp_path: Path) -> Iterator[Path]:
    """What a shell reads to use an emulator, which runs until the test ends."""
    command = [sys.executable, "-m", "scripts.emulator"]
    directory = str(tmp_path / "emulator")
    subprocess.run([*command, "start", directory], cwd=ROOT, check=True)
    yield tmp_path / "emulator" / "env"
    subprocess.run([*command, "stop", directory], cwd=ROOT, check=True)


def test_every_guide_with_commands_is_run() -> None:
    """No guide has commands but those that run on an example's stack."""
    pages = (ROOT / "docs" / "guides").glob("*.md")
    assert [page for page in pages if BLOCK.search(page.read_text())] == [*GUIDES.values()]


def test_every_example_has_a_page() -> None:
    """There is a page with commands for each example."""
    pages = {path.parent.name for path in (ROOT / "examples").glob("*/README.md")}
    assert pages == {path.parent.name for path in (ROOT / "examples").glob("*/main.tf")}
    assert pages == SHOWN.keys()


@pytest.mark.parametrize("example", SHOWN)
def test_commands(tmp_path: Path, shell_file: Path, example: str) -> None:
    """Every command succeeds, the tables show one side effect, and nothing is left."""
    directory = copy_module(tmp_path / "checkout") / "examples" / example
    variables = {"TF_CLI_ARGS_apply": "-auto-approve", "TF_CLI_ARGS_destroy": "-auto-approve"}
    variables |= WHEELS | emulated() if example == "dependencies" else {}
    exports = "".join(f"export {name}='{value}'\n" for name, value in variables.items())

    def run(commands: str) -> str:
        whole = f"set -eu\n. {shell_file}\n{exports}{commands}"
        result = subprocess.run(
            ["sh", "-c", whole], cwd=directory, capture_output=True, text=True, check=False
        )
        assert result.returncode == 0, f"{commands}\n{result.stdout}{result.stderr}"
        return result.stdout

    def look(commands: str) -> str:
        for _ in range(LOOKS):
            shown = run(commands)
            if all(text in shown for text in SHOWN[example]):
                run(f"sleep {PAUSE_SECONDS}")
                for text in (shown, run(commands)):
                    items, _ = json.JSONDecoder().raw_decode(text)
                    assert len(items) == ITEMS[example]
                return shown
            run(f"sleep {PAUSE_SECONDS}")
        raise AssertionError(shown)

    *blocks, last = BLOCK.findall((directory / "README.md").read_text())
    assert len(blocks) >= 3
    if example in GUIDES:
        blocks += BLOCK.findall(GUIDES[example].read_text())
    printed = [
        look(block) if block.startswith("aws dynamodb scan") else run(block)
        for block in [*blocks, last]
    ]
    assert "Destroy complete!" in printed[-1]
