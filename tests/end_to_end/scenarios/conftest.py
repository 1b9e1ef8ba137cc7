"""Deploys an example with the wrapper that breaks it, behind a proxy."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from scripts.support import observation
from scripts.support.emulator import Emulator
from scripts.support.observation import Aws
from scripts.support.proxy import Proxy, serving
from scripts.support.source import repository
from scripts.support.stack import EXAMPLES, apply_stack, write_stack
from scripts.support.terraform import Terraform, environment

HERE = Path(__file__).parent
# Above the longest lease of the overlays (5 s and a margin of 1 s). On AWS a mapping needs six
# times the function's timeout for what is throttled; nothing is here.
VISIBILITY_SECONDS = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """A deployed example.

    Attributes:
        outputs: those of the example and those of the overlay.
        proxy: what the functions' calls to DynamoDB go through.
    """

    aws: Aws
    outputs: dict[str, Any]
    proxy: Proxy

    def read(self, table: str) -> list[dict[str, Any]]:
        """Read the table that an output names."""
        return observation.rows(self.aws, self.outputs[table])

    @contextmanager
    def deliver(
        self, *queue_urls: str, seconds: float = observation.DRAIN_SECONDS
    ) -> Iterator[None]:
        """Have failed messages come again soon; at the end wait until the queues are empty."""
        name = "VisibilityTimeout"
        before = {
            url: self.aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=[name])
            for url in queue_urls
        }
        for url in queue_urls:
            soon = {name: str(VISIBILITY_SECONDS)}
            self.aws.sqs.set_queue_attributes(QueueUrl=url, Attributes=soon)
        yield
        left = observation.wait_until_empty(self.aws, *queue_urls, seconds=seconds)
        assert left == 0, "messages are left"
        for url, answer in before.items():
            self.aws.sqs.set_queue_attributes(QueueUrl=url, Attributes=answer["Attributes"])

    def check_deliveries(self) -> None:
        """Check that duplicates were suppressed, and that no message was given up."""
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
    """The module's EXAMPLE, or STACK, applied; later no plan changes it, destroy leaves nothing."""
    source = repository(tmp_path / "module.git")
    if base := getattr(request.module, "STACK", None):
        stack = write_stack(tmp_path, base, source)
    else:
        example, overlay = request.module.EXAMPLE, HERE / "terraform"
        code = [HERE / "wrapper" / "call_faults.py"]
        tf = [overlay / "call_faults.tf", *(overlay / example).glob("*.tf")]
        stack = write_stack(tmp_path, EXAMPLES / example, source, code=code, tf=tf)
    with serving(emulator.endpoint) as proxy:
        variables = emulator.environment(account) | {
            "TF_VAR_dynamodb_url": proxy.endpoint,
            "TF_VAR_emulator_url": emulator.endpoint,
        }
        terraform = Terraform(directory=stack, environment=environment(variables))
        terraform.init()
        aws = Aws.of(emulator, account)
        yield Site(aws=aws, outputs=apply_stack(terraform, aws), proxy=proxy)
        assert not terraform.plan(), "the second plan is not empty"
        terraform.destroy()
        assert observation.resources(aws) == []
