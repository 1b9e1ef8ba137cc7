"""The API that users may rely on, and the rules that keep the deployed package small."""

import ast
import io
import sys
import tokenize
from pathlib import Path

import pytest

import idempotent_lambda
import idempotent_lambda_toolkit.testing
from idempotent_lambda import errors

SOURCES = sorted(Path(idempotent_lambda.__file__).parent.rglob("*.py"))
MAXIMUM_CODE_LINES = 6350


def test_package() -> None:
    """The package offers these names and no others."""
    assert idempotent_lambda.__all__ == [
        "AlreadyInProgressError",
        "IdempotencyError",
        "Message",
        "PermanentFailure",
        "ResultUnavailableError",
        "Source",
        "Transaction",
        "__version__",
        "idempotent",
    ]
    assert all(hasattr(idempotent_lambda, name) for name in idempotent_lambda.__all__)


def test_a_name_that_is_not_offered() -> None:
    """Any other name is an ordinary AttributeError, though some names are imported late."""
    with pytest.raises(AttributeError, match="'idempotent_lambda' has no attribute 'nothing'"):
        idempotent_lambda.nothing  # noqa: B018  # looking it up is the test


def test_toolkit() -> None:
    """So does the toolkit's test kit."""
    kit = idempotent_lambda_toolkit.testing
    assert kit.__all__ == [
        "AnswerLost",
        "EffectFailed",
        "Effects",
        "Finding",
        "Hammer",
        "HammerError",
        "InMemoryClaimStore",
        "InMemoryQueues",
        "ManualClock",
        "Reason",
        "Report",
        "events",
        "hammer",
        "message",
        "read_messages",
    ]
    assert all(hasattr(kit, name) for name in kit.__all__)


def test_version() -> None:
    """The version is a release's."""
    assert [part.isdecimal() for part in idempotent_lambda.__version__.split(".")] == [True] * 3


def drawn_tree(text: str) -> dict[str, str]:
    """Each error in a drawing, and its parent."""
    parents: dict[str, str] = {}
    path: list[tuple[int, str]] = []
    for line in text.splitlines():
        drawing, _, rest = line.rpartition("── ")
        name = rest.split("  ")[0] if drawing else line.strip()
        if not (drawing or (name.isidentifier() and name.endswith("Error"))):
            continue
        depth = len(drawing)
        while path and path[-1][0] >= depth:
            path.pop()
        if drawing:
            parents[name] = path[-1][1]
        path.append((depth if drawing else -1, name))
    return parents


def test_error_tree() -> None:
    """The tree drawn in the docstring is the tree of the classes."""
    classes = [each for each in vars(errors).values() if isinstance(each, type)]
    parents = {
        each.__name__: each.__base__.__name__
        for each in classes
        if each is not errors.IdempotencyError and each.__base__ is not None
    }
    assert drawn_tree(errors.__doc__ or "") == parents
    assert len(parents) == 22
    assert all(issubclass(each, errors.IdempotencyError) for each in classes)


def imported(tree: ast.AST) -> set[str]:
    """The top-level packages that a module imports when it runs."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = []
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            names.add((node.module or "").split(".")[0])
    return names


def test_imports() -> None:
    """Nothing is imported but what Lambda ships, and boto3 itself only for transactions."""
    found = {str(path): imported(ast.parse(path.read_text())) for path in SOURCES}
    asking = [Path(name).stem for name, names in found.items() if "boto3" in names]
    assert asking == ["transaction"]
    others = set().union(*found.values()) - sys.stdlib_module_names - {"boto3"}
    assert others == {"botocore", "jmespath", "idempotent_lambda"}


def code_lines(source: str) -> int:
    """Lines that hold code: no blank ones, no comments, no docstrings."""
    silent = {
        tokenize.COMMENT,
        tokenize.NL,
        tokenize.NEWLINE,
        tokenize.INDENT,
        tokenize.DEDENT,
        tokenize.ENCODING,
        tokenize.ENDMARKER,
    }
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in silent:
            lines |= set(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(source)):
        # A statement that is only a string documents the name before it.
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            lines -= set(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    return len(lines)


def test_counter() -> None:
    """The counter counts a sample as a reader would."""
    sample = '''"""Module.

Text.
"""

import os  # counted

# not counted
LIMIT = 3
"""Not counted."""


def run(
    text="""counted,
    and counted""",
):
    """Not counted."""

    return (
        text
    )
'''
    assert code_lines(sample) == 9


def test_size() -> None:
    """The deployed package has at most as many lines of code as decision 14 says."""
    assert 500 < sum(code_lines(path.read_text()) for path in SOURCES) <= MAXIMUM_CODE_LINES
