"""What is deployed: the example untouched."""

from pathlib import Path

from scripts.demo.stack import EXAMPLES, write


def test_the_quickstarts_own_code_is_deployed_untouched(tmp_path: Path) -> None:
    """All faults are in the wrapper: the rest is byte for byte the example's."""
    root = write(tmp_path)
    example = EXAMPLES / "quickstart" / "src"
    deployed = {file.name: file.read_bytes() for file in (root / "src").iterdir()}
    assert deployed.pop("faults.py")
    assert deployed == {file.name: file.read_bytes() for file in example.glob("*.py")}


def test_the_module_comes_from_the_repository(tmp_path: Path) -> None:
    """The example's module block is overridden to come through git, as in any stack."""
    root = write(tmp_path)
    assert (root / "main.tf").read_text().count('source = "../.."') == 1
    overridden = (root / "demo_override.tf").read_text()
    assert overridden.count(f'source = "git::file://{tmp_path}/module.git//?ref=HEAD"') == 1
