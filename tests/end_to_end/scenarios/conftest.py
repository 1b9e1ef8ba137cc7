"""Deploys an example behind a proxy, with the wrapper that injects faults."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from scripts.support import observation
from scripts.support.emulator import Emulator
from scripts.support.faults import ATTACK, PlannedFault, inject_faults, list_untaken
from scripts.support.observation import Aws
from scripts.support.producer import redeliver_soon
from scripts.support.proxy import Proxy, serving
from scripts.support.source import repository
from scripts.support.stack import EXAMPLES, apply_stack, write_stack
from scripts.support.terraform import Terraform, environment

HERE = Path(__file__).parent
MARKS = [
    pytest.mark.emulator,
    pytest.mark.terraform,
    pytest.mark.slow,
    pytest.mark.timeout(900),
]
"""The marks of every scenario."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A deployed example."""

    aws: Aws
    outputs: dict[str, Any]  # of the example and of the overlay
    proxy: Proxy  # between the functions and DynamoDB

    def read(self, table: str) -> list[dict[str, Any]]:
        """Read the table that an output names."""
        return observation.rows(self.aws, self.outputs[table])

    def inject(self, faults: Iterable[PlannedFault]) -> None:
        """Write the faults to their table."""
        inject_faults(self.aws, self.outputs["faults_table_name"], faults)

    def list_untaken(self) -> list[str]:
        """List the operations whose faults did not all happen."""
        return list_untaken(self.read("faults_table_name"))

    @contextmanager
    def deliver(
        self, *queue_urls: str, seconds: float = observation.DRAIN_SECONDS
    ) -> Iterator[None]:
        """Make failed messages come again soon; at the end wait until the queues are empty."""
        with redeliver_soon(self.aws, *queue_urls):
            yield
            left = observation.wait_until_empty(self.aws, *queue_urls, seconds=seconds)
            assert left == 0, "messages are left"

    def check_deliveries(self) -> None:
        """Check that the package suppressed duplicates, and gave up no message."""
        groups = [self.outputs[name] for name in self.outputs if name.endswith("log_group_name")]
        outcomes = observation.count_outcomes(self.aws, *groups)
        assert observation.SUPPRESSING & outcomes.keys(), "the traffic proves nothing"
        for name, url in self.outputs.items():
            if name.endswith("dead_letter_queue_url"):
                assert observation.drain(self.aws, url) == {}


@pytest.fixture
def site(
    request: pytest.FixtureRequest, tmp_path: Path, emulator: Emulator, account: str
) -> Iterator[Site]:
    """Apply the module's EXAMPLE; later no plan changes it, and destroy leaves nothing."""
    example = request.module.EXAMPLE
    overlay = getattr(request.module, "OVERLAY", HERE / "terraform" / example)
    stack = write_stack(
        tmp_path,
        EXAMPLES / example,
        repository(tmp_path / "module.git"),
        code=[ATTACK / "call_faults.py"],
        tf=[ATTACK / "call_faults.tf", *overlay.glob("*.tf")],
    )
    with serving(emulator.endpoint) as proxy:
        variables = emulator.environment(account) | {"TF_VAR_dynamodb_url": proxy.endpoint}
        terraform = Terraform(directory=stack, environment=environment(variables))
        terraform.init()
        aws = Aws.of(emulator, account)
        yield Site(aws=aws, outputs=apply_stack(terraform, aws), proxy=proxy)
        assert not terraform.plan(), "the second plan is not empty"
        terraform.destroy()
        assert observation.resources(aws) == []
