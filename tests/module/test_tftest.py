"""The module's own Terraform tests pass, offline."""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from scripts.support.terraform import Terraform, binary
from tests.module.stacks import ROOT, copy_module, pretend_provider

TESTS = ROOT / "tests"
FILES = sorted(path.name for path in TESTS.glob("*.tftest.hcl"))
REJECTIONS = sorted(path.name for path in (TESTS / "rejections").glob("*.tftest.hcl"))


@pytest.fixture(scope="module")
def prepare(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Terraform]:
    """Prepare a copy of the module for the files of a directory, once: no run keeps a state."""

    @cache
    def prepare(directory: str) -> Terraform:
        checkout = copy_module(tmp_path_factory.mktemp("module") / "checkout")
        if directory == "tests/rejections":
            # Provider 6 takes what some cases give.
            pretend_provider(checkout, has_provider_6=False)
        module = Terraform(directory=checkout)
        version = json.loads(module.run("version", "-json"))["terraform_version"]
        if "tofu" in Path(binary()).name or tuple(map(int, version.split(".")[:2])) < (1, 11):
            pytest.skip("the mocks need Terraform 1.11 or newer")
        module.init("-backend=false", f"-test-directory={directory}")
        return module

    return prepare


# One process for all files: each would read the schemas of the provider again.
@pytest.mark.terraform
@pytest.mark.slow
@pytest.mark.timeout(900)
def test_the_files_pass(prepare: Callable[[str], Terraform]) -> None:
    """Every run of every file passes; mocks stand for AWS, so it needs no credentials."""
    check_files(prepare("tests"), "tests", FILES)


# test_rejections.py plans these cases too, asks for more, and is faster.
@pytest.mark.terraform
@pytest.mark.slow
@pytest.mark.proof
@pytest.mark.parametrize("file", REJECTIONS)
def test_the_rejections_pass(file: str, prepare: Callable[[str], Terraform]) -> None:
    """Every case of the file fails at the object that it expects to fail."""
    check_files(prepare("tests/rejections"), "tests/rejections", [file])


def check_files(module: Terraform, directory: str, files: list[str]) -> None:
    """Run files of Terraform's tests, and compare the number of runs."""
    filters = [f"-filter={directory}/{file}" for file in files]
    output = module.run("test", f"-test-directory={directory}", *filters)
    texts = [(ROOT / directory / file).read_text(encoding="utf-8") for file in files]
    runs = sum(text.count("\nrun ") for text in texts)
    assert f"Success! {runs} passed, 0 failed." in output
