"""The check of prose finds dialect where people read it, and nowhere else."""

from collections.abc import Callable
from pathlib import Path

import pytest

from docs.tools import prose

Check = Callable[[str, str], list[str]]


@pytest.fixture
def check(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Check:
    """Checks a text as a file of this name; returns the findings without the name."""
    monkeypatch.chdir(tmp_path)

    def check(name: str, text: str) -> list[str]:
        path = Path(name)
        path.write_text(text)
        return [problem.removeprefix(f"{name}:") for problem in prose.find_problems(path)]

    return check


@pytest.mark.parametrize("word", sorted(prose.WORDS))
@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        ("page.md", "A line.\n\nThis line has {} in it.\n", 3),
        ("page.md", "| one |\n|---|\n| This cell has {} in it |\n", 3),
        ("main.tf", 'name = "orders"\n# This comment has {} in it.\n', 2),
        ("main.tf", 'error_message = "This message has {} in it."\n', 1),
        ("main.tf", "description = <<-EOT\n    This text has {} in it.\n  EOT\n", 2),
        ("a.tftest.hcl", 'error_message = "It isn\'t {}, is it."\n', 1),
        ("Makefile", "demo: ## Run it, {} and all\n", 1),
        ("code.py", "x = 'it's'\n# this comment has {} in it\ny = 'it's'\n", 2),
        ("page.md", "- ```sh\n  make\n  ```\n\nThis line has {} in it.\n", 5),
        ("code.py", '"""This docstring has {} in it."""\n', 1),
        ("code.py", 'def name() -> None:\n    """Do it.\n\n    It has {} in it.\n    """\n', 4),
        ("code.py", "x = 1  # this comment has {} in it\n", 1),
        ("code.py", 'raise ValueError(f"{{x}}: this error has {} in it")\n', 1),
    ],
)
def test_words(check: Check, word: str, name: str, text: str, line: int) -> None:
    """Each word of the list is found on pages, in Terraform and in Python's docstrings."""
    (found,) = check(name, text.format(word))
    assert found.startswith(f"{line}:")
    assert found.endswith(f": Write '{prose.WORDS[word]}', not '{word}'.")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("page.md", "```python\n{0} = {0}\n```\n\nThe word `{0}` and [it]({0}.md).\n"),
        ("code.py", '{0} = "{0}"\nreport("a {0}")\n'),
        ("page.md", "The function reports its own messages. Tellers understand the standard.\n"),
        ("page.md", "What does it cost? Two write units.\n"),
        ("empty.py", ""),
    ],
)
def test_code_is_left_alone(check: Check, name: str, text: str) -> None:
    """Code, addresses, questions and longer words are not findings."""
    assert check(name, text.format("beside")) == []


@pytest.mark.parametrize(
    "text",
    [
        "Intro.\n\nWhat the table holds is deleted later.\n",
        "It ends. Who asks again gets the first answer.\n",
        "It is simple: whoever asks gets it.\n",
    ],
)
def test_clauses_as_subjects(check: Check, text: str) -> None:
    """A sentence that begins with a clause is found."""
    (found,) = check("page.md", text)
    assert "Begin with a subject" in found


def test_phrases_over_two_lines(check: Check) -> None:
    """A phrase of several words is found where a line ends in it."""
    assert check("page.md", "It has a name of its\nown.\n")[0].startswith("1:")
    assert check("code.py", "# It has a name of its\n# own.\n") != []


def test_short_docstrings(check: Check) -> None:
    """A docstring is read however short it is, and so is each part of an f-string."""
    assert len(check("code.py", '"""Tells it."""\n')) == 1
    assert len(check("code.py", 'f"the log tells {a} and {b} mends it"\n')) == 2


def test_a_repository(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Each kind of file is checked, the exempt ones are not, and a finding is an error."""
    (tmp_path / "docs" / "tools").mkdir(parents=True)
    (tmp_path / "docs" / "tools" / "prose.toml").write_text('told = "logged"\n')
    assert prose.main(tmp_path) == 0
    names = [
        "page.md",
        "main.tf",
        "a.hcl",
        "code.py",
        "a.toml",
        "a.yml",
        "a.yaml",
        "a.in",
        "Makefile",
    ]
    for name in names:
        (tmp_path / name).write_text("# it is told\n")
    assert prose.main(tmp_path) == 1
    found = capsys.readouterr().out.splitlines()
    assert found.pop() == f"{len(names)} findings"
    assert {Path(line.partition(":")[0]).name for line in found} == set(names)


def test_proselint(check: Check) -> None:
    """Proselint's checks read pages, and only pages."""
    assert check("page.md", "It is a very unique idea.\n") != []
    assert check("page.md", "It is an added bonus.\n") != []
    assert check("code.py", '"""It is a very unique idea."""\n') == []
