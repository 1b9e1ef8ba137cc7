"""Checks the repository by the rules of `scripts.house`.

It writes a number for each rule to build/house.json, and prints a line for each finding that breaks
a rule.
"""

import gc
import json
import sys
from pathlib import Path
from typing import Final

from scripts.house.files import read_tree
from scripts.house.rules import check_rules

ROOT: Final = Path(__file__).resolve().parents[2]
REPORT: Final = "build/house.json"


def main(root: Path = ROOT) -> int:
    """Check a repository; return the exit code."""
    numbers, lines = check_rules(read_tree(root))
    report = root / REPORT
    report.parent.mkdir(exist_ok=True)
    report.write_text(json.dumps(numbers, indent=2) + "\n", encoding="utf-8")
    for line in lines:
        print(line)
    if lines:
        print(f"{len(lines)} findings; the numbers are in {REPORT}", file=sys.stderr)
    return 1 if lines else 0


if __name__ == "__main__":
    gc.disable()  # syntax trees are many objects, which all stay
    sys.exit(main())
