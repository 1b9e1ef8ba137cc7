"""What the module plans is right in every partition of AWS that the SDK knows."""

import json
import re
from collections.abc import Iterator
from fnmatch import fnmatchcase
from typing import Any, Final

import botocore.loaders
import pytest

from scripts.golden import list_documents, plan_runs
from scripts.support.terraform import Terraform
from tests.module.stacks import ROOT, copy_module

PARTITIONS: Final[dict[str, dict[str, Any]]] = {
    partition["id"]: partition
    for partition in botocore.loaders.Loader().load_data("partitions")["partitions"]
}
SUFFIXES: Final = {name: found["outputs"]["dnsSuffix"] for name, found in PARTITIONS.items()}
REGIONS: Final = {
    name: sorted(region for region in found["regions"] if not region.endswith("-global"))
    for name, found in PARTITIONS.items()
}

PLANNED: Final = {name: regions[0].replace("eusc-", "eu-") for name, regions in REGIONS.items()}
"""A Region of each partition. Provider 5.100 refuses eusc-de-east-1 in an ARN, so it is renamed."""

RUN: Final = """
run "%(partition)s" {
  command = plan

  override_resource {
    override_during = plan
    target          = aws_dynamodb_table.records
    values          = { arn = "arn:%(partition)s:dynamodb:%(region)s:123456789012:table/claims" }
  }

  variables {
    name             = "orders"
    code             = { source_dir = "examples/quickstart/src" }
    processor        = "orders.process"
    kms_key_arn      = "arn:%(partition)s:kms:%(region)s:123456789012:key/module"
    allowed_triggers = {
      topic = { service = "sns", source_arn = "arn:%(partition)s:sns:%(region)s:123456789012:shop" }
    }
    queue = {
      allowed_senders = [{ service = "s3", source_arn = "arn:%(partition)s:s3:::orders" }]
    }
    streams = {
      clicks = {
        source                  = "kinesis"
        arn                     = "arn:%(partition)s:kinesis:%(region)s:123456789012:stream/clicks"
        failure_destination_arn = "arn:%(partition)s:sqs:%(region)s:123456789012:failed"
        kms_key_arn             = "arn:%(partition)s:kms:%(region)s:123456789012:key/stream"
      }
    }
  }
}
"""


@pytest.fixture(scope="module")
def planned(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a module with keys, senders, a trigger and a stream plans, by partition."""
    checkout = copy_module(tmp_path_factory.mktemp("partitions") / "checkout")
    directory = checkout / "tests" / "partitions"
    directory.mkdir()
    runs = [RUN % {"partition": name, "region": PLANNED[name]} for name in PARTITIONS]
    text = 'mock_provider "aws" {\n  source = "./tests/mocks"\n}\n' + "".join(runs)
    (directory / "partitions.tftest.hcl").write_text(text)
    module = Terraform(directory=checkout)
    module.init("-backend=false")
    return plan_runs(module, directory.relative_to(checkout))


def list_statements(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """All statements of a plan's policies."""
    for document in list_documents(plan).values():
        yield from document.get("Statement", ())


@pytest.mark.terraform
@pytest.mark.parametrize("name", PARTITIONS)
def test_a_key_is_for_the_services_of_the_partition(name: str, planned: dict[str, Any]) -> None:
    """The condition holds for each service with the partition's domain, and for nothing else."""
    patterns = [
        pattern
        for statement in list_statements(planned[name])
        for keys in statement.get("Condition", {}).values()
        for pattern in keys.get("kms:ViaService", ())
    ]
    others = {region for regions in REGIONS.values() for region in regions} - {PLANNED[name]}
    for service in ("dynamodb", "kinesis", "sqs"):
        own = f"{service}.{PLANNED[name]}.{SUFFIXES[name]}"
        matching = [pattern for pattern in patterns if fnmatchcase(own, pattern)]
        assert matching
        assert not [
            region
            for region in others
            for pattern in matching
            for suffix in SUFFIXES.values()
            if fnmatchcase(f"{service}.{region}.{suffix}", pattern)
        ]
    other = f"s3.{PLANNED[name]}.{SUFFIXES[name]}"
    assert not [pattern for pattern in patterns if fnmatchcase(other, pattern)]


@pytest.mark.terraform
@pytest.mark.parametrize("name", PARTITIONS)
def test_a_service_has_the_same_name_in_every_partition(name: str, planned: dict[str, Any]) -> None:
    """A principal ends with amazonaws.com everywhere: IAM refuses others, such as amazonaws.eu."""
    # https://github.com/aws/aws-cdk/blob/main/packages/aws-cdk-lib/region-info/lib/default.ts
    # https://github.com/pulumi/pulumi-eks/issues/2341
    services = {
        statement["Principal"]["Service"]
        for statement in list_statements(planned[name])
        if isinstance(statement.get("Principal"), dict)
    }
    triggers = {
        change["change"]["after"]["principal"]
        for change in planned[name]["resource_changes"]
        if change["type"] == "aws_lambda_permission"
    }
    assert services == {f"{service}.amazonaws.com" for service in ("lambda", "s3")}
    assert triggers == {"sns.amazonaws.com"}


@pytest.mark.terraform
@pytest.mark.parametrize("name", PARTITIONS)
def test_what_the_module_builds_is_in_its_partition(name: str, planned: dict[str, Any]) -> None:
    """Each ARN that the module builds or passes on has the partition and the Region."""
    text = json.dumps(list(list_statements(planned[name])))
    built = {arn for arn in re.findall(r'arn:[^"]+', text) if ":logs:" not in arn}
    places = {tuple(arn.split(":")[1:4]) for arn in built}
    assert {place[0] for place in places} == {name}
    assert {place[2] for place in places if place[1] != "s3"} == {PLANNED[name]}


def test_no_queue_has_a_shorter_url_than_the_quotas_count() -> None:
    """The rule for the size of the environment never refuses what Lambda would take."""
    (least,) = re.findall(r'least_url += "(https://sqs[^/]+)/', (ROOT / "quotas.tf").read_text())
    hosts = [
        f"https://sqs.{region}.{SUFFIXES[name]}" for name in PARTITIONS for region in REGIONS[name]
    ]
    assert min(map(len, hosts)) >= len(least)
    assert least in hosts


def test_the_module_knows_a_region_of_every_partition() -> None:
    """Where the module deploys is compared with where existing parts are, in all partitions."""
    (pattern,) = re.findall(
        r'region += try\(regex\(\s*"([^"]+)"', (ROOT / "location.tf").read_text(encoding="utf-8")
    )
    regions = [region for regions in REGIONS.values() for region in regions]
    assert [region for region in regions if not re.match(pattern, region)] == []
