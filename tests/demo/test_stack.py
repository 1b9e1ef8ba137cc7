"""What is deployed: the example untouched, and the claim broken only if DEMO_BREAK asks."""

import subprocess
from pathlib import Path

import pytest

from scripts.demo import stack
from scripts.demo.stack import SabotageError, write


def test_the_sabotage_breaks_the_claim(tmp_path: Path) -> None:
    """The module that would be deployed holds the sabotage, and the check of it passes."""
    root = write(tmp_path, break_claim=True)
    source = (root / "demo_override.tf").read_text()
    assert f"git::file://{tmp_path}/sabotaged.git//?ref=HEAD" in source
    deployed = subprocess.run(
        ["git", "--git-dir", tmp_path / "sabotaged.git", "show", f"HEAD:{stack.RECORD}"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert stack.SABOTAGE in deployed


def test_nothing_is_broken_unasked(tmp_path: Path) -> None:
    """Without DEMO_BREAK the deployed claim is the working tree's."""
    root = write(tmp_path, break_claim=False)
    assert (
        f"git::file://{tmp_path}/module.git//?ref=HEAD" in (root / "demo_override.tf").read_text()
    )
    assert not (tmp_path / "sabotaged").exists()


@pytest.mark.parametrize(
    ("sabotage", "before"),
    [
        ("", "^(?=IS_FREE = )"),
        (stack.SABOTAGE, "^(?=NOWHERE = )"),
        ("IS_FREE = IS_FREE.\n", "^(?=IS_FREE = )"),
    ],
    ids=["without effect", "no such condition", "no Python"],
)
def test_a_sabotage_that_breaks_nothing_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sabotage: str, before: str
) -> None:
    """If the condition is not what the sabotage expects, the demo stops instead of passing."""
    monkeypatch.setattr(stack, "SABOTAGE", sabotage)
    monkeypatch.setattr(stack, "BEFORE", stack.re.compile(before, stack.re.MULTILINE))
    with pytest.raises(SabotageError, match="DEMO_BREAK=claim did not break"):
        write(tmp_path, break_claim=True)


def test_the_quickstarts_own_code_is_deployed_untouched(tmp_path: Path) -> None:
    """All faults are in the wrapper: the rest is byte for byte the example's."""
    root = write(tmp_path, break_claim=False)
    example = stack.EXAMPLES / "quickstart" / "src"
    deployed = {file.name: file.read_bytes() for file in (root / "src").iterdir()}
    assert deployed.pop("faults.py")
    assert deployed == {file.name: file.read_bytes() for file in example.glob("*.py")}


def test_the_module_comes_from_the_repository(tmp_path: Path) -> None:
    """The example's module block is overridden to come through git, as in any stack."""
    root = write(tmp_path, break_claim=False)
    assert (root / "main.tf").read_text().count('source = "../.."') == 1
    overridden = (root / "demo_override.tf").read_text()
    assert overridden.count(f'source = "git::file://{tmp_path}/module.git//?ref=HEAD"') == 1
