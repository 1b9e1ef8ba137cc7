"""The checks of `doctor`: each on planted facts, and the facts themselves from moto."""

import json
from dataclasses import replace
from typing import Any

import pytest
from botocore.exceptions import ClientError

from idempotent_lambda_toolkit.cli import times
from idempotent_lambda_toolkit.cli.deployment import Deployment
from idempotent_lambda_toolkit.cli.doctor import gather
from idempotent_lambda_toolkit.cli.doctor.checks import CHECKS, TOPICS
from idempotent_lambda_toolkit.cli.doctor.checks import list_findings as findings
from idempotent_lambda_toolkit.cli.doctor.findings import Severity
from idempotent_lambda_toolkit.cli.doctor.inventory import (
    ENTRY_POINT,
    Inventory,
    Queue,
    SourceMapping,
    Table,
)
from idempotent_lambda_toolkit.cli.doctor.needs import ON_TABLE
from idempotent_lambda_toolkit.cli.doctor.resources import parse_mapping
from idempotent_lambda_toolkit.cli.exit_codes import ExitCode

from .conftest import Consumer, Run

ENVIRONMENT = {
    "IDEMPOTENCY_TABLE": "orders-idempotency",
    "IDEMPOTENCY_PROCESSOR": "orders.process",
    "IDEMPOTENCY_NAMESPACE": "orders",
    "IDEMPOTENCY_RETENTION_SECONDS": "1900800",
    "IDEMPOTENCY_MAX_RECEIVE_COUNT": "5",
    "IDEMPOTENCY_LEASE_MARGIN_MILLIS": "5000",
    "IDEMPOTENCY_DEAD_LETTER_QUEUE_URL": "https://sqs/123456789012/orders-dead-letters",
}
QUEUE = Queue(
    arn="arn:aws:sqs:eu-central-1:123456789012:orders",
    visibility_seconds=180,
    retention_seconds=345_600,
    dead_letter_arn="arn:aws:sqs:eu-central-1:123456789012:orders-dead-letters",
    max_message_bytes=262_144,
    max_receive_count=5,
)
DEAD = Queue(
    arn="arn:aws:sqs:eu-central-1:123456789012:orders-dead-letters",
    visibility_seconds=30,
    retention_seconds=1_209_600,
    max_message_bytes=262_144,
)
TABLE = Table(key=(("id", "S", "HASH"),), ttl_attribute="expires_at", point_in_time_recovery=True)
MAPPING = SourceMapping(state="Enabled", partial_responses=True, source_arn=QUEUE.arn)
HEALTHY = Inventory(
    environment=ENVIRONMENT,
    handler="idempotent_lambda.entrypoint.handler",
    timeout_seconds=30,
    runtime="python3.13",
    table=TABLE,
    queue=QUEUE,
    dead_letter_queue=DEAD,
    mappings=(MAPPING,),
    denied=(),
    skew_millis=0,
)
FAILURE, WARNING, NOTE = Severity


def with_function(**facts: Any) -> Inventory:
    """Healthy facts, but for these of the function."""
    return replace(HEALTHY, function=replace(HEALTHY.function, **facts))


def with_environment(**changes: str | None) -> Inventory:
    """Healthy facts, but for these variables of the environment."""
    whole = {**ENVIRONMENT, **changes}
    return replace(HEALTHY, environment={name: of for name, of in whole.items() if of is not None})


PLANTED: dict[str, tuple[Inventory, Severity]] = {
    "existence": (
        replace(HEALTHY, table=None, missing={"table": "DescribeTable: not found"}),
        FAILURE,
    ),
    "settings": (with_environment(IDEMPOTENCY_MODE="enforced"), FAILURE),
    "observe-mode": (with_environment(IDEMPOTENCY_MODE="observe"), NOTE),
    "runtime": (replace(HEALTHY, runtime="python3.9"), FAILURE),
    "managed-instances": (replace(HEALTHY, managed_instances=True), FAILURE),
    "table-key": (replace(HEALTHY, table=replace(TABLE, key=(("pk", "S", "HASH"),))), FAILURE),
    "ttl": (replace(HEALTHY, table=replace(TABLE, ttl_attribute=None)), FAILURE),
    "point-in-time-recovery": (
        replace(HEALTHY, table=replace(TABLE, point_in_time_recovery=False)),
        NOTE,
    ),
    "record-retention": (with_environment(IDEMPOTENCY_RETENTION_SECONDS="345599"), FAILURE),
    "visibility-timeout": (replace(HEALTHY, queue=replace(QUEUE, visibility_seconds=35)), FAILURE),
    "retries-fit": (replace(HEALTHY, queue=replace(QUEUE, retention_seconds=900)), FAILURE),
    "mapping": (replace(HEALTHY, mappings=(replace(MAPPING, state="Disabled"),)), WARNING),
    "partial-responses": (
        replace(HEALTHY, mappings=(replace(MAPPING, partial_responses=False),)),
        FAILURE,
    ),
    "dead-letter-queue": (
        replace(HEALTHY, queue=replace(QUEUE, dead_letter_arn=None, max_receive_count=None)),
        FAILURE,
    ),
    "dead-letter-url": (
        with_environment(IDEMPOTENCY_DEAD_LETTER_QUEUE_URL=None, IDEMPOTENCY_ON_INTERRUPTED="park"),
        FAILURE,
    ),
    "dead-letter-retention": (
        replace(HEALTHY, dead_letter_queue=replace(DEAD, retention_seconds=345_600)),
        FAILURE,
    ),
    "dead-letter-size": (
        replace(HEALTHY, dead_letter_queue=replace(DEAD, max_message_bytes=262_143)),
        WARNING,
    ),
    "max-receive-count": (replace(HEALTHY, queue=replace(QUEUE, max_receive_count=4)), WARNING),
    "concurrency": (replace(HEALTHY, reserved_concurrency=5), WARNING),
    "lease-margin": (with_environment(IDEMPOTENCY_LEASE_MARGIN_MILLIS="999"), WARNING),
    "time-to-start": (with_environment(IDEMPOTENCY_MINIMUM_REMAINING_MILLIS="29500"), FAILURE),
    "permissions": (replace(HEALTHY, denied=(("dynamodb:UpdateItem", "table"),)), FAILURE),
    "clock": (replace(HEALTHY, skew_millis=-5001), FAILURE),
    "unknown-variables": (with_environment(IDEMPOTENCY_MODUS="observe"), WARNING),
    "handler": (replace(HEALTHY, handler="orders.handler"), FAILURE),
    "key-root": (
        replace(
            with_environment(IDEMPOTENCY_KEY="body.order_id"),
            function=replace(HEALTHY.function, sources=("sqs", "s3")),
        ),
        FAILURE,
    ),
    "state": (with_function(state="Failed"), FAILURE),
    "last-update": (with_function(update_status="InProgress"), NOTE),
    "qualifier": (with_function(invoked=("live",)), FAILURE),
    "versions": (with_function(differing=("IDEMPOTENCY_KEY",)), FAILURE),
    "start": (with_function(invocation_error="Runtime.ExitError: exit status 1"), FAILURE),
    "recent-errors": (with_function(ended={"timeout": 1}), WARNING),
    "namespace": (with_function(sharers=("refunds",)), FAILURE),
    "log-level": (with_function(log_level="FATAL"), WARNING),
    "log-class": (
        replace(
            with_environment(IDEMPOTENCY_METRICS="by_decorated_name"),
            function=replace(HEALTHY.function, log_class="INFREQUENT_ACCESS"),
        ),
        FAILURE,
    ),
}


def test_a_healthy_stack_gives_silence() -> None:
    """The module's own defaults are found in order."""
    assert findings(HEALTHY) == []


@pytest.mark.parametrize("name", PLANTED)
def test_each_check_finds_its_fault_and_no_other(name: str) -> None:
    """A check finds its planted fault by its name, alone, with a remedy."""
    planted, severity = PLANTED[name]
    (found,) = findings(planted)
    assert (found.name, found.severity) == (name, severity)
    assert all((found.value, found.rule, found.remedy))


@pytest.mark.parametrize(
    ("planted", "name", "severity"),
    [
        (
            replace(HEALTHY, queue=replace(QUEUE, visibility_seconds=36)),
            "visibility-timeout",
            WARNING,
        ),
        (
            replace(HEALTHY, mappings=(replace(MAPPING, window_seconds=1),)),
            "visibility-timeout",
            WARNING,
        ),
        (with_environment(IDEMPOTENCY_RETENTION_SECONDS="1900799"), "record-retention", NOTE),
        (replace(HEALTHY, mappings=()), "mapping", FAILURE),
        (
            replace(
                with_environment(IDEMPOTENCY_MAX_RECEIVE_COUNT="2"),
                queue=replace(QUEUE, max_receive_count=2),
            ),
            "max-receive-count",
            FAILURE,
        ),
        (with_environment(IDEMPOTENCY_DEAD_LETTER_QUEUE_URL=None), "dead-letter-url", WARNING),
        (
            with_environment(IDEMPOTENCY_DEAD_LETTER_QUEUE_URL="https://sqs/1/others"),
            "dead-letter-url",
            FAILURE,
        ),
        (replace(HEALTHY, reserved_concurrency=0), "concurrency", FAILURE),
        (
            replace(HEALTHY, denied=(("sqs:ChangeMessageVisibility", "queue"),)),
            "permissions",
            WARNING,
        ),
        (
            replace(HEALTHY, denied=tuple((action, "table") for action in ON_TABLE)),
            "permissions",
            FAILURE,
        ),
        (replace(HEALTHY, table=replace(TABLE, ttl_attribute="ttl")), "ttl", FAILURE),
        (replace(HEALTHY, runtime="nodejs22.x"), "runtime", FAILURE),
        (replace(HEALTHY, skew_millis=5001), "clock", FAILURE),
        (
            replace(
                with_environment(IDEMPOTENCY_MANAGED_INSTANCES="accept_overlapping_runs"),
                managed_instances=True,
            ),
            "managed-instances",
            NOTE,
        ),
    ],
)
def test_further_faults(planted: Inventory, name: str, severity: Severity) -> None:
    """The other side of a rule is found under the same name, as bad as it is."""
    (found,) = findings(planted)
    assert (found.name, found.severity) == (name, severity)


@pytest.mark.parametrize(
    "fine",
    [
        replace(HEALTHY, runtime="python3.11"),
        replace(HEALTHY, runtime=None),
        replace(HEALTHY, skew_millis=5000),
        replace(
            HEALTHY, reserved_concurrency=5, mappings=(replace(MAPPING, maximum_concurrency=5),)
        ),
        replace(HEALTHY, reserved_concurrency=30, mappings=(replace(MAPPING, maximum_pollers=3),)),
        replace(HEALTHY, queue=None, dead_letter_queue=None, mappings=()),
        replace(
            HEALTHY,
            table=None,
            queue=None,
            dead_letter_queue=None,
            mappings=None,
            denied=None,
            skew_millis=None,
        ),
        replace(
            HEALTHY,
            queue=replace(QUEUE, arn=QUEUE.arn + ".fifo"),
            dead_letter_queue=replace(DEAD, arn=DEAD.arn + ".fifo", retention_seconds=345_600),
            environment={**ENVIRONMENT, "IDEMPOTENCY_RETENTION_SECONDS": "2000000"},
        ),
    ],
)
def test_what_is_fine_or_unknown_is_not_told(fine: Inventory) -> None:
    """At the edge of a rule, and where nothing is known, there is silence."""
    assert findings(fine) == []


@pytest.mark.parametrize("handler", [ENTRY_POINT, "orders.handler"])
@pytest.mark.parametrize("key", ["body..order_id[", "body.order-id", "lower(body.id", "'orders'"])
def test_a_wrong_key_expression(key: str, handler: str) -> None:
    """An expression with which no function starts is a failure that quotes it."""
    processor = "orders.process" if handler == ENTRY_POINT else None
    environment = with_environment(IDEMPOTENCY_KEY=key, IDEMPOTENCY_PROCESSOR=processor)
    wrong = replace(environment, handler=handler)
    (found,) = findings(wrong)
    assert (found.name, found.severity) == ("settings", FAILURE)
    assert found.value.startswith("IDEMPOTENCY_KEY")
    assert key in found.value


@pytest.mark.parametrize(
    ("planted", "severity", "remedy"),
    [
        (
            replace(
                HEALTHY,
                queue=replace(QUEUE, visibility_seconds=300),
                environment={**ENVIRONMENT, "IDEMPOTENCY_LEASE_MARGIN_MILLIS": "300000"},
            ),
            FAILURE,
            "set it to 331 s",
        ),
        (
            replace(HEALTHY, reserved_concurrency=1),
            WARNING,
            "reserve at least 2, and set queue.maximum_concurrency to 2",
        ),
        (
            replace(HEALTHY, reserved_concurrency=2),
            WARNING,
            "set queue.maximum_concurrency to 2 at most",
        ),
        (
            replace(
                HEALTHY, reserved_concurrency=29, mappings=(replace(MAPPING, maximum_pollers=3),)
            ),
            WARNING,
            "reserve at least 30, or lower queue.provisioned_poller_config: 2 pollers need 20",
        ),
        (
            replace(
                HEALTHY,
                queue=replace(QUEUE, retention_seconds=1_209_600),
                dead_letter_queue=replace(DEAD, retention_seconds=1_209_600),
                environment={**ENVIRONMENT, "IDEMPOTENCY_RETENTION_SECONDS": "3628800"},
            ),
            WARNING,
            "lower the queue's retention, or redrive soon: SQS keeps no message longer",
        ),
    ],
)
def test_remedies_at_a_limit(planted: Inventory, severity: Severity, remedy: str) -> None:
    """A remedy can be met where AWS or another rule takes no further step."""
    (found,) = findings(planted)
    assert (found.severity, found.remedy) == (severity, remedy)


class TestFacts:
    """The facts that `doctor` gathers about a stack."""

    def test_what_was_checked(self, consumer: Consumer, run: Run) -> None:
        """The command names what it has checked, in words and as JSON, and says no more."""
        enable(consumer)
        consumer.client("logs").create_log_group(logGroupName="/aws/lambda/orders")
        reported = run("doctor")
        topics = "table, settings, function, queues, mappings, permissions"
        said = f"orders: no problem found in: {topics}\n"
        assert (reported.code, reported.out) == (ExitCode.OK, said)
        answer = run("doctor", "--json").answer
        assert (answer["findings"], answer["not_checked"]) == ([], {})
        assert set(answer["checked"]) == set(CHECKS)

    def test_managed_instances(
        self, consumer: Consumer, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A function with a capacity provider runs on Lambda Managed Instances."""
        enable(consumer)
        read: Any = Deployment.function
        provider = "arn:aws:lambda:eu-central-1:123456789012:capacity-provider:large"
        more = {"LambdaManagedInstancesCapacityProviderConfig": {"CapacityProviderArn": provider}}
        monkeypatch.setattr(
            Deployment,
            "function",
            property(lambda self: {**read.func(self), "CapacityProviderConfig": more}),
        )
        (found,) = run("doctor", "--json").answer["findings"]
        assert (found["name"], found["severity"]) == ("managed-instances", "failure")

    @pytest.mark.usefixtures("consumer")
    def test_findings_have_an_exit_code(self, run: Run) -> None:
        """Problems end the command with 1, and each is reported with value, rule and remedy."""
        ended = run("doctor", "--json")
        assert ended.code == ExitCode.FOUND
        (found,) = ended.answer["findings"]
        assert (found["name"], found["severity"]) == ("mapping", "warning")
        assert "remedy: " in run("doctor").out

    def test_a_role_is_read_where_it_cannot_be_simulated(
        self, consumer: Consumer, run: Run
    ) -> None:
        """Where the operator may not simulate, the role's own policies are read."""
        enable(consumer)
        iam = consumer.client("iam")
        policy = iam.get_role_policy(RoleName="orders", PolicyName="idempotent-lambda")
        document = policy["PolicyDocument"]
        document["Statement"] = [
            each for each in document["Statement"] if each["Action"] != ["sqs:SendMessage"]
        ]
        iam.put_role_policy(
            RoleName="orders", PolicyName="idempotent-lambda", PolicyDocument=json.dumps(document)
        )
        (found,) = run("doctor", "--json").answer["findings"]
        assert found["name"] == "permissions"
        assert "sqs:SendMessage" in found["value"]

    def test_what_cannot_be_read_is_no_finding(
        self, consumer: Consumer, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A setting that the operator may not read is reported as not checked, with a code."""
        enable(consumer)
        consumer.client("logs").create_log_group(logGroupName="/aws/lambda/orders")

        def denied(*_arguments: Any) -> None:
            answer: Any = {"Error": {"Code": "AccessDenied", "Message": "not you"}}
            raise ClientError(answer, "Read")

        for name in ("read_table", "find_permissions", "_read_reserved_concurrency"):
            monkeypatch.setattr(gather, name, denied)
        ended = run("doctor", "--json")
        assert ended.code == ExitCode.COULD_NOT_CHECK
        assert ended.answer["findings"] == []
        unknown = {"table", "permissions", "reserved concurrency"}
        assert ended.answer["not_checked"].keys() == unknown
        left_out = {*TOPICS["table"], *TOPICS["permissions"], "concurrency"}
        assert set(ended.answer["checked"]) == CHECKS.keys() - left_out
        reported = run("doctor").out
        assert "no problem found in: settings, function, queues, mappings\n" in reported
        assert "not checked: table (Read: AccessDenied: not you" in reported

    @pytest.mark.parametrize("part", ["table", "queue", "dead-letter queue"])
    def test_what_is_gone_is_a_failure(self, consumer: Consumer, run: Run, part: str) -> None:
        """A part that was deleted is named first."""
        enable(consumer)
        sqs = consumer.client("sqs")
        match part:
            case "table":
                consumer.client("dynamodb").delete_table(TableName="orders-idempotency")
            case "queue":
                sqs.delete_queue(QueueUrl=consumer.queue_url)
            case _:
                sqs.delete_queue(QueueUrl=consumer.dead_letter_queue_url)
        ended = run("doctor", "--json")
        assert ended.code == ExitCode.FOUND
        first = ended.answer["findings"][0]
        assert (first["severity"], first["name"]) == ("failure", "existence")
        assert first["value"].startswith(f"there is no {part}: ")

    def test_doctor_needs_a_function(self, run: Run) -> None:
        """There is nothing to check without a function, and that is said."""
        assert run("doctor", function=None).code == ExitCode.USAGE


@pytest.mark.parametrize(
    ("before", "after", "skew"),
    [
        (1_000_000, 1_000_100, 0),
        (999_000, 1_000_000, 0),
        (1_000_999, 1_001_999, 0),
        (1_006_000, 1_006_100, 5000),
        (994_900, 995_000, -5000),
    ],
)
def test_skew(before: int, after: int, skew: int) -> None:
    """The skew is what one answer proves, whose Date has whole seconds and lies within the call."""
    date = "Thu, 01 Jan 1970 00:16:40 GMT"
    answer = {"ResponseMetadata": {"HTTPHeaders": {"date": date}}}
    assert times.skew_millis(answer, before, after) == skew
    assert times.skew_millis({}, before, after) is None


def test_pollers_are_read_as_lambda_reports_them() -> None:
    """The most pollers of a mapping are read: it then has no maximum concurrency.

    https://docs.aws.amazon.com/lambda/latest/api/API_ProvisionedPollerConfig.html
    """
    pollers = {"MaximumPollers": 3, "MinimumPollers": 2}
    found = parse_mapping({"EventSourceArn": QUEUE.arn, "ProvisionedPollerConfig": pollers})
    assert (found.maximum_pollers, found.maximum_concurrency) == (3, None)


def enable(consumer: Consumer) -> None:
    """Have the mapping read the queue."""
    lambda_ = consumer.client("lambda")
    (mapping,) = lambda_.list_event_source_mappings()["EventSourceMappings"]
    lambda_.update_event_source_mapping(UUID=mapping["UUID"], Enabled=True)
