"""Every example, and every module block of the documentation, plans to these resources, offline."""

import json
import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hcl2
import pytest
import tftest

from scripts.support.terraform import OFFLINE, binary, environment
from tests.inputs import read_inputs
from tests.module.aws_metrics import SERVICES
from tests.module.stacks import OFFLINE_PROVIDER, ROOT, copy_module
from tests.once import make_once

# The plan of all of them takes half a minute, and several minutes on a busy machine.
pytestmark = pytest.mark.timeout(900)

EXAMPLES = ROOT / "examples"
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
SOURCE = '"../terraform-aws-idempotent-lambda"'

Changes = dict[str, dict[str, Any]]

CONSUMER = {
    "aws_cloudwatch_log_group": 1,
    "aws_dynamodb_table": 1,
    "aws_iam_role": 1,
    "aws_iam_role_policy": 1,
    "aws_lambda_event_source_mapping": 1,
    "aws_lambda_function": 1,
    "aws_sqs_queue": 2,
    "terraform_data": 4,
}
"""What the module makes of its required arguments alone."""


def consumer(**more: int) -> dict[str, int]:
    """A consumer with so many resources more, or less, of these types."""
    counts = Counter(CONSUMER)
    counts.update(more)
    return dict(+counts)


CALLED_TWICE = {name: 2 * count for name, count in CONSUMER.items()}

PLANNED = {
    "examples/complete": consumer(
        aws_cloudwatch_dashboard=1,
        aws_cloudwatch_event_rule=1,
        aws_cloudwatch_event_target=1,
        aws_cloudwatch_log_group=1,
        aws_cloudwatch_metric_alarm=12,
        aws_default_security_group=1,
        aws_dynamodb_table=2,
        aws_flow_log=1,
        aws_iam_policy=2,
        aws_iam_role=1,
        aws_iam_role_policy=2,
        aws_iam_role_policy_attachment=1,
        aws_kms_alias=1,
        aws_kms_key=2,
        aws_lambda_alias=1,
        aws_lambda_event_source_mapping=1,
        aws_lambda_layer_version=1,
        aws_lambda_permission=1,
        aws_lambda_provisioned_concurrency_config=1,
        aws_route_table=1,
        aws_route_table_association=2,
        aws_security_group=2,
        aws_sns_topic=2,
        aws_sns_topic_subscription=1,
        aws_sqs_queue=1,
        aws_subnet=2,
        aws_vpc=1,
        aws_vpc_endpoint=2,
        terraform_data=1,
    ),
    "examples/dependencies": consumer(aws_dynamodb_table=1, aws_iam_role_policy=1),
    "examples/exactly-once": consumer(aws_dynamodb_table=1, aws_iam_role_policy=1),
    "examples/existing-handler": consumer(
        aws_cloudwatch_event_rule=1,
        aws_cloudwatch_event_target=1,
        aws_dynamodb_table=1,
        aws_iam_role_policy=1,
        aws_lambda_event_source_mapping=-1,
        aws_lambda_permission=1,
        aws_sqs_queue=-1,
    ),
    "examples/fifo": consumer(aws_dynamodb_table=1, aws_iam_role_policy=1),
    "examples/http-api": consumer(
        aws_dynamodb_table=1,
        aws_iam_role_policy=1,
        aws_lambda_event_source_mapping=-1,
        aws_lambda_function_url=1,
        aws_sqs_queue=-1,
    ),
    "examples/quickstart": consumer(aws_dynamodb_table=1, aws_iam_role_policy=1),
    "examples/sns-fanout": CALLED_TWICE
    | {
        "aws_dynamodb_table": 3,
        "aws_iam_role_policy": 4,
        "aws_sns_topic": 1,
        "aws_sns_topic_subscription": 2,
    },
    "examples/streams": consumer(
        aws_dynamodb_table=2,
        aws_iam_role_policy=1,
        aws_kinesis_stream=1,
        aws_lambda_event_source_mapping=2,
        aws_sqs_queue=1,
    ),
    "README.md, A complete consumer": consumer(),
    "docs/deployments.md, The four sources": consumer(terraform_data=-1),
    "docs/deployments.md, Contents of the zip": consumer(),
    "docs/deployments.md, A canary": consumer(aws_lambda_alias=1),
    "docs/deployments.md, Monitoring services": consumer(),
    "docs/guides/existing-handler.md, 3. The infrastructure": consumer(
        aws_lambda_event_source_mapping=-1, aws_lambda_permission=1, aws_sqs_queue=-1
    ),
    "docs/guides/write-a-processor.md, Environment and permissions": consumer(
        aws_iam_role_policy=1, aws_secretsmanager_secret=1
    ),
    "docs/settings.md, Low latency": consumer(),
    "docs/settings.md, Low cost": consumer(),
    "docs/settings.md, At most once": consumer(aws_cloudwatch_metric_alarm=10),
    "docs/settings.md, Order": consumer(),
    "docs/settings.md, High volume": consumer(),
    "docs/settings.md, Several consumers, one table": CALLED_TWICE | {"aws_dynamodb_table": 1},
    "docs/settings.md, Your naming policy": consumer(),
    "docs/settings.md, What exists already": {
        "aws_dynamodb_table": 1,
        "aws_iam_role": 1,
        "aws_iam_role_policy": 1,
        "aws_iam_role_policy_attachment": 1,
        "aws_lambda_event_source_mapping": 1,
        "aws_lambda_function": 1,
        "aws_sqs_queue": 2,
        "terraform_data": 3,
    },
}
"""How many resources of each type."""

QUICKSTART = {
    "aws_cloudwatch_log_group.function[0]",
    "aws_dynamodb_table.records[0]",
    "aws_iam_role.function[0]",
    "aws_iam_role_policy.function[0]",
    "aws_iam_role_policy.processor[0]",
    "aws_lambda_event_source_mapping.queue[0]",
    "aws_lambda_function.consumer[0]",
    "aws_sqs_queue.dead_letter[0]",
    "aws_sqs_queue.source[0]",
    "terraform_data.checks",
    "terraform_data.code[0]",
    "terraform_data.deletion_guard[0]",
    "terraform_data.package[0]",
}
"""What the module makes there; the processor's policy is for the user's own statements."""

READING = """\
  function = { policy_statements = [{
    actions   = ["dynamodb:GetItem"] # and kms:Decrypt, if a KMS key of yours encrypts the old table
    resources = ["arn:aws:dynamodb:eu-central-1:123456789012:table/%s"]
  }] }
"""
IMPORTING = """\
import {
  to = module.orders.aws_dynamodb_table.records[0]
  id = "processed-orders"
}
"""
FRAGMENTS = {
    "docs/settings.md, See what takes effect": [
        'output "settings" {\n  value = module.orders.settings\n}\n'
    ],
    "docs/guides/move-from-a-hand-written-check.md, During": [READING % "orders-seen"],
    "docs/guides/move-from-powertools.md, During": [READING % "orders-old"],
    "docs/upgrading.md, Adopt existing resources": [IMPORTING],
}
"""The snippets that are only lines of a block."""

UNUSED = {
    # One source of code; the others exclude each other.
    *("code.filename", "code.image", "code.image.uri"),
    *(f"code.s3{each}" for each in ("", ".bucket", ".key", ".object_version", ".source_code_hash")),
    # It needs no package, and its zip may be built where it is by default.
    *("code.build_dir", "code.exclude", "code.python", "code.requirements"),
    # No monitoring service.
    "function.wrapper",
    # What exists is not made: a whole part would be missing.
    *("function.existing", "queue.existing", "table.existing"),
    *(f"function.existing.{each}" for each in ("arn", "role", "timeout_seconds")),
    "function.existing.role.name",
    *(f"queue.existing.{each}" for each in ("arn", "dead_letter_queue", "kms_key_arn")),
    *(f"queue.existing.dead_letter_queue.{each}" for each in ("arn", "url")),
    "queue.existing.dead_letter_queue.message_retention_seconds",
    *(f"queue.existing.{each}_seconds" for each in ("message_retention", "visibility_timeout")),
    "queue.existing.max_receive_count",
    *("table.existing.arn", "table.existing.kms_key_arn"),
    # It does not run on Lambda Managed Instances.
    "idempotency.managed_instances",
    # The maximum concurrency excludes them.
    *(
        f"queue.provisioned_poller_config{each}"
        for each in ("", ".maximum_pollers", ".minimum_pollers")
    ),
    # The alarm that is left out.
    "alarms.takeovers",
    # The module's key encrypts these parts; only the log group has another one.
    *("function.kms_key_arn", "queue.kms_key_arn", "table.kms_key_arn"),
    # It replaces the processor.
    "function.handler",
    # Instances that are ready exclude both, and a canary needs an older version.
    *("function.alias_weights", "function.snap_start"),
    # A FIFO queue excludes a batching window and allowed_triggers.
    *("queue.content_based_deduplication", "queue.deduplication_scope", "queue.fifo"),
    "queue.fifo_throughput_limit",
    # Of a time, which a DynamoDB stream does not take.
    "streams.starting_position_timestamp",
    # It is billed per request, up to its maximums.
    *("table.provisioned", "table.provisioned.read_units", "table.provisioned.write_units"),
    # Nobody else uses the table.
    "table.shared",
}
"""The attributes that do not go together with those that `examples/complete` sets."""


def snippets() -> Iterator[tuple[str, str]]:
    """The HCL of the documentation, each with its page and the heading above it."""
    for page in PAGES:
        heading = ""
        text = page.read_text(encoding="utf-8")
        for found in re.finditer(
            r"^##+ ([^\n]*)$|^```(\w*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE
        ):
            title, language, code = found.groups()
            if language in {"hcl", "terraform", "tf"}:
                yield f"{page.relative_to(ROOT).as_posix()}, {heading}", code
            heading = title or heading


def is_whole(code: str) -> bool:
    """Whether a snippet is made of blocks, and so a configuration by itself."""
    return code.startswith(("provider ", "module ", "resource "))


def blocks(checkout: Path) -> dict[str, Path]:
    """A directory in a checkout for each example and each whole snippet, that plans by itself."""
    found = {}
    for example in sorted((checkout / "examples").glob("*/main.tf")):
        found[f"examples/{example.parent.name}"] = example.parent
        (example.parent / "offline_override.tf").write_text(OFFLINE_PROVIDER)
    whole = [(place, code) for place, code in snippets() if is_whole(code)]
    for number, (place, code) in enumerate(whole):
        found[place] = directory = checkout / "snippets" / str(number)
        (directory / "src").mkdir(parents=True)
        (directory / "main.tf").write_text(code.replace(SOURCE, '"../.."'))
        offline = "offline_override.tf" if "\nprovider " in f"\n{code}" else "offline.tf"
        (directory / offline).write_text(OFFLINE_PROVIDER)
        for module, function in re.findall(r'(?:processor|handler)\s+= "(\w+)\.(\w+)"', code):
            (directory / "src" / f"{module}.py").write_text(f"def {function}(message): ...\n")
    return found


@pytest.fixture(scope="module")
def plan(tmp_path_factory: pytest.TempPathFactory) -> Changes:
    """What a plan of all of them changes, by address: half a minute, so made once in a run."""
    planned: Changes = make_once(tmp_path_factory, "examples", lambda: plan_all(tmp_path_factory))
    return planned


def plan_all(tmp_path_factory: pytest.TempPathFactory) -> Changes:
    """All of them in one plan, each as a module of its name: initialised once, planned at once."""
    checkout = copy_module(tmp_path_factory.mktemp("examples") / "checkout")
    root = checkout / "all"
    root.mkdir()
    (root / "main.tf").write_text(
        "\n".join(
            f'module "{name_of(place)}" {{\n  source = "../{path.relative_to(checkout)}"\n}}'
            for place, path in blocks(checkout).items()
        )
    )
    with pytest.MonkeyPatch.context() as patch:
        # tftest adds to the whole environment of this process.
        for name in list(os.environ):
            if name.startswith(("AWS_", "TF_")):
                patch.delenv(name)
        stack = tftest.TerraformTest(str(root), binary=binary(), env=environment(OFFLINE))
        stack.setup()
        changes: Changes = stack.plan(output=True).resource_changes
    return changes


def name_of(place: str) -> str:
    """What a place is called in the plan: as a module's name may be."""
    return re.sub(r"\W", "-", place)


def inventory(plan: Changes, place: str) -> dict[str, str]:
    """The type of each resource that is planned at a place, by its address there."""
    within = f"module.{name_of(place)}."
    return {
        address.removeprefix(within): change["type"]
        for address, change in plan.items()
        if address.startswith(within) and change["mode"] == "managed"
    }


def of_the_module(plan: Changes, place: str) -> set[str]:
    """The addresses within the module of what is planned at a place with one module block."""
    addresses = (address.partition("module.orders.") for address in inventory(plan, place))
    return {inside for outside, _, inside in addresses if not outside}


def attributes_of(value: Any, *path: str) -> Iterator[str]:
    """The paths of all attributes that are set in a value, as variables.tf writes them."""
    if isinstance(value, dict):
        for name, each in value.items():
            yield ".".join((*path, name))
            yield from attributes_of(each, *path, name)
    if isinstance(value, list):
        for each in value:
            yield from attributes_of(each, *path)


@pytest.fixture(scope="module")
def complete() -> dict[str, Any]:
    """The module block of `examples/complete`."""
    (block,) = hcl2.loads((EXAMPLES / "complete" / "main.tf").read_text())["module"]
    arguments: dict[str, Any] = block['"orders"']
    return arguments


@pytest.fixture(scope="module")
def declared() -> set[str]:
    """The variables of the module and their attributes, by path."""
    inputs = read_inputs().values()
    return {each.name for each in inputs} | {
        f"{each.name}.{attribute.path}" for each in inputs for attribute in each.attributes
    }


def test_every_example_and_snippet_is_counted() -> None:
    """The table of counts has each example and each whole snippet, and the rest are known lines."""
    examples = [f"examples/{path.parent.name}" for path in sorted(EXAMPLES.glob("*/main.tf"))]
    whole = [place for place, code in snippets() if is_whole(code)]
    assert list(PLANNED) == examples + whole
    rest: dict[str, list[str]] = {}
    for place, code in snippets():
        # test_mocks.py runs the test of a stack.
        if not is_whole(code) and not code.startswith("mock_provider "):
            rest.setdefault(place, []).append(code)
    assert rest == FRAGMENTS


# One test for each question, not for each place.
@pytest.mark.terraform
def test_the_plans(plan: Changes) -> None:
    """Each plans to as many resources of each type as the table says, and no others."""
    planned = {place: dict(Counter(inventory(plan, place).values())) for place in PLANNED}
    assert planned == PLANNED
    made = [each for each in plan.values() if each["mode"] == "managed"]
    assert sum(map(Counter.total, map(Counter, PLANNED.values()))) == len(made)


@pytest.mark.terraform
def test_the_quickstart_makes_nothing_that_the_complete_example_does_not(plan: Changes) -> None:
    """The module creates a known set in the quickstart, and more in the complete example."""
    assert of_the_module(plan, "examples/quickstart") == QUICKSTART
    assert of_the_module(plan, "examples/complete") > QUICKSTART


def test_the_complete_example_uses_every_variable(
    complete: dict[str, Any], declared: set[str]
) -> None:
    """Its module block sets each variable of variables.tf."""
    inputs = {each for each in declared if "." not in each}
    assert {each for each in complete if not each.startswith("__")} - {"source"} == inputs


def test_the_complete_example_uses_every_attribute_that_fits(
    complete: dict[str, Any], declared: set[str]
) -> None:
    """It sets each attribute, but those that do not go together with another that it sets."""
    # The names in maps are the user's.
    named = r"(streams|allowed_triggers)\.[^.]+"
    used = {re.sub(f"^{named}", r"\1", path) for path in attributes_of(complete)}
    assert declared - used == UNUSED


def planned_alarms(plan: Changes, place: str) -> dict[str, dict[str, Any]]:
    """The alarms that are planned at a place, by the names that `alarms.disabled` takes."""
    within = f"module.{name_of(place)}.module.orders.aws_cloudwatch_metric_alarm.alarm["
    return {
        json.loads(address.removeprefix(within).removesuffix("]")): change["change"]["after"]
        for address, change in plan.items()
        if address.startswith(within)
    }


def watched_metrics(alarm: dict[str, Any]) -> list[dict[str, Any]]:
    """The metrics that an alarm watches: one, or all in its expression."""
    queries = [each for query in alarm["metric_query"] or [] for each in query["metric"]]
    return queries or [{**alarm, "stat": alarm["statistic"]}]


@pytest.mark.terraform
def test_each_planned_alarm_watches_what_its_service_reports(plan: Changes) -> None:
    """Namespace, metric, dimension and statistic are as documented: another alarm never starts."""
    for place in ("examples/complete", "docs/settings.md, At most once"):
        alarms = planned_alarms(plan, place)
        assert len(alarms) == PLANNED[place]["aws_cloudwatch_metric_alarm"]
        for alarm in alarms.values():
            for metric in watched_metrics(alarm):
                service = SERVICES[metric["namespace"]]
                assert metric["metric_name"] in service.units()
                assert list(metric["dimensions"]) == [service.dimension]
                is_count = metric["metric_name"] in service.counts
                assert metric["stat"] == ("Sum" if is_count else "Maximum")


@pytest.mark.terraform
def test_each_threshold_has_the_unit_of_its_metric(plan: Changes, complete: dict[str, Any]) -> None:
    """A threshold in seconds or in % of the timeout reaches CloudWatch in the metric's unit."""
    given = complete["alarms"]
    timeout = complete["function"]["timeout_seconds"]
    per_second = {"Seconds": 1, "Milliseconds": 1000}
    for name, alarm in planned_alarms(plan, "examples/complete").items():
        (unit,) = {
            SERVICES[metric["namespace"]].units()[metric["metric_name"]]
            for metric in watched_metrics(alarm)
        }
        if f"{name}_seconds" in given:
            threshold = given[f"{name}_seconds"] * per_second[unit]
        elif f"{name}_percent" in given:
            threshold = given[f"{name}_percent"] * timeout * per_second[unit] / 100
        else:
            assert unit == "Count"
            threshold = given[name]
        assert alarm["threshold"] == threshold
        assert alarm["evaluation_periods"] == given["evaluation_periods"].get(name, 1)
