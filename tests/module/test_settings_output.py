"""The output `settings` has every setting that is a number, a switch or a chosen name."""

import json
import re
from typing import Any

import hcl2
import pytest

from tests.inputs import read_inputs
from tests.module.stacks import ROOT

DERIVED = {
    # The value that takes effect has the same name, or another one as it says.
    *("function.handler", "function.name", "function.timeout_seconds"),
    *("idempotency.metrics", "idempotency.namespace", "idempotency.retention_seconds"),
    *("queue.fifo", "queue.max_receive_count", "queue.message_retention_seconds"),
    "queue.visibility_timeout_seconds",
    "queue.dead_letter_queue.message_retention_seconds",
    *("queue.dead_letter_queue.name", "queue.name", "table.name"),
    "table.shared",
}
LEFT_OUT = {
    "code.build_dir": "A directory of this machine.",
    "code.filename": "A file of this machine; source says that it is used.",
    "code.requirements": "A file of this machine.",
    "code.s3.object_version": "It names an object of yours.",
    "code.s3.source_code_hash": "It names an object of yours.",
    "code.source_dir": "A directory of this machine; source says that it is used.",
    "function.kms_key_arn": "An ARN.",
    "function.permissions_boundary_arn": "An ARN.",
    "function.policy_statements.effect": "A policy.",
    "function.policy_statements.sid": "A policy.",
    "function.role.name": "The output function has it.",
    "function.role.path": "The output function has the role's ARN.",
    "function.wrapper": "The handler is the wrapper, if there is one.",
    "kms_key_arn": "An ARN.",
    "logs.kms_key_arn": "An ARN.",
    "name": "The names that it makes are there.",
    "queue.dead_letter_queue.policy_statements.effect": "A policy.",
    "queue.dead_letter_queue.policy_statements.sid": "A policy.",
    "queue.existing.kms_key_arn": "An ARN.",
    "queue.kms_key_arn": "An ARN.",
    "queue.policy_statements.effect": "A policy.",
    "queue.policy_statements.sid": "A policy.",
    "streams.kms_key_arn": "An ARN.",
    "table.existing.kms_key_arn": "An ARN.",
    "table.kms_key_arn": "An ARN.",
}
"""The settings that the output leaves out, each with the reason."""

SCALARS = ("string", "number", "bool")


def list_shown() -> set[str]:
    """The attributes that settings.tf shows as they are given."""
    (block,) = hcl2.loads((ROOT / "settings.tf").read_text(encoding="utf-8"))["locals"]
    shown: dict[str, Any] = block["shown"]
    return {
        f"{part}.{json.loads(name)}"
        for part, names in shown.items()
        if not part.startswith("__")
        for name in names
    }


def list_scalars() -> set[str]:
    """The inputs and attributes with a default that is a number, a text or a switch."""
    paths = set()
    for variable in read_inputs().values():
        if variable.type in SCALARS:
            paths.add(variable.name)
        for attribute in variable.attributes:
            if attribute.type in SCALARS and attribute.default:
                paths.add(f"{variable.name}.{attribute.path}")
    return paths


def test_each_setting_is_shown_or_has_a_reason() -> None:
    """A new attribute is in the output, or in the list of those that are not."""
    alarms = {path for path in list_scalars() if path.startswith("alarms.")}
    known = list_shown() | DERIVED | LEFT_OUT.keys() | {"dashboard", "processor"}
    # The output has the threshold of each alarm, by the alarm's name.
    # An object is shown with everything in it.
    objects = {
        path for path in list_scalars() for each in list_shown() if path.startswith(f"{each}.")
    }
    assert list_scalars() - alarms - known == objects
    assert known - list_scalars() <= {
        "function.alias_weights",
        "queue.provisioned_poller_config",
        "streams.source",
        "table.provisioned",
    }


@pytest.mark.parametrize("path", sorted(list_shown()))
def test_nothing_shown_can_hold_a_secret(path: str) -> None:
    """No ARN, URL, filter, environment or policy is shown."""
    assert not re.search(r"arn|url|filter|environment|policy|statement|tags|actions", path)


def test_the_page_explains_it() -> None:
    """docs/settings.md says how a wrong name shows."""
    page = (ROOT / "docs" / "settings.md").read_text(encoding="utf-8")
    assert "output settings" in page
