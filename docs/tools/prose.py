"""Checks the texts that people read: with proselint, and for words that this project does not use.

    python -m docs.tools.prose

proselint and the rule about the subject of a sentence read the pages, without their code. The words
of prose.toml may not be there either, nor in comments, docstrings and messages of Python, nor
anywhere in the other files. Each finding is a line; the exit code is 1 if there is one.
"""

import io
import re
import sys
import tokenize
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from proselint.checks import __register__ as proselint_checks
from proselint.config import DEFAULT
from proselint.registry import CheckRegistry
from proselint.tools import LintFile

from scripts.house.files import list_files

ROOT: Final = Path(__file__).resolve().parents[2]
KINDS: Final = {".md", ".tf", ".hcl", ".py", ".toml", ".yaml", ".yml", ".in", ""}
# The licence is not ours; the others have the words, or quote old names.
EXEMPT: Final = {
    *("LICENSE", "docs/tools/prose.toml", "tests/test_house.py", "tests/docs/test_prose.py"),
    *("scripts/house/old_names.toml", "scripts/house/old_inputs.toml", "scripts/house/words.toml"),
}
WORDS: Final = tomllib.loads(Path(__file__).with_suffix(".toml").read_text(encoding="utf-8"))
WORD: Final = re.compile(rf"\b({'|'.join(WORDS)})\b".replace(" ", r"[\s#\"]+"), re.IGNORECASE)
SUBJECT: Final = re.compile(
    r"(?:(?:^|[.|] |\n[ >]*(?:[-*] )?)(?:What|Whoever|Who)|[:;] (?:what|whoever|who))\s[^.?!|]*\.\s"
)
# Each of these takes code, a name or a heading for prose. The longest names come first.
OFF: Final = dict.fromkeys(("misc.phrasal_adjectives", "lexical_illusions", "typography"), False)
CODE: Final = re.compile(
    r"^[ \t]*(?:(?:[-*]|\d+\.)[ \t]+)?```.*?^[ \t]*```[ \t]*$|<!--.*?-->"
    r"|`(?:[^`\n]|\n(?!\s*\n))+`|\]\([^)]*\)|https?://\S+",
    re.DOTALL | re.MULTILINE,
)
MESSAGE: Final = re.compile(r"(?:\S+\s+){3}\S")
"""Four words make a sentence; fewer are a name or data."""


def blank(found: re.Match[str]) -> str:
    """Replace a text by spaces, so that lines and columns stay."""
    return re.sub(r"[^\n]", " ", found[0])


def read_python(text: str) -> str:
    """Return only the comments, docstrings and messages of a module, where they are."""
    lines = [" " * len(line) for line in text.splitlines()]
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        # From Python 3.12 an f-string is several tokens: https://docs.python.org/3/library/token.html
        kind = tokenize.tok_name[token.type]
        is_text = kind in {"COMMENT", "FSTRING_MIDDLE"} or (
            kind == "STRING" and ('"""' in token.string or MESSAGE.search(token.string))
        )
        if is_text:
            row, column = token.start
            for number, line in enumerate(token.string.splitlines(), row - 1):
                lines[number] = lines[number][:column] + line + lines[number][column + len(line) :]
                column = 0
    return "\n".join(lines)


def find_problems(path: Path) -> Iterator[str]:
    """Yield a line for each finding in a file."""
    text = path.read_text(encoding="utf-8")
    text = CODE.sub(blank, read_python(text) if path.suffix == ".py" else text)
    for found in WORD.finditer(text):
        word = " ".join(re.sub(r"[#\"]", " ", found[0]).split())
        yield f"{_locate(path, text, found)}: Write '{WORDS[word.lower()]}', not '{word}'."
    if path.suffix == ".md":
        for found in SUBJECT.finditer(text):
            place, sentence = _locate(path, text, found), " ".join(found[0].split())
            yield f"{place}: Begin with a subject, not with a clause: {sentence}"
        registry = CheckRegistry()
        if not registry.checks:
            registry.register_many(proselint_checks)
        checks = OFF | DEFAULT["checks"] | OFF
        for result in LintFile(str(path), text or " ").lint({**DEFAULT, "checks": checks}):
            message = " ".join(result.check_result.message.split())
            yield f"{path}:{result.pos[0]}: {message}"


def _locate(path: Path, text: str, found: re.Match[str]) -> str:
    begin = found.end() - len(found[0].lstrip())
    return f"{path}:{text.count(chr(10), 0, begin) + 1}"


def main(root: Path = ROOT) -> int:
    """Check the repository; return the exit code."""
    files = [path.relative_to(root) for path in list_files(root) if path.suffix in KINDS]
    files = [path for path in files if path.as_posix() not in EXEMPT]
    problems = [problem for path in files for problem in find_problems(root / path)]
    if problems:
        print(*problems, f"{len(problems)} findings", sep="\n")
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main())
