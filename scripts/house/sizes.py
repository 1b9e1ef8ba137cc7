"""Rules for the lengths of files and lines."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from scripts.house.files import PACKAGE, Finding, Tree


@dataclass(frozen=True)
class Size:
    """A size, and the largest that is allowed."""

    paths: str  # a regular expression
    limit: int
    unit: str = "lines"  # of each file; "lines in all" of all files; "characters" of each line
    remedy: str = "split the file"

    def list_sizes(self, tree: Tree) -> list[tuple[str, int, int]]:
        """List the path, the line and the size of all that is measured."""
        pattern = re.compile(self.paths)
        files = [(f.path, f.text.splitlines()) for f in tree.files if pattern.fullmatch(f.path)]
        if self.unit == "characters":
            return [
                (path, n, len(line)) for path, lines in files for n, line in enumerate(lines, 1)
            ]
        if self.unit == "lines in all":
            return [("scripts", 1, sum(len(lines) for _, lines in files))]
        return [(path, self.limit + 1, len(lines)) for path, lines in files]

    def measure(self, tree: Tree) -> int:
        """Return the largest size; 0 if there is none."""
        return max((size for _, _, size in self.list_sizes(tree)), default=0)

    def __call__(self, tree: Tree) -> Iterator[Finding]:
        """Find what is too large, or report that nothing is measured."""
        sizes = self.list_sizes(tree)
        if not sizes:
            remedy = "correct the paths in scripts/house/sizes.py"
            yield Finding(".", 1, f"no file `{self.paths}`", remedy)
        for path, line, size in sizes:
            if size > self.limit:
                problem = f"{size} {self.unit}, at most {self.limit}"
                yield Finding(path, line, problem, self.remedy)


_ROOT_MODULES: Final = r"(examples/.+/)?[^/]+\.tf"
MODULES: Final = Size(PACKAGE + r".+\.py", 300)
CONSUMER: Final = Size(PACKAGE + r"(.+/)?consumer\.py", 250)
TESTS: Final = Size(r"tests/.+\.(py|tftest\.hcl)", 600)
TERRAFORM: Final = Size(_ROOT_MODULES, 450)
TERRAFORM_LINES: Final = Size(_ROOT_MODULES, 120, "characters", "break the line")
SCRIPTS: Final = Size(
    r"(scripts|tests/end_to_end/scenarios)/.+\.py",
    6300,
    "lines in all",
    "use a kept tool, or move tests to tests/",
)
"""The scripts, and the scenarios that moved from there to the tests."""


def find_large_terraform(tree: Tree) -> Iterator[Finding]:
    """Find large files of Terraform, which are few."""
    return Size(_ROOT_MODULES, 300)(tree)
