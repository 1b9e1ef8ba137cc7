"""Checks the repository by all rules, with their limits: ``make lint``.

    python -m scripts.house

To add one, write a function that takes the files of the repository and returns findings, add its
line here, and give tests/test_house.py a snippet that the rule finds and one that it accepts.
"""

import json
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final, NamedTuple

from scripts.house import constructs, naming, old_names, sizes
from scripts.house.files import Finding, Tree, read_tree

ROOT: Final = Path(__file__).resolve().parents[2]
REPORT: Final = "build/house.json"


class Rule(NamedTuple):
    """A rule; the report has the number of its findings, or the largest size, by the key."""

    key: str
    find: Callable[[Tree], Iterable[Finding]]
    limit: int = 0  # the number of findings that it allows


RULES: Final = (
    Rule("largest_module", sizes.MODULES),
    Rule("consumer_lines", sizes.CONSUMER),
    Rule("largest_test_file", sizes.TESTS),
    Rule("largest_tf_file", sizes.TERRAFORM),
    Rule("tf_files_over_300", sizes.find_large_terraform, limit=2),
    Rule("longest_tf_line", sizes.TERRAFORM_LINES),
    Rule("script_lines", sizes.SCRIPTS),
    Rule("any", constructs.find_any, limit=60),
    Rule("casts", constructs.find_casts, limit=8),
    Rule("ignores", constructs.find_ignores, limit=1),
    Rule("duplicate_names", naming.find_duplicate_names),
    Rule("participle_functions", naming.find_participle_functions),
    Rule("old_names", old_names.find_old_names),
    Rule("old_names_tf", old_names.find_old_inputs),
    Rule("source_comparisons", constructs.find_source_comparisons),
    Rule("source_literals", constructs.find_source_literals),
    Rule("class_name_values", constructs.find_class_name_values),
    Rule("banned_constructs", constructs.find_banned_constructs),
)


def check_rules(tree: Tree, rules: Iterable[Rule] = RULES) -> tuple[dict[str, int], list[str]]:
    """Return the number for each rule, and a line for each finding of the broken rules.

    If a rule has more findings than it allows, the lines list all: you choose what to remove.
    """
    numbers: dict[str, int] = {}
    lines: list[str] = []
    for rule in rules:
        found = sorted(rule.find(tree))
        size = rule.find if isinstance(rule.find, sizes.Size) else None
        numbers[rule.key] = size.measure(tree) if size else len(found)
        if len(found) > rule.limit:
            allowed = f", at most {rule.limit} of {len(found)} may stay" if rule.limit else ""
            lines += [
                f"{path}:{line}: {problem} ({rule.key}{allowed}): {remedy}"
                for path, line, problem, remedy in found
            ]
    return numbers, lines


def main(root: Path = ROOT) -> int:
    """Check a repository, write the numbers, print the findings; return the exit code."""
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
    sys.exit(main())
