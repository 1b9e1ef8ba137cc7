"""Keeps the state that this version's quickstart leaves, for the upgrade tests of later versions.

    python -m scripts.golden

Applies the quickstart on the emulator and writes ``tests/module/golden/v<version>/state.json``. Run
it once per release: a golden state is never changed afterwards.
"""

import re
import tempfile
from pathlib import Path
from typing import Final

from scripts.support.emulator import REGION, running
from scripts.support.source import repository
from scripts.support.stack import EXAMPLES, write_stack
from scripts.support.terraform import ROOT, Terraform, environment, interruptible

ACCOUNT: Final = "123456789012"


def main() -> None:
    """Apply, and write the state."""
    with interruptible(), running() as emulator, tempfile.TemporaryDirectory() as directory:
        source = repository(Path(directory, "module.git"))
        stack = write_stack(Path(directory), EXAMPLES / "quickstart", source)
        override = f'module "orders" {{\n  source = "{source}"\n}}\n'
        (stack / "source_override.tf").write_text(override, encoding="utf-8")
        variables = environment(emulator.environment(ACCOUNT))
        quickstart = Terraform(directory=stack, environment=variables, report=print)
        quickstart.init()
        quickstart.apply()
        state = (stack / "terraform.tfstate").read_text(encoding="utf-8")
    package = (ROOT / "handler/idempotent_lambda/__init__.py").read_text(encoding="utf-8")
    (version,) = re.findall(r'__version__ = "(\d+\.\d+)\.', package)
    destination = ROOT / "tests" / "module" / "golden" / f"v{version}" / "state.json"
    destination.parent.mkdir(parents=True, exist_ok=True)
    # As AWS would have answered: the emulator's port is nobody's business.
    text = state.replace(emulator.endpoint, f"https://sqs.{REGION}.amazonaws.com")
    destination.write_text(text, encoding="utf-8")
    print(f"wrote {destination.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
