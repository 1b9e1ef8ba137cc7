"""docs/api.md says what the code's signatures and docstrings say, of every public name."""

import importlib
import re
from pathlib import Path

import pytest

from scripts import reference

PAGE = reference.PAGE.read_text()
MODULE = '''\
"""A module."""

from made import tools
from made.parts import Failure, wait

__all__ = ["Color", "Failure", "Shelf", "limit", "tools", "wait"]

limit = 3


class Color(StrEnum):
    """What it looks like."""

    RED = "red"


class Shelf:
    """Where things stand, ``as they are``.

    Attributes:
        things: what stands there; in order,
            from the left.
    """

    def __init__(self) -> None:
        self.things: list[str] = []

    def put(self, thing: str, *others: str, place: int = 0, **more: Any) -> bool:
        """Put it there, see https://example.com/a.

        Raises:
            Failure, OSError: it is full.
        """

    def take(self) -> str:
        """See `Store.take`."""

    def _hidden(self) -> None: ...
'''
TOOLS = '''\
"""What helps."""

from made.parts import Millis


def turn(most: Millis, least: Millis = 0) -> None:
    """Turn it once."""


def _slip() -> None: ...
'''
PARTS = '''\
"""Its parts."""

from typing import NewType

Millis = NewType("Millis", int)
"""A duration."""


class Failure(Exception):
    """It did not go well."""


def wait(
    least: Millis, most: Millis | None = None, *, patient: bool = True, because: str = "of a reason"
) -> None:
    """Wait.

    Args:
        least: so long, in milliseconds.
        most: no longer.
        patient: whether to
            sit down.
        because: of what.

    Returns:
        Nothing.
    """
'''
SECTION = """\
### `Color`

A subclass of `StrEnum`.

What it looks like.

- `RED`: `'red'`

### `Failure`

A subclass of `Exception`.

It did not go well.

### `limit`

```python
limit = 3
```

### `Shelf`

Where things stand, `as they are`.

Attributes:

- `things`: what stands there; in order, from the left.

#### `Shelf.put()`

```python
put(thing: str, *others: str, place: int = 0, **more: Any) -> bool
```

Put it there, see <https://example.com/a>.

Raises:

- `Failure`, `OSError`: it is full.

The methods of `Store`: `take`.

### `tools`

What helps.

#### `tools.turn()`

```python
turn(most: Millis, least: Millis = 0) -> None
```

- `Millis`: A duration.

Turn it once.

### `wait`

```python
wait(
    least: Millis,
    most: Millis | None = None,
    *,
    patient: bool = True,
    because: str = 'of a reason',
) -> None
```

Wait.

Arguments:

- `least`: so long, in milliseconds.
- `most`: no longer.
- `patient`: whether to sit down.
- `because`: of what.

Returns:

- Nothing."""


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A directory with a package and a page for it."""
    package = tmp_path / "made"
    package.mkdir()
    (package / "__init__.py").write_text(MODULE)
    (package / "parts.py").write_text(PARTS)
    (package / "tools.py").write_text(TOOLS)
    (tmp_path / "api.md").write_text(
        f"before\n<!-- begin generated: made -->\n\n{SECTION}\n\n<!-- end generated: made -->\n"
    )
    return tmp_path


def run(directory: Path, *arguments: str) -> int:
    """Make the page of such a directory."""
    page = directory / "api.md"
    return reference.main(arguments, page=page, sources=[directory], modules=["made"])


def test_the_page_is_up_to_date(capsys: pytest.CaptureFixture[str]) -> None:
    """Every public name is documented, and the page says just that."""
    code = reference.main(["--check"])
    assert "".join(capsys.readouterr()) == ""
    assert code == 0


@pytest.mark.parametrize("name", reference.MODULES)
def test_every_public_name_is_there(name: str) -> None:
    """What a module offers when it runs is what its section lists, or one before it."""
    module = importlib.import_module(name)
    section = PAGE.partition(f"<!-- end generated: {name} -->")[0]
    listed = re.findall(r"^### `(\w+)`$", section, re.MULTILINE)
    assert len(listed) == len(set(listed))
    offered = getattr(module, "__all__", None) or [
        each for each, value in vars(module).items() if isinstance(value, type) and each[0] != "_"
    ]
    assert offered
    assert set(offered) <= set(listed)


def test_signatures_and_docstrings(made: Path) -> None:
    """Classes, functions, enumerations and constants become Markdown, imported ones too."""
    assert reference.sections([made], ["made"]) == {"made": SECTION}


def test_written(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A stale page is told by a check, which leaves it, and put right by a run."""
    assert run(made, "--check") == 0
    parts = made / "made" / "parts.py"
    parts.write_text(PARTS.replace("patient: bool = True", "patient: bool = False"))
    before = (made / "api.md").read_text()
    assert run(made, "--check") == 1
    assert "+    patient: bool = False," in capsys.readouterr().out
    assert (made / "api.md").read_text() == before
    assert run(made) == 0
    assert run(made, "--check") == 0
    assert "    patient: bool = False," in (made / "api.md").read_text()


@pytest.mark.parametrize(
    ("file", "old", "problem"),
    [
        ("parts.py", '"""It did not go well."""', "made.parts.Failure"),
        ("__init__.py", '"""See `Store.take`."""', "made.Shelf.take"),
    ],
)
def test_what_has_no_docstring_is_refused(
    made: Path, capsys: pytest.CaptureFixture[str], file: str, old: str, problem: str
) -> None:
    """A public name that says nothing is named, and no page is written."""
    path = made / "made" / file
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, "pass"))
    before = (made / "api.md").read_text()
    assert run(made) == 1
    assert f"{problem} has no docstring" in capsys.readouterr().err
    assert (made / "api.md").read_text() == before


def test_what_the_package_calls_itself() -> None:
    """No helper and no method of the package's own is a name of the page."""
    titles = set(re.findall(r"^###+ `([\w.]+)(?:\(\))?`", PAGE, re.MULTILINE))
    assert "StoreError" in titles
    assert reference.INTERNAL & titles == set()
    assert "text_of" in reference.INTERNAL
