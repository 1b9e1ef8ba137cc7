"""The checks of a deployed stack by topic. They read the facts in an inventory and nothing else.

Each check names a rule of the module or of AWS. It reports nothing if its facts are not known.
"""

from typing import Final

from idempotent_lambda_toolkit.cli.doctor.checks import function, mappings, queues, role, table
from idempotent_lambda_toolkit.cli.doctor.findings import CheckFinding, Checks
from idempotent_lambda_toolkit.cli.doctor.inventory import Inventory

CHECKS: Final[Checks] = {
    **table.CHECKS,
    **function.CHECKS,
    **queues.CHECKS,
    **mappings.CHECKS,
    **role.CHECKS,
}
"""All checks by name, in the order of their findings."""


def list_findings(inventory: Inventory) -> list[CheckFinding]:
    """Return the findings of all checks, in the order of the checks."""
    return [
        CheckFinding(severity, name, value, rule, remedy)
        for name, check in CHECKS.items()
        for severity, value, rule, remedy in check(inventory)
    ]
