"""All rules, with their limits."""

from collections.abc import Callable, Iterable
from typing import Final, NamedTuple

from scripts.house import constructs, naming, old_names, sizes
from scripts.house.files import Finding, Tree


class Rule(NamedTuple):
    """A rule.

    Attributes:
        key: its name in the report.
        find: returns its findings.
        limit: how many findings it allows.
        measure: returns the number for the report; None for the number of findings.
    """

    key: str
    find: Callable[[Tree], list[Finding]]
    limit: int = 0
    measure: Callable[[Tree], int] | None = None


RULES: Final = (
    Rule("largest_module", sizes.find_large_modules, measure=sizes.measure_largest_module),
    Rule("consumer_lines", sizes.find_large_consumer, measure=sizes.measure_consumer),
    Rule("any", sizes.find_any, limit=60),
    Rule("casts", sizes.find_casts, limit=8),
    Rule("ignores", sizes.find_ignores, limit=1),
    Rule("duplicate_names", naming.find_duplicate_names),
    Rule("participle_functions", naming.find_participle_functions),
    Rule("old_names", old_names.find_old_names),
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
        found = rule.find(tree)
        numbers[rule.key] = rule.measure(tree) if rule.measure else len(found)
        if len(found) > rule.limit:
            allowed = f", at most {rule.limit} of {len(found)} may stay" if rule.limit else ""
            lines += [
                f"{path}:{line}: {problem} ({rule.key}{allowed}): {remedy}"
                for path, line, problem, remedy in sorted(found)
            ]
    return numbers, lines
