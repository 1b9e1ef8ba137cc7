"""The package uses exactly the settings and permissions that the module declares."""

import json
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from idempotent_lambda import clock, keys, queues, settings
from idempotent_lambda.clock import Deadline, EpochMillis, Millis, Seconds, SystemClock
from idempotent_lambda.protocol.claims import Request
from idempotent_lambda.protocol.record import Owner
from idempotent_lambda.sources.event import read_event
from idempotent_lambda.store.dynamodb import DynamoDBClaimStore
from idempotent_lambda_toolkit.cli.doctor.checks.queues import LEAST_RECEIVES
from tests.handler.events import event, order
from tests.handler.harness import Listener
from tests.inputs import read_inputs
from tests.module.stacks import ROOT
from tests.requests import claim_of

RECORDS = ("orders#1", "orders#2")
TERRAFORM = "\n".join(path.read_text(encoding="utf-8") for path in sorted(ROOT.glob("*.tf")))


def found(pattern: str) -> str:
    """The group of the one place in the module that matches."""
    (value,) = re.findall(pattern, TERRAFORM, re.MULTILINE)
    return str(value)


class RecordedEnvironment(Mapping[str, str]):
    """An empty environment that remembers which names it was asked for."""

    def __init__(self) -> None:
        self.asked: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.asked.add(name)
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


class RecordedClient:
    """An AWS client that remembers each call, and grants everything that is asked for singly.

    Of statements it grants none, so that what they leave open is asked for as well.
    """

    meta = SimpleNamespace(endpoint_url="https://sqs.eu-central-1.amazonaws.com")

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def __getattr__(self, method: str) -> Callable[..., dict[str, Any]]:
        def call(**parameters: Any) -> dict[str, Any]:
            self.calls.append((method, parameters))
            refusal = {"Error": {"Code": "DuplicateItem"}}
            refusals = [refusal for _ in parameters.get("Statements", ())]
            known = {"Attributes": {"attempts": {"N": "1"}}, "MessageId": "m-1"}
            return known | {"Responses": refusals or {}}

        return call


@pytest.fixture
def calls() -> list[tuple[str, dict[str, Any]]]:
    """Every call of the store, for one record and for two: claims, settlements, transactions."""
    client: Any = RecordedClient()
    system = SystemClock()
    store = DynamoDBClaimStore(client, "records", system, Listener())
    deadline = Deadline.from_remaining(system, Millis(60_000))
    requests = [
        Request(record_id=each, owner=Owner("me"), now=EpochMillis(0), retention=Seconds(60))
        for each in RECORDS
    ]
    for many in (requests[:1], requests):
        for takeover in (False, True):
            lease = EpochMillis(60_000)
            store.claim(
                [claim_of(one, lease_expires_at=lease, takeover=takeover) for one in many],
                deadline,
            )
        for settle in (store.complete, store.release, store.park, store.mark):
            settle(many, deadline)
    effect = {"Put": {"TableName": "ledger", "Item": {"id": {"S": "1"}}}}
    store.complete([replace(requests[0], actions=(effect,))], deadline)
    return client.calls


def actions(method: str, parameters: Mapping[str, Any]) -> set[str]:
    """What IAM asks of a call for the table of records.

    Of statements, their verb: see ``ClaimAndSettleTogether``. Of a transaction, what each of its
    writes would need alone, and no more:
    https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/transaction-apis-iam.html
    """
    if method == "transact_write_items":
        kinds = (each.items() for each in parameters["TransactItems"])
        return {
            f"dynamodb:{kind}Item" for ((kind, write),) in kinds if write["TableName"] == "records"
        }
    verbs = {each["Statement"].split()[0].title() for each in parameters.get("Statements", ())}
    name = "".join(map(str.title, method.split("_")))
    return {f"dynamodb:PartiQL{verb}" for verb in verbs} or {f"dynamodb:{name}"}


def test_the_environment() -> None:
    """The names that function.tf sets are those that settings.py reads."""
    names = ("package_settings", "resource_environment")
    blocks = (found(rf"^  {name} = {{\n((?:    .*\n)+)  }}") for name in names)
    environment = RecordedEnvironment()
    with pytest.raises(settings.InvalidSettingsError):
        settings.Settings.from_environment(environment)
    environment.asked -= {"AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_LEVEL"}  # Lambda's
    assert environment.asked == set(re.findall(r"^ +(\w+) +=", "".join(blocks), re.MULTILINE))


def test_the_iam_actions(calls: list[tuple[str, dict[str, Any]]]) -> None:
    """The role may make exactly the calls on the table of records that the store makes."""
    made = set().union(*(actions(*call) for call in calls))
    on_the_table = r"Action += \[([^]]+)\]\n +Resource = local\.table_arn\n"
    assert made == set(re.findall(r'"(.+?)"', "".join(re.findall(on_the_table, TERRAFORM))))


def test_the_iam_actions_on_queues(monkeypatch: pytest.MonkeyPatch) -> None:
    """The role may make exactly the SQS calls that the package makes, each on its own queue."""
    client = RecordedClient()
    monkeypatch.setattr(queues, "new_client", lambda _: client)
    listener: Any = Listener()
    own, dead = f"{client.meta.endpoint_url}/123456789012/orders", "https://the-dead-letters"
    (delivery,) = read_event(event(order("1")))
    deadline = Deadline.from_remaining(SystemClock(), Millis(60_000))
    both = queues.SqsQueues(dead, listener)
    both.postpone([delivery], [(delivery, EpochMillis(1))], deadline)
    both.dead_letter(delivery, "orders#1", Owner("me"), deadline)
    # A call for many needs the permission of the call for one:
    # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-api-permissions-reference.html
    made = {
        (each["QueueUrl"], "sqs:" + method.removesuffix("_batch").title().replace("_", ""))
        for method, each in client.calls
    }
    assert made == {(own, "sqs:ChangeMessageVisibility"), (dead, "sqs:SendMessage")}
    granted = r"Action += \[(.+)\]\n +Resource = local\.(queue|dead_letter_queue)_arn\n"
    assert set(re.findall(granted, TERRAFORM)) == {
        # What the mapping does.
        ('"sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"', "queue"),
        ('"sqs:ChangeMessageVisibility"', "queue"),
        ('"sqs:SendMessage"', "dead_letter_queue"),
    }


def test_the_table_attributes(calls: list[tuple[str, dict[str, Any]]]) -> None:
    """The store writes to the table's own key, and the TTL attribute that the table names."""
    name, kind = found(r'^  hash_key +=.*"(\w+)"'), found(r'^    type = "(\w)"')
    keys = [{name: {kind: each}} for each in RECORDS]
    assert all(parameters["Key"] in keys for _, parameters in calls if "Key" in parameters)
    reads = [each for method, each in calls if method == "batch_get_item"]
    assert all(each["RequestItems"]["records"]["Keys"] == keys for each in reads)
    expiry = found(r'^    attribute_name = "(\w+)"')
    for statement in (one for _, each in calls for one in each.get("Statements", ())):
        text: str = statement["Statement"]
        assert f'"{name}" = ?' in text or f"'{name}': ?" in text
        assert text.startswith("DELETE") or f'"{expiry}" = ?' in text or f"'{expiry}': ?" in text
    updates = [parameters for method, parameters in calls if method == "update_item"]
    for parameters in updates:
        change, names = parameters["UpdateExpression"], parameters["ExpressionAttributeNames"]
        if "SET #dead_lettered_at" in change:
            # A parked record stays until an operator decides.
            assert f"#{expiry}" not in change
            continue
        kept, _, removed = change.partition(" REMOVE ")
        assert names[f"#{expiry}"] == expiry
        assert (f"#{expiry}" in removed) is ("#status = :parked" in kept)
        assert (f"#{expiry}" in removed) is not (f"#{expiry} = :{expiry}" in kept)


def test_the_python_floor() -> None:
    """The oldest runtime that the module takes is the oldest Python that the package takes."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    least = found(r"var\.function\.runtime\)\[1\]\) >= (\d+)")
    assert project["requires-python"] == f">=3.{least}"
    assert f"is not python3.{least} or newer" in TERRAFORM


def test_the_reserve() -> None:
    """Both halves keep the same time back to answer."""
    reserve = float(found(r"^  reserve_seconds += ([\d.]+)$"))
    assert reserve * 1000 == clock.RESERVE_MILLIS


def test_the_built_in_handler() -> None:
    """The default handler exists, and processor is required for exactly that one."""
    handler = found(r'^    handler += optional\(string, "(.+)"\)')
    assert handler == found(r'^  builtin_handler += "(.+)"')
    module, _, name = handler.rpartition(".")
    # Read, not imported: it is wired from the function's environment when it is imported.
    source = (ROOT / "handler" / module.replace(".", "/")).with_suffix(".py").read_text()
    assert re.search(rf"^(?:def )?{name}\b", source, re.MULTILINE)


def test_the_limits_of_settings() -> None:
    """The package accepts every value that the module accepts."""
    assert f"length(var.idempotency.namespace) <= {keys.MAX_NAMESPACE_BYTES}" in TERRAFORM
    assert f'regex("^({settings.LOG_RULE})$", var.idempotency.log)' in TERRAFORM
    for name, choices in (
        ("log_keys", settings.LOG_KEYS_CHOICES),
        ("managed_instances", settings.MANAGED_INSTANCES_CHOICES),
        ("mode", settings.MODE_CHOICES),
        ("on_interrupted", settings.ON_INTERRUPTED_CHOICES),
    ):
        assert f"contains({json.dumps(choices)}, var.idempotency.{name})" in TERRAFORM
        # Without the module, the package takes the same one.
        assert found(rf'^    {name} += optional\(string, "(\w+)"\)') == choices[0]


def test_the_defaults_of_settings() -> None:
    """Each default of the package is the module's, and the one in the table of inputs."""
    page = (ROOT / "docs" / "inputs.md").read_text(encoding="utf-8")
    for name, default in (
        ("concurrency", settings.DEFAULT_CONCURRENCY),
        ("lease_margin_seconds", settings.DEFAULT_LEASE_MARGIN_MILLIS / 1000),
        ("minimum_remaining_seconds", settings.DEFAULT_MINIMUM_REMAINING_MILLIS / 1000),
    ):
        assert float(found(rf"^    {name} += optional\(number, ([\d.]+)\)")) == default
        (shown,) = re.findall(rf"^\| `{name}` \| `number` \| `([\d.]+)` \|", page, re.MULTILINE)
        assert float(shown) == default
    for name, choices in (
        ("log_keys", settings.LOG_KEYS_CHOICES),
        ("managed_instances", settings.MANAGED_INSTANCES_CHOICES),
        ("mode", settings.MODE_CHOICES),
        ("on_interrupted", settings.ON_INTERRUPTED_CHOICES),
    ):
        assert f'| `{name}` | `string` | `"{choices[0]}"` |' in page
    assert '= optional(string, "all")' in TERRAFORM
    assert '| `log` | `string` | `"all"` |' in page
    off, on, by_name = settings.METRICS_CHOICES
    assert f'= local.writes_metrics ? local.metrics_on : "{off}"' in TERRAFORM
    assert f'metrics_by_decorated_name ? "{by_name}" : "{on}"' in TERRAFORM


def test_the_least_of_settings() -> None:
    """Without a count the package assumes the lowest that the module accepts."""
    least = found(r"^ +max_receive_count += \[(\d+), ")
    assert int(least) == settings.DEFAULT_MAX_RECEIVE_COUNT == LEAST_RECEIVES
    least = found(r"^ +var\.idempotency\.retention_seconds >= (\d+)$")
    assert int(least) == settings.MIN_RETENTION_SECONDS


def test_the_defaults_have_one_home() -> None:
    """No other file of the package or the toolkit repeats a default of a variable."""
    variable = r"""["']IDEMPOTENCY_\w+["'],\s*(?:default=)?["']?\d"""
    for part in ("handler", "toolkit"):
        for path in (ROOT / part).rglob("*.py"):
            assert not re.findall(variable, path.read_text(encoding="utf-8")), path


def test_the_services_that_wrap() -> None:
    """The module accepts exactly the names that the package accepts."""
    names = json.loads(found(r"^  wrappers += (\[.+\])$"))
    assert tuple(names) == settings.UNWRAP_CHOICES
    services = json.loads(found(r"^  services += (\[.+\])$"))
    assert set(names) - set(services) == {"pipes"}
    assert set(services) <= set(names)


def test_the_only_provider_is_aws() -> None:
    """Nothing but the AWS provider and what is built into Terraform, and no look-up at first."""
    assert re.findall(r'source += "([\w-]+/[\w-]+)"', TERRAFORM) == ["hashicorp/aws"]
    types = set(re.findall(r'^resource "(\w+)"', TERRAFORM, re.MULTILINE))
    assert {name.split("_")[0] for name in types} == {"aws", "terraform"}
    assert not re.findall(r"^provider ", TERRAFORM, re.MULTILINE)
    # The first is read only after an alias's function exists, and the second calls nothing.
    assert re.findall(r"^data (.*) {}?$", TERRAFORM, re.MULTILINE) == [
        '"aws_lambda_function" "published"',
        '"aws_region" "current"',
    ]


HOW_A_QUEUE_IS_READ = {
    *(
        "batch_size",
        "maximum_batching_window_in_seconds",
        "enabled",
        "filters",
        "maximum_concurrency",
        "metrics",
        "provisioned_poller_config",
    ),
    "unwrap",
}
"""Attributes that an existing queue takes too: they configure the mapping and the function."""

TAKEN = {
    # It encrypts the filters of mappings.
    "function": {"kms_key_arn"},
    "logs": set[str](),
    # The mapping has tags.
    "queue": {*HOW_A_QUEUE_IS_READ, "tags"},
    "table": set[str](),
}
"""All attributes that an existing part takes."""


@pytest.mark.parametrize("part", ["function", "logs", "queue", "table"])
def test_what_an_existing_part_refuses(part: str) -> None:
    """With `existing`, every attribute that only a created part takes is refused if it is set."""
    variable = read_inputs()[part]
    declared = {
        each.path: each.default
        for each in variable.attributes
        if "." not in each.path and each.path not in {"existing", *TAKEN[part]}
    }
    for parent in [path for path, default in declared.items() if default == "{}"]:
        # An object whose default is empty has the defaults of its attributes.
        inner = {
            each.path.removeprefix(f"{parent}."): each.default
            for each in variable.attributes
            if re.fullmatch(rf"{parent}\.\w+", each.path)
        }
        if inner:
            pairs = ", ".join(f"{name} = {default}" for name, default in sorted(inner.items()))
            declared[parent] = f"{{ {pairs} }}"
    block = found(rf"^  {part}_defaults = {{\n((?:    .*\n)+)  }}")
    refused = dict(re.findall(r"^    (\w+) += (.+)$", block, re.MULTILINE))
    handler = found(r'^  builtin_handler += ("[\w.]+")$')
    assert {
        name: value.replace("local.builtin_handler", handler) for name, value in refused.items()
    } == declared
