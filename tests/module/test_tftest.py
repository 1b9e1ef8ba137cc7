"""The module's own Terraform tests pass, offline."""

from pathlib import Path

import pytest

from scripts.support.terraform import Terraform, can_mock_plans
from tests.module.stacks import ROOT, copy_module

FILES = sorted(path.name for path in (ROOT / "tests").glob("*.tftest.hcl"))

# These cases are planned by test_rejections.py too, which asks for more, and faster.
REJECTIONS = "rejections.tftest.hcl"


@pytest.mark.terraform
@pytest.mark.slow
@pytest.mark.parametrize(
    "file",
    [pytest.param(each, marks=[pytest.mark.proof] * (each == REJECTIONS)) for each in FILES],
)
def test_the_file_passes(file: str, tmp_path: Path) -> None:
    """Every run of the file passes; mocks stand for AWS, so it needs no credentials."""
    if not can_mock_plans():
        pytest.skip("the mocks need Terraform 1.11 or newer")
    module = Terraform(directory=copy_module(tmp_path / "checkout"))
    module.init("-backend=false")
    said = module.run("test", f"-filter=tests/{file}")
    runs = (ROOT / "tests" / file).read_text(encoding="utf-8").count("\nrun ")
    assert f"Success! {runs} passed, 0 failed." in said
