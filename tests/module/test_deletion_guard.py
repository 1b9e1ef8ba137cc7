"""The guard of the table refuses while it protects, and needs no shell."""

import re
from pathlib import Path

import pytest

from scripts.support.terraform import Terraform, TerraformError
from tests.module.stacks import ROOT

pytestmark = pytest.mark.terraform

STACK = """
variable "protected" {
  type = bool
}
resource "terraform_data" "guard" {
  input = { table = "shop-idempotency", protected = var.protected }
  PROVISIONER
}
"""


@pytest.mark.parametrize("has_shell", [True, False])
def test_the_guard(has_shell: bool, tmp_path: Path) -> None:
    """A protected table is kept, and an unprotected one is destroyed, with a shell or without."""
    text = (ROOT / "table.tf").read_text(encoding="utf-8")
    (provisioner,) = re.findall(r'  provisioner "local-exec" \{\n(?:.*\n)+?  \}\n', text)
    if not has_shell:
        provisioner = provisioner.replace("{", '{\n    interpreter = ["/no/shell"]', 1)
    (tmp_path / "main.tf").write_text(STACK.replace("PROVISIONER", provisioner))
    terraform = Terraform(directory=tmp_path)
    terraform.init("-backend=false")
    terraform.apply("-var=protected=true")

    with pytest.raises(TerraformError) as failure:
        terraform.destroy("-var=protected=false")
    said = " ".join(failure.value.output.replace("│", " ").split())
    assert "Nothing was destroyed." in said
    assert "the table shop-idempotency, which table.deletion_protection protects" in said
    assert "terraform_data.guard" in terraform.run("state", "list")

    terraform.apply("-var=protected=false")
    terraform.destroy("-var=protected=false")
    assert "terraform_data.guard" not in terraform.run("state", "list")
