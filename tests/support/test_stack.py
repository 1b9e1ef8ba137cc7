"""A stack is a root module with files added, whose module comes from elsewhere."""

from pathlib import Path

import pytest

from scripts.support.stack import EXAMPLES, write_stack

OVERLAYS = Path(__file__).parents[1] / "end_to_end" / "scenarios" / "terraform"
SCENARIOS = sorted(path.name for path in OVERLAYS.iterdir() if path.is_dir())


@pytest.mark.parametrize("example", SCENARIOS)
def test_an_example_is_changed_by_overrides_only(tmp_path: Path, example: str) -> None:
    """The example's own files stay byte for byte, and each of its modules has the new source."""
    base = EXAMPLES / example
    wrapper = Path(__file__)
    stack = write_stack(
        tmp_path, base, "git::URL", code=[wrapper], tf=(OVERLAYS / example).glob("*.tf")
    )
    for file in (*base.glob("*.tf"), *base.glob("src/*.py")):
        assert (stack / file.relative_to(base)).read_bytes() == file.read_bytes()
    assert (stack / "src" / wrapper.name).exists()
    modules = (stack / "main.tf").read_text().count('source = "../.."')
    overridden = (stack / "scenario_override.tf").read_text()
    assert overridden.count('source = "git::URL"') == modules > 0
