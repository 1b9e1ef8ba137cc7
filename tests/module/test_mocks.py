"""A stack of somebody else tests itself with the module's mocks, as a guide shows."""

import json
import re
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path

import hcl2
import pytest

from scripts.support.terraform import Terraform, TerraformError, binary
from tests.module.stacks import ROOT, copy_module

PAGE = (ROOT / "docs" / "guides" / "test-your-stack.md").read_text(encoding="utf-8")
(TEST,) = re.findall(r"^```hcl\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
NAME = "terraform-aws-idempotent-lambda"
SOURCE = f"../{NAME}"

PLAIN = """
module "orders" {
  source    = "SOURCE"
  name      = "orders"
  code      = { source_dir = "${path.module}/src" }
  processor = "orders.process"
}
"""
MANY = """
module "orders" {
  source           = "SOURCE"
  name             = "orders"
  code             = { source_dir = "${path.module}/src" }
  processor        = "orders.process"
  function         = { alias = "live", alias_weights = { "7" = 0.9 } }
  alarms           = { actions = [aws_sns_topic.orders.arn] }
  allowed_triggers = { topic = { service = "sns", source_arn = aws_sns_topic.orders.arn } }
  dashboard        = true
  table            = { deletion_protection = true }
  kms_key_arn      = aws_kms_key.orders.arn
  streams = { orders = {
    arn                     = aws_kinesis_stream.orders.arn
    failure_destination_arn = aws_sns_topic.orders.arn
    source                  = "kinesis"
  } }
}

module "shipping" {
  source    = "SOURCE"
  name      = "shipping"
  code      = { source_dir = "${path.module}/src" }
  processor = "orders.process"
  queue     = { fifo = true }
  table     = { existing = { arn = module.orders.table.arn } }
}

resource "aws_sns_topic" "orders" {
  name = "orders"
}

resource "aws_kms_key" "orders" {
}

resource "aws_kinesis_stream" "orders" {
  name        = "orders"
  shard_count = 1
}
"""
OWN_MOCKS = """
  mock_resource "aws_kinesis_stream" {
    defaults = { arn = "arn:aws:kinesis:eu-central-1:123456789012:stream/orders" }
  }
  mock_resource "aws_sns_topic" {
    defaults = { arn = "arn:aws:sns:eu-central-1:123456789012:orders" }
  }
  mock_resource "aws_kms_key" {
    defaults = { arn = "arn:aws:kms:eu-central-1:123456789012:key/orders" }
  }
}
"""
PROVIDER = 'terraform {\n  required_providers {\n    aws = { source = "hashicorp/aws" }\n  }\n}\n'
TWICE = """
run "planned" {
  command = plan
}

run "applied" {
  assert {
    condition     = module.orders.function.name == "orders" && module.orders.queue.name == "orders"
    error_message = "The names are known."
  }
}

run "planned_again" {
  command = plan
}
"""
KNOWN = """
run "planned" {
  command = plan

  assert {
    condition     = endswith(module.orders.function.arn, ":function:mocked")
    error_message = "The ARN is known."
  }
}
"""
OPEN = TEST.partition("}")[0]
"""The first lines of the page's test: its provider."""


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., str]:
    """Run the test of a stack next to a copy of the module."""
    top = tmp_path_factory.mktemp("consumers")
    copy_module(top / NAME)

    @cache
    def prepare(stack: str, source: str) -> Terraform:
        directory = top / f"stack-{len(list(top.iterdir()))}"
        (directory / "src").mkdir(parents=True)
        (directory / "src" / "orders.py").write_text("def process(message): ...\n")
        (directory / "main.tf").write_text(PROVIDER + stack.replace("SOURCE", source))
        terraform = Terraform(directory=directory)
        terraform.init("-backend=false")
        return terraform

    def run(test: str, stack: str = PLAIN, source: str = SOURCE) -> str:
        terraform = prepare(stack, source)
        file = terraform.directory / "tests" / "orders.tftest.hcl"
        file.parent.mkdir(exist_ok=True)
        file.write_text(test)
        return terraform.run("test")

    return run


@pytest.fixture
def release(tmp_path: Path) -> str:
    """The address of the module in a Git repository, from which Terraform downloads it."""
    checkout = copy_module(tmp_path / "release")
    author = ["-c", "user.name=a", "-c", "user.email=a@example.com", "-c", "commit.gpgsign=false"]
    for command in (["init", "-q"], ["add", "-A"], [*author, "commit", "-qm", "release"]):
        subprocess.run(["git", *command], cwd=checkout, check=True)
    return f"git::file://{checkout}"


@pytest.mark.terraform
@pytest.mark.slow
def test_the_test_of_the_page(run: Callable[..., str]) -> None:
    """The page's test passes unchanged."""
    assert "Success! 1 passed" in run(TEST)


@pytest.mark.terraform
@pytest.mark.slow
def test_a_downloaded_module(run: Callable[..., str], release: str) -> None:
    """The mocks are where the page says after terraform has downloaded the module."""
    place = "./.terraform/modules/orders/mocks"
    assert place in PAGE
    assert "Success! 1 passed" in run(TEST.replace(f"{SOURCE}/mocks", place), source=release)


@pytest.mark.terraform
@pytest.mark.slow
@pytest.mark.parametrize("stack", [PLAIN, MANY])
def test_a_stack_plans_and_applies(run: Callable[..., str], stack: str) -> None:
    """A stack with one consumer or with many parts plans, applies and plans again."""
    assert "Success! 3 passed" in run(OPEN + OWN_MOCKS + TWICE, stack)


@pytest.mark.terraform
@pytest.mark.slow
def test_values_that_a_plan_knows(run: Callable[..., str]) -> None:
    """With the page's setting of Terraform 1.11, a plan knows the ARNs."""
    version = json.loads(Terraform(directory=ROOT).run("version", "-json"))["terraform_version"]
    if "tofu" in Path(binary()).name or tuple(map(int, version.split(".")[:2])) < (1, 11):
        pytest.skip("override_during needs Terraform 1.11 or newer")
    setting = "override_during = plan"
    assert f"`{setting}`" in PAGE
    assert "Success! 1 passed" in run(f"{OPEN}\n  {setting}\n}}\n{KNOWN}")


@pytest.mark.terraform
@pytest.mark.slow
def test_a_mock_without_values(run: Callable[..., str]) -> None:
    """Without the module's values, a plan passes, and only the apply fails."""
    with pytest.raises(TerraformError) as failure:
        run('mock_provider "aws" {}\n' + TWICE)
    said = failure.value.output
    assert 'run "planned"... pass\n  run "applied"... fail' in said
    assert 'local.table_arn is "' in said


def test_opentofu_knows_the_blocks() -> None:
    """The mocks can be copied into `mock_provider`, which is all that OpenTofu has."""
    mocks = hcl2.loads((ROOT / "mocks" / "aws.tfmock.hcl").read_text(encoding="utf-8"))
    assert mocks.keys() - {"__comments__"} == {"mock_resource"}
    names = {name for block in mocks["mock_resource"] for body in block.values() for name in body}
    assert {name for name in names if not name.startswith("__")} == {"defaults"}
    assert "(../../mocks/aws.tfmock.hcl) into `mock_provider`" in PAGE


def test_each_resource_with_an_arn_has_a_mock() -> None:
    """The mocks have each type of resource that the module creates, if it has an ARN."""
    terraform = "\n".join(path.read_text(encoding="utf-8") for path in ROOT.glob("*.tf"))
    created = set(re.findall(r'^resource "(aws_\w+)"', terraform, re.MULTILINE))
    mocks = (ROOT / "mocks" / "aws.tfmock.hcl").read_text(encoding="utf-8")
    without_arn = {
        "aws_iam_role_policy",
        "aws_iam_role_policy_attachment",
        "aws_lambda_permission",
        "aws_lambda_provisioned_concurrency_config",
    }
    assert created - without_arn == set(re.findall(r'^mock_resource "(\w+)"', mocks, re.MULTILINE))
    assert "override_during" not in mocks
