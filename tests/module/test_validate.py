"""The module and every example are valid, with the Terraform and the provider that are chosen."""

import json
from pathlib import Path

import pytest

from scripts.support.terraform import Terraform
from tests.module.stacks import copy_module


@pytest.mark.terraform
@pytest.mark.proof  # `make validate` runs it
def test_every_root_module_is_valid(tmp_path: Path) -> None:
    """`init` finds a provider that fits, and `validate` accepts each file without a warning."""
    checkout = copy_module(tmp_path / "checkout")
    examples = sorted(file.parent for file in checkout.glob("examples/*/main.tf"))
    assert examples
    for directory in (checkout, *examples):
        root = Terraform(directory=directory)
        root.init("-backend=false")
        assert json.loads(root.run("validate", "-json"))["diagnostics"] == []


def test_the_provider_version_is_an_override(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy of the module gets a narrower constraint only where PROVIDER_VERSION asks for it."""
    monkeypatch.delenv("PROVIDER_VERSION", raising=False)
    plain = copy_module(tmp_path / "plain")
    monkeypatch.setenv("PROVIDER_VERSION", "~> 5.80.0")
    narrow = copy_module(tmp_path / "narrow")
    assert not list(plain.glob("*_override.tf"))
    (override,) = narrow.glob("*_override.tf")
    assert 'version = "~> 5.80.0"' in override.read_text()
