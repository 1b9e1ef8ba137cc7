"""All rules, with their limits."""

from collections.abc import Callable, Iterable
from functools import partial
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
    find: Callable[[Tree], Iterable[Finding]]
    limit: int = 0
    measure: Callable[[Tree], int] | None = None


def _limit_size(key: str, kind: sizes.Kind) -> Rule:
    """Return the rule that holds the largest file of a kind below its limit."""
    find = partial(sizes.find_longer, kind=kind)
    return Rule(key, find, measure=partial(sizes.measure_largest, kind=kind))


RULES: Final = (
    _limit_size("largest_module", sizes.MODULES),
    _limit_size("consumer_lines", sizes.CONSUMER),
    _limit_size("largest_test_file", sizes.TESTS),
    _limit_size("largest_tf_file", sizes.TERRAFORM),
    Rule("tf_files_over_300", partial(sizes.find_longer, kind=sizes.LARGE_TERRAFORM), limit=2),
    Rule("longest_tf_line", sizes.find_long_tf_lines, measure=sizes.measure_longest_tf_line),
    Rule("script_lines", sizes.find_large_scripts, measure=sizes.measure_scripts),
    Rule("any", sizes.find_any, limit=60),
    Rule("casts", sizes.find_casts, limit=8),
    Rule("ignores", sizes.find_ignores, limit=1),
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
        numbers[rule.key] = rule.measure(tree) if rule.measure else len(found)
        if len(found) > rule.limit:
            allowed = f", at most {rule.limit} of {len(found)} may stay" if rule.limit else ""
            lines += [
                f"{path}:{line}: {problem} ({rule.key}{allowed}): {remedy}"
                for path, line, problem, remedy in found
            ]
    return numbers, lines
