"""How long files and lines are."""

import re
from collections.abc import Iterator
from typing import Final, NamedTuple

from scripts.house.files import PACKAGE, Finding, Tree


class Kind(NamedTuple):
    """A kind of files: the pattern of their paths, and the most lines of one of them."""

    paths: str
    limit: int

    def list_lines(self, tree: Tree) -> dict[str, list[str]]:
        """Return the lines of each file of this kind, by path."""
        pattern = re.compile(self.paths)
        return {f.path: f.text.splitlines() for f in tree.files if pattern.fullmatch(f.path)}

    def measure(self, tree: Tree) -> int:
        """Return the number of lines of the longest file; 0 if there is none."""
        return max(map(len, self.list_lines(tree).values()), default=0)

    def add_up(self, tree: Tree) -> int:
        """Return the number of lines of all files together."""
        return sum(map(len, self.list_lines(tree).values()))

    def find_longer(self, tree: Tree) -> Iterator[Finding]:
        """Find files that are too long, or report that there is no file of this kind."""
        files = self.list_lines(tree)
        if not files:
            remedy = "correct the kind in scripts/house/sizes.py"
            yield Finding(".", 1, f"no file `{self.paths}`", remedy)
        for path, lines in files.items():
            if len(lines) > self.limit:
                problem = f"{len(lines)} lines, at most {self.limit}"
                yield Finding(path, self.limit + 1, problem, "split the file")


_ROOT_MODULES: Final = r"(examples/.+/)?[^/]+\.tf"
MODULES: Final = Kind(PACKAGE + r".+\.py", 300)
CONSUMER: Final = Kind(PACKAGE + r"(.+/)?consumer\.py", 250)
TESTS: Final = Kind(r"tests/.+\.(py|tftest\.hcl)", 600)
TERRAFORM: Final = Kind(_ROOT_MODULES, 450)
LARGE_TERRAFORM: Final = Kind(_ROOT_MODULES, 300)
"""Files of this size are few."""

# As many as there are. The goal is 6,300.
SCRIPTS: Final = Kind(r"(scripts|tests/end_to_end/scenarios)/.+\.py", 6887)
"""The scripts, and what moved from there to the tests. The limit is for all together."""

MAX_TF_LINE: Final = 120


def measure_longest_tf_line(tree: Tree) -> int:
    """Return the number of characters of the longest line of Terraform."""
    files = TERRAFORM.list_lines(tree).values()
    return max((len(line) for lines in files for line in lines), default=0)


def find_long_tf_lines(tree: Tree) -> Iterator[Finding]:
    """Find lines of Terraform that are too long."""
    for path, lines in TERRAFORM.list_lines(tree).items():
        for number, line in enumerate(lines, 1):
            if len(line) > MAX_TF_LINE:
                problem = f"{len(line)} characters, at most {MAX_TF_LINE}"
                yield Finding(path, number, problem, "break the line")


def find_large_scripts(tree: Tree) -> Iterator[Finding]:
    """Report the scripts if they are too long together."""
    lines = SCRIPTS.add_up(tree)
    if lines > SCRIPTS.limit:
        problem = f"{lines} lines in all, at most {SCRIPTS.limit}"
        yield Finding("scripts", 1, problem, "use a kept tool, or move tests to tests/")
