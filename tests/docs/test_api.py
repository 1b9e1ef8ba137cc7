"""docs/api.md says what the code's signatures and docstrings say, of every public name."""

import importlib
import re

import pytest

import idempotent_lambda
from scripts import reference

PAGE = reference.PAGE.read_text()


def test_the_page_is_up_to_date() -> None:
    """The page is what `make docs` writes."""
    assert reference.write_page() == PAGE


@pytest.mark.parametrize("name", reference.MODULES)
def test_every_public_name_is_there(name: str) -> None:
    """The section of a module, or an earlier one, lists every public name of the module."""
    module = importlib.import_module(name)
    section = PAGE.partition(f"<!-- end generated: {name} -->")[0]
    listed = re.findall(r"^### `(\w+)`$", section, re.MULTILINE)
    classes = [name for name, value in vars(module).items() if isinstance(value, type)]
    offered = {name for name in getattr(module, "__all__", classes) if name[0] != "_"}
    assert offered
    assert offered <= {*listed, "events"}


def test_every_source_is_there() -> None:
    """The page names each member of `Source`."""
    _, _, section = PAGE.partition("### `Source`")
    named = re.findall(r"`([A-Z0-9]+)`", section.partition("###")[0])
    assert named == [source.name for source in idempotent_lambda.Source]


def test_what_the_package_calls_itself() -> None:
    """No helper and no method of the package's own is a name of the page."""
    titles = set(re.findall(r"^###+ `(\w+)`", PAGE, re.MULTILINE))
    assert "StoreError" in titles
    assert {"from_delivery", "close", "NO_TIME", "text_of"} & titles == set()
