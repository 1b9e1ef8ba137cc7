"""The README's commands that the newcomer's test does not run."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()


def test_every_target_exists() -> None:
    """Each `make` command that the README names is a target of the Makefile."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = set(re.findall(r"(?:`|^)make (?:-C \S+ )?([a-z-]+)(?:`|$)", README, re.MULTILINE))
    assert {"demo", "emulator", "emulator-stop", "test", "help"} <= named
    assert named <= targets
