"""The quickstart is as short, and as innocent, as its README says; test_examples.py plans it."""

import re
from pathlib import Path

import hcl2

from tests.module.stacks import ROOT

SOURCES = ROOT / "examples" / "quickstart"


def test_no_output_tells_a_hash_of_the_code() -> None:
    """An output with a hash would change at every edit, after the apply that made it."""
    assert re.findall(r'^output "(\w+)"', _read("outputs.tf"), re.MULTILINE) == [
        "dead_letter_queue_url",
        "function_name",
        "ledger_table_name",
        "log_group_name",
        "queue_url",
        "records_table_name",
    ]
    for file in (ROOT / "outputs.tf", SOURCES / "outputs.tf"):
        for output in hcl2.loads(file.read_text())["output"]:
            (reported,) = output.values()
            assert "hash" not in str(reported["value"])
            assert "sha256" not in str(reported["value"])


def test_the_module_block_is_short() -> None:
    """A working consumer takes at most 15 lines."""
    block = re.search(r'^module "orders" {.*?^}', _read("main.tf"), re.MULTILINE | re.DOTALL)
    assert block
    assert len(block[0].splitlines()) <= 15


def test_nothing_in_the_processor_is_idempotent() -> None:
    """The user's code knows nothing of the package, and every charge gets a new id."""
    source = _read("src/orders.py")
    assert "idempoten" not in source
    assert "Condition" not in source
    assert '"charge_id": {"S": str(uuid.uuid4())}' in source


def _read(name: str) -> str:
    return Path(SOURCES, name).read_text(encoding="utf-8")
