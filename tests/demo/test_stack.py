"""The demo deploys the example unchanged."""

import zipfile
from pathlib import Path

from scripts.demo.run import EXAMPLES, write


def test_the_quickstarts_own_code_is_deployed_untouched(tmp_path: Path) -> None:
    """All faults are in the wrapper: the rest is byte for byte the example's, in both stacks."""
    root = write(tmp_path)
    example = EXAMPLES / "quickstart" / "src"
    own = {file.name: file.read_bytes() for file in example.glob("*.py")}
    deployed = {file.name: file.read_bytes() for file in (root / "src").iterdir()}
    with zipfile.ZipFile(root / "naive.zip") as package:
        naive = {name: package.read(name) for name in package.namelist()}
    assert deployed.pop("call_faults.py") == naive.pop("call_faults.py")
    assert naive.pop("naive.py")
    assert deployed == naive == own


def test_the_module_comes_from_the_repository(tmp_path: Path) -> None:
    """The example's module block is overridden to come through git, as in any stack."""
    root = write(tmp_path)
    assert (root / "main.tf").read_text().count('source = "../.."') == 1
    overridden = (root / "attack_override.tf").read_text()
    assert overridden.count(f'source = "git::file://{tmp_path}/module.git//?ref=HEAD"') == 1
