"""The module knows provider 5 from provider 6, and refuses nothing that only the older refuses."""

import json
from pathlib import Path

import pytest

from scripts.support.terraform import OFFLINE, Terraform, TerraformError, environment
from tests.module.stacks import OFFLINE_PROVIDER, copy_module, diagnostics, pretend_provider
from tests.module.test_rejections import BASE

pytestmark = pytest.mark.terraform

TRIGGER = """allowed_triggers = {
  rule = { service = "events", source_arn = "arn:aws:events:eu-central-1:123456789012:rule/orders" }
}"""
STREAM = """streams = {
  clicks = {
    source                  = "kinesis"
    arn                     = "arn:aws:kinesis:eu-central-1:123456789012:stream/clicks"
    failure_destination_arn = "arn:aws:s3:::clicks-failed"
  }
}"""
REFUSED = {
    "queue = { max_message_size_bytes = 500000 }": (
        "expected max_message_size to be in the range (1024 - 262144), got 1048576",
        "local.dead_letter_size_bytes # above 262144: hashicorp/aws 6.8",
    ),
    f"queue = null\n{TRIGGER}": (
        "expected max_message_size to be in the range (1024 - 262144), got 1048576",
        "local.dead_letter_size_bytes # above 262144: hashicorp/aws 6.8",
    ),
    f"queue = null\n{STREAM}": (
        "expected max_message_size to be in the range (1024 - 262144), got 1048576",
        "local.dead_letter_size_bytes # above 262144: hashicorp/aws 6.8",
    ),
    'function = { runtime = "python3.14" }': (
        "got python3.14",
        "var.function.runtime # python3.14: hashicorp/aws 6.20",
    ),
    "function = { timeout_seconds = 1800 }": (
        "expected timeout to be in the range (1 - 900), got 1800",
        "var.function.timeout_seconds # above 900: hashicorp/aws after 6.69.1",
    ),
}
"""By the inputs: how an older provider's error ends, and the line that it shows.

The size of the queue itself is planned after the dead-letter queue's.
"""


def test_the_module_knows_the_provider(tmp_path: Path) -> None:
    """What the module takes the provider for agrees with the version that is installed."""
    module = copy_module(tmp_path / "module")
    (module / "probe.tf").write_text(
        f'{OFFLINE_PROVIDER}output "probe" {{\n  value = local.has_provider_6\n}}\n'
    )
    (module / "probe.auto.tfvars").write_text("\n".join([*BASE.values(), "queue = null"]))
    terraform = Terraform(directory=module, environment=environment(OFFLINE))
    terraform.init("-backend=false")
    versions = json.loads(terraform.run("version", "-json"))["provider_selections"]
    (version,) = versions.values()
    terraform.run("plan", "-input=false", "-refresh=false", "-out=plan")
    outputs = json.loads(terraform.run("show", "-json", "plan"))["planned_values"]["outputs"]
    assert outputs["probe"]["value"] == (int(version.split(".")[0]) >= 6)


def test_provider_6_decides_by_itself(tmp_path: Path) -> None:
    """For provider 6, no rule refuses a value; an error of the provider shows the version."""
    found = plan_as_provider_6(tmp_path, list(REFUSED))
    for number, (end, line) in enumerate(REFUSED.values()):
        ((summary, code),) = found[f"m{number}"]
        assert summary.endswith(end)
        assert code.endswith(line)


def test_provider_6_gets_the_size_of_the_queue(tmp_path: Path) -> None:
    """The queue's own size is not limited for provider 6 either."""
    queue = "queue = { max_message_size_bytes = 500000 }"
    ((summary, code),) = plan_as_provider_6(tmp_path, [queue], dead_letter_size=262144)["m0"]
    assert summary == "expected max_message_size to be in the range (1024 - 262144), got 500000"
    assert code.endswith("var.queue.max_message_size_bytes # above 262144: hashicorp/aws 6.8")


def plan_as_provider_6(
    directory: Path, given: list[str], dead_letter_size: int | None = None
) -> dict[str, list[tuple[str, str]]]:
    """Plan a module for each of these inputs; return the errors' summaries and lines by module."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PROVIDER_VERSION", "~> 5.80")  # its limits are what is seen
        source = copy_module(directory / "source")
    pretend_provider(source, has_provider_6=True)
    if dead_letter_size:
        queues = source / "queue.tf"
        text = queues.read_text(encoding="utf-8")
        assert ") ? 1048576 : 262144" in text
        queues.write_text(text.replace(") ? 1048576", f") ? {dead_letter_size}"))
    blocks = [OFFLINE_PROVIDER]
    for number, inputs in enumerate(given):
        arguments = "\n".join(['source = "./source"', *BASE.values(), inputs])
        blocks.append(f'module "m{number}" {{\n{arguments}\n}}\n')
    (directory / "stack.tf").write_text("\n".join(blocks))
    (directory / "examples").symlink_to(source / "examples")
    terraform = Terraform(directory=directory, environment=environment(OFFLINE))
    terraform.init("-backend=false")
    with pytest.raises(TerraformError) as failure:
        terraform.run("plan", "-input=false", "-json", "-refresh=false")
    found: dict[str, list[tuple[str, str]]] = {}
    for error in diagnostics(failure.value.output):
        said = (error["summary"], error["snippet"]["code"])
        found.setdefault(error["address"].split(".")[1], []).append(said)
    return found
