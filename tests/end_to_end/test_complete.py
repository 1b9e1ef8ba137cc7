"""The example with every variable, from apply to destroy: an order that comes three ways."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from scripts.support import observation
from scripts.support.emulator import Emulator
from scripts.support.observation import Aws
from scripts.support.producer import hand_over
from scripts.support.source import repository
from scripts.support.stack import EXAMPLES, apply_stack, write_stack
from scripts.support.terraform import Terraform, environment
from tests.waiting import eventually

pytestmark = [
    pytest.mark.emulator,
    pytest.mark.terraform,
    pytest.mark.slow,
    pytest.mark.timeout(600),
]

# Of terraform's operations. A queue takes 25 s, and keeps one of its usual 10 all the while.
AT_ONCE = "-parallelism=30"
UNPROTECTED = "-var=deletion_protection=false"
CENTS = 1999

# What the emulator keeps nothing of, so that every plan sets it again. Anything else in a plan
# would be the example's fault, or the module's.
ALARM: Final = {
    *("actions_enabled", "alarm_actions", "alarm_description", "ok_actions", "treat_missing_data"),
}
OF_A_METRIC: Final = ALARM | {"period", "statistic", "dimensions"}
MAPPING: Final = {"kms_key_arn", "metrics_config"}
ALARMS: Final = {
    **dict.fromkeys(
        (
            *("dead_letter_errors", "dead_letters", "delivery_failures", "duration", "errors"),
            *("iterator_age", "lost_leases", "message_age", "parked", "table_unavailable"),
            "throttles",
        ),
        OF_A_METRIC,
    ),
    "table_throttles": ALARM,  # of an expression: its metrics are kept
}
FORGOTTEN: Final = {
    "aws_flow_log.shop": {"iam_role_arn", "max_aggregation_interval", "tags", "tags_all"},
    "aws_security_group.function": {"egress"},  # prefix lists
    "aws_vpc_endpoint.sqs": {"private_dns_enabled", "security_group_ids"},
    "module.orders.aws_lambda_event_source_mapping.queue[0]": MAPPING,
    'module.orders.aws_lambda_event_source_mapping.stream["old-shop"]': MAPPING,
    **{
        f'module.orders.aws_cloudwatch_metric_alarm.alarm["{name}"]': attributes
        for name, attributes in ALARMS.items()
    },
}


@dataclass
class Shop:
    """The deployed example."""

    aws: Aws
    outputs: dict[str, Any]

    def events(self, orders: Iterable[str], cents: int = CENTS) -> None:
        """Put orders on the bus."""
        for order in orders:
            detail = json.dumps({"order_id": order, "amount_cents": cents})
            entry = {"Source": "shop", "DetailType": "order placed", "Detail": detail}
            self.aws.events.put_events(Entries=[entry])

    def rows(self, orders: Iterable[str]) -> None:
        """Put orders into the old shop's table."""
        for order in orders:
            row = {"order_id": {"S": order}, "amount_cents": {"N": str(CENTS)}}
            self.aws.dynamodb.put_item(TableName=self.outputs["old_shop_table_name"], Item=row)

    def express(self, order: str) -> None:
        """Publish an order."""
        message = json.dumps({"order_id": order, "amount_cents": CENTS})
        self.aws.sns.publish(TopicArn=self.outputs["express_topic_arn"], Message=message)

    def invoke(self, orders: Iterable[str]) -> None:
        """Hand orders to the function as the topic does, and wait for its answer."""
        for order in orders:
            event = {"order_id": order, "amount_cents": CENTS}
            hand_over(self.aws, f"{self.outputs['function_name']}:live", event, at_once=1)

    def charges(self) -> Counter[str]:
        """How often each order was charged."""
        rows = observation.rows(self.aws, self.outputs["ledger_table_name"])
        return Counter(row["order_id"] for row in rows)

    def records(self) -> dict[str, str]:
        """The status of each record."""
        rows = observation.rows(self.aws, self.outputs["records_table_name"])
        return {row["id"]: row["status"] for row in rows}

    def waiting(self) -> int:
        """Orders in the queue."""
        return observation.backlog(self.aws, self.outputs["queue_url"])


def planned(terraform: Terraform) -> dict[str, set[str]]:
    """Which attributes of which resource a plan would set."""
    terraform.plan("-out=tfplan")
    changes: dict[str, dict[str, Any]] = {
        each["address"]: each["change"] for each in terraform.show("tfplan")["resource_changes"]
    }
    return {
        address: {
            name
            for name, value in (change["after"] or {}).items()
            if value is not None and value != (change["before"] or {}).get(name)
        }
        for address, change in changes.items()
        if change["actions"] != ["no-op"]
    }


def further_resources(emulator: Emulator, account: str) -> list[str]:
    """Return the example's resources of kinds that `observation.resources` does not list."""
    alarms = emulator.client("cloudwatch", account)
    network = emulator.client("ec2", account)
    vpcs = network.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["false"]}])["Vpcs"]
    layers = emulator.client("lambda", account).list_layers()["Layers"]
    keys = emulator.client("kms", account)
    return [
        *(each["AlarmName"] for each in alarms.describe_alarms()["MetricAlarms"]),
        *(each["DashboardName"] for each in alarms.list_dashboards()["DashboardEntries"]),
        *(each["VpcId"] for each in vpcs),
        *(each["VpcEndpointId"] for each in network.describe_vpc_endpoints()["VpcEndpoints"]),
        *(each["FlowLogId"] for each in network.describe_flow_logs()["FlowLogs"]),
        *(each["LayerName"] for each in layers),
        *(each["AliasName"] for each in keys.list_aliases()["Aliases"]),
        *(
            each["KeyId"]
            for each in keys.list_keys()["Keys"]
            if not keys.describe_key(KeyId=each["KeyId"])["KeyMetadata"].get("DeletionDate")
        ),
    ]


def test_from_apply_to_destroy(tmp_path: Path, emulator: Emulator, account: str) -> None:
    """An order that comes by all three ways is charged once, and the stack goes as it came."""
    override = tmp_path / "git_override.tf"
    override.write_text('module "orders" {\n  source = "MODULE_SOURCE"\n}\n')
    source = repository(tmp_path / "module.git")
    root = write_stack(tmp_path, EXAMPLES / "complete", source, tf=[override])
    terraform = Terraform(directory=root, environment=environment(emulator.environment(account)))
    aws = Aws.of(emulator, account)

    terraform.init()
    shop = Shop(aws, apply_stack(terraform, aws, AT_ONCE))
    assert planned(terraform) == FORGOTTEN
    three_ways(shop)
    protected = {name: is_protected(aws, name) for name in aws.dynamodb.list_tables()["TableNames"]}
    assert protected == {"shop-claims": True, "shop-ledger": True, "shop-old-shop": True}

    assert len(further_resources(emulator, account)) > len(FORGOTTEN)
    terraform.apply(AT_ONCE, UNPROTECTED)
    terraform.destroy(AT_ONCE, UNPROTECTED)
    assert observation.resources(aws) == []
    assert further_resources(emulator, account) == []


def is_protected(aws: Aws, table: str) -> bool:
    """Whether a table refuses to be deleted."""
    found: bool = aws.dynamodb.describe_table(TableName=table)["Table"]["DeletionProtectionEnabled"]
    return found


def three_ways(shop: Shop) -> None:
    """Bring each order one way, then by the others too; and one that the filter drops."""
    shop.events(["by-event"])
    shop.rows(["by-row"])
    shop.express("by-topic")
    orders = {"by-event", "by-row", "by-topic"}
    eventually(lambda: shop.charges().keys() == orders, "each way brings its order")

    shop.events(orders)
    shop.events(["for-nothing"], cents=0)
    # A stream is read in order: when the last is charged, the others were read.
    shop.rows([*sorted(orders - {"by-row"}), "last"])
    shop.invoke(orders)
    eventually(lambda: "last" in shop.charges(), "the stream is read")
    eventually(lambda: shop.waiting() == 0, "the queue is empty")
    orders.add("last")
    assert shop.charges() == dict.fromkeys(orders, 1)
    accounts = observation.rows(shop.aws, shop.outputs["ledger_table_name"])
    assert all(row["receipt"] for row in accounts), "the layer is not there"
    # The last one is charged before it is completed.
    completed = {f"charge#{order}": "COMPLETED" for order in orders}
    eventually(lambda: shop.records() == completed, "each record is completed")
    for name in ("dead_letter_queue_url", "given_up_queue_url"):
        assert observation.backlog(shop.aws, shop.outputs[name]) == 0
    # The alarms look for what the function says of itself.
    name, group = shop.outputs["function_name"], shop.outputs["log_group_name"]
    batches = list(observation.log_lines(shop.aws, group, "batch"))
    assert {line["FunctionName"] for line in batches} == {name}
    assert {"processed", "duplicates"} <= {name for line in batches for name in line}
