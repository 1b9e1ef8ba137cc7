"""The incidents that the runbook is for: how each is caused, and what shows its cause."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from idempotent_lambda import PermanentFailure, idempotent
from idempotent_lambda.decorator import Wiring
from idempotent_lambda_toolkit.testing import events

from .conftest import REGION, TABLE, allowed, document
from .incidents_world import World

ACCOUNT = "123456789012"
DECLINED = ValueError("the card is declined")
ALL_DONE = r'"batchItemFailures": \[\]'
NO_ADDRESS = PermanentFailure("the order has no address")


@dataclass(frozen=True)
class Incident:
    """What happened, and how the operator learns why.

    Attributes:
        plant: causes the incident.
        first: patterns that the output of the first step must have.
        later: patterns that the output of all steps together must have.
    """

    plant: Callable[[World], Any]
    first: tuple[str, ...] = ()
    later: tuple[str, ...] = ()


def kill_run(world: World) -> None:
    """A run is killed after its claim, and its message waits."""
    world.send()
    world.process = world.die
    world.deliver()
    world.process = world.charge


def let_run_go_stale(world: World) -> None:
    """A run is killed after its claim, and its lease ends."""
    kill_run(world)
    world.end_leases()


def take_over(world: World) -> None:
    """A run is killed after its claim, and the next delivery takes over."""
    let_run_go_stale(world)
    world.deliver()


def deny_copies(world: World) -> None:
    """The role may not send to the dead-letter queue, and an event fails until its last retry."""
    world.consumer.client("iam").put_role_policy(
        RoleName="orders",
        PolicyName="idempotent-lambda",
        PolicyDocument=document(allowed(["dynamodb:*", "sqs:ReceiveMessage"], "*")),
    )
    world.process = world.fail(DECLINED)
    event = events.sns({"order_id": "ORDER-1"})
    for _ in range(3):
        world.invoke(event)


def lose_reports(world: World) -> None:
    """A stream reports to a queue that is gone, and Lambda gives up on a record."""
    stream = world.consumer.client("kinesis")
    stream.create_stream(StreamName="orders", ShardCount=1)
    arn = stream.describe_stream(StreamName="orders")["StreamDescription"]["StreamARN"]
    gone = f"arn:aws:sqs:{REGION}:{ACCOUNT}:orders-reports"
    world.consumer.client("lambda").create_event_source_mapping(
        EventSourceArn=arn,
        FunctionName="orders",
        StartingPosition="LATEST",
        FunctionResponseTypes=["ReportBatchItemFailures"],
        DestinationConfig={"OnFailure": {"Destination": gone}},
        Enabled=False,
    )
    hold_up_shard(world)


def hold_up_shard(world: World) -> None:
    """One record of a shard fails, and those behind it wait."""

    def process(message: Any) -> None:
        if message.key.endswith("ORDER-1"):
            raise DECLINED
        world.charge(message)

    world.process = process
    batch = events.kinesis({"order_id": "ORDER-1"}, {"order_id": "ORDER-2"})
    for _ in range(2):
        world.invoke(batch)


def slow_down(world: World) -> None:
    """The processor takes long."""

    def process(message: Any) -> None:
        time.sleep(0.3)
        world.charge(message)

    world.send()
    world.process = process
    world.deliver()


def fail_at_start(world: World) -> None:
    """The deployed package has no function of the configured name."""
    world.send()
    world.configure(IDEMPOTENCY_PROCESSOR="orders.missing")
    world.deliver()


def outlive_lease(world: World) -> None:
    """A run outlives its lease, and another one takes over meanwhile."""

    def process(message: Any) -> None:
        world.process = world.charge
        world.end_leases()
        world.start()
        world.invoke({"Records": [message.raw]})
        world.charge(message)

    world.send()
    world.process = process
    world.deliver()


def disable_mapping(world: World) -> None:
    """Somebody has disabled the mapping."""
    world.send()
    lambda_ = world.consumer.client("lambda")
    (mapping,) = lambda_.list_event_source_mappings()["EventSourceMappings"]
    lambda_.update_event_source_mapping(UUID=mapping["UUID"], Enabled=False)


def reserve_concurrency(number: int) -> Callable[[World], None]:
    """The function has a reserved concurrency."""

    def plant(world: World) -> None:
        world.consumer.client("lambda").put_function_concurrency(
            FunctionName="orders", ReservedConcurrentExecutions=number
        )
        world.send()
        sqs, url = world.consumer.client("sqs"), world.consumer.queue_url
        for _ in range(6):  # each receive of a throttled message counts
            for message in sqs.receive_message(QueueUrl=url).get("Messages", ()):
                sqs.change_message_visibility(
                    QueueUrl=url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
                )

    return plant


def park(world: World) -> None:
    """The processor gives up."""
    world.send()
    world.process = world.fail(NO_ADDRESS)
    world.deliver()


def poison(world: World) -> None:
    """A message fails until its last receive."""
    world.send()
    world.process = world.fail(DECLINED)
    world.drain()


def reject(world: World) -> None:
    """A message has no key."""
    world.places["ID"] = world.send({"order": "ORDER-1"})
    world.drain()


def throttle_table(world: World) -> None:
    """DynamoDB throttles a key."""
    world.denied["UpdateItem"] = world.denied["PutItem"] = (
        "ProvisionedThroughputExceededException: The level of configured throughput was exceeded"
    )
    world.remaining = 4_000
    world.send()
    world.deliver()


def delete_table(world: World) -> None:
    """Somebody has deleted the table."""
    world.consumer.client("dynamodb").delete_table(TableName=TABLE)
    world.send()
    world.deliver()


def lose_permission(world: World) -> None:
    """The role may not use the table, until a message is dead-lettered."""
    text = "AccessDeniedException: orders is not authorized to perform dynamodb:UpdateItem"
    world.denied |= {"UpdateItem": text, "PutItem": text}
    world.send()
    world.drain()


def lock_out_copy(world: World) -> None:
    """The key expression changes, and somebody forgets the record before sending its copy back."""
    world.send({"order_id": "ORDER-1", "charge_id": "CHARGE-1"})
    world.process = world.fail(NO_ADDRESS)
    world.deliver()
    world.consumer.client("dynamodb").delete_item(
        TableName=TABLE, Key={"id": {"S": "orders#ORDER-1"}}
    )
    (copy,) = world.consumer.messages(world.consumer.dead_letter_queue_url)
    world.consumer.client("sqs").send_message(
        QueueUrl=world.consumer.queue_url,
        MessageBody=copy["Body"],
        MessageAttributes=copy["MessageAttributes"],
    )
    world.process = world.charge
    world.configure(IDEMPOTENCY_KEY="body.charge_id")
    world.deliver()


def park_call(world: World) -> None:
    """A decorated function gives up on a call."""
    cached: Any = Wiring.from_environment
    cached.cache_clear()

    @idempotent(name="charge", key="order_id", lease_seconds=30)
    def charge(order_id: str) -> None:
        del order_id
        raise NO_ADDRESS

    world.start()
    with pytest.raises(PermanentFailure):
        charge("ORDER-1")
    cached.cache_clear()


def observe_duplicates(world: World) -> None:
    """The function observes, and an order comes twice."""
    world.configure(IDEMPOTENCY_MODE="observe")
    for _ in range(2):
        world.send()
        world.deliver()


def deny_statements(world: World) -> None:
    """The role lacks an action of PartiQL, which a batch of several messages needs."""
    world.invoke(events.sqs({"order_id": "ORDER-1"}, {"order_id": "ORDER-2"}))


def give_up_on_records(written: Callable[[Any], Any]) -> Callable[[World], None]:
    """Lambda reports to a bucket which invocation it gave up on; then its cause is corrected."""

    def plant(world: World) -> None:
        event = events.kinesis({"order_id": "ORDER-1"}, {"order_id": "ORDER-2"})
        # https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
        report = {"KinesisBatchInfo": {"shardId": "shardId-0"}, "payload": written(event)}
        s3 = world.consumer.client("s3")
        here = {"LocationConstraint": REGION}
        s3.create_bucket(Bucket="reports", CreateBucketConfiguration=here)
        s3.put_object(Bucket="reports", Key="aws/lambda/report", Body=json.dumps(report))

    return plant


def complete(world: World) -> None:
    """An order is done, and must be done once more."""
    world.send()
    world.deliver()


ALARMS: dict[str, tuple[Incident, ...]] = {
    "dead_letter_errors": (Incident(deny_copies, ("sqs:SendMessage",), ("ORDER-1",)),),
    "dead_letters": (
        Incident(poison, ("ORDER-1",)),
        Incident(reject, ("refused", "body.order_id")),
    ),
    "delivery_failures": (Incident(lose_reports, ("orders-reports",), ("ORDER-1",)),),
    "duration": (Incident(slow_down, (r'"run_ms": ([3-9]\d\d|\d{4,})\b',)),),
    "errors": (
        Incident(fail_at_start, ("InvalidProcessorError", "orders.missing")),
        Incident(let_run_go_stale, ("timeout", "Sandbox.Timedout"), ("ORDER-1", "stale")),
    ),
    "iterator_age": (
        Incident(hold_up_shard, ("ORDER-1", str(DECLINED))),
        Incident(reserve_concurrency(0), (), ("reserved concurrency is 0",)),
    ),
    "lost_leases": (Incident(outlive_lease, ("ORDER-1", "lost_lease")),),
    "message_age": (
        Incident(disable_mapping, ("the mapping is Disabled",)),
        Incident(reserve_concurrency(0), ("reserved concurrency is 0",)),
        Incident(fail_at_start, ("InvalidProcessorError", "orders.missing")),
        Incident(poison, (), ("ORDER-1", str(DECLINED))),
    ),
    "parked": (Incident(park, ("ORDER-1", str(NO_ADDRESS))),),
    "table_throttles": (Incident(throttle_table, ("ORDER-1", "ProvisionedThroughputExceeded")),),
    "table_unavailable": (
        Incident(delete_table, ("ResourceNotFoundException", TABLE)),
        Incident(lose_permission, ("dynamodb:UpdateItem",)),
    ),
    "takeovers": (Incident(take_over, ("timeout", "ORDER-1")),),
    "throttles": (
        Incident(reserve_concurrency(1), ("a reserved concurrency of 1",), ("ORDER-1",)),
    ),
}
"""By the alarm that starts."""

SECTIONS: dict[str, tuple[Incident, ...]] = {
    "the-log-line-batch_calls_unavailable": (
        Incident(deny_statements, ("AccessDeniedException", "no PartiQL")),
    ),
    "lambda-gave-up-on-records-of-a-stream": (
        Incident(give_up_on_records(json.dumps), ("aws/lambda/report",), (ALL_DONE,)),
        Incident(give_up_on_records(lambda event: event), ("aws/lambda/report",), (ALL_DONE,)),
    ),
    "a-message-is-rejected": (Incident(reject, ("MissingKeyError", "body.order_id")),),
    "a-copy-does-not-unlock-its-record": (
        Incident(lock_out_copy, ("CHARGE-1", "parked"), ("no record",)),
    ),
    "a-key-must-run-again": (Incident(complete),),
    "errors-of-a-decorated-function": (Incident(park_call, (str(NO_ADDRESS),)),),
    "observe-mode": (Incident(observe_duplicates, ('"claim_result": "duplicate"',), ("ORDER-1",)),),
}
"""By the section, where no alarm links to it."""


@dataclass(frozen=True)
class Followed:
    """An incident, and what brings its message to a good end.

    Attributes:
        plant: causes the incident.
        alarm: the alarm that starts; its row and the sections that it links to are followed.
        section: the section that is followed instead, if no alarm starts.
        repair: what the operator corrects before the decision.
        decisions: the commands of the page that the operator decides for, in order.
        effects: how often the side effect must have happened at the end.
    """

    plant: Callable[[World], Any]
    alarm: str = ""
    section: str = ""
    repair: Callable[[World], Any] = lambda _: None
    decisions: tuple[str, ...] = ()
    effects: int = 1


def kill_after_effect(world: World) -> None:
    """A run is killed after its side effect, and its lease ends."""

    def process(message: Any) -> None:
        world.charge(message)
        world.die(message)

    world.send()
    world.process = process
    world.deliver()
    world.end_leases()
    world.process = world.charge


def interrupt_in_park_mode(world: World) -> None:
    """A run is killed after its side effect, and the next delivery parks the message."""
    world.configure(IDEMPOTENCY_ON_INTERRUPTED="park")
    kill_after_effect(world)
    world.deliver()


def deploy_fix(world: World) -> None:
    """The function is deployed with code and settings that work."""
    world.process = world.charge
    world.configure(IDEMPOTENCY_PROCESSOR="orders.process")


def allow_table(world: World) -> None:
    """The role may use the table again."""
    del world.denied["UpdateItem"], world.denied["PutItem"]


FOLLOWED: dict[str, Followed] = {
    "killed run": Followed(take_over, "takeovers"),
    "killed run, has run": Followed(
        kill_after_effect, "errors", decisions=("resolve ORDER-1 --completed",)
    ),
    "failed start": Followed(fail_at_start, "errors", repair=deploy_fix),
    "parked, must run": Followed(
        park, "parked", repair=deploy_fix, decisions=("resolve ORDER-1 --retry",)
    ),
    "parked, has run": Followed(
        interrupt_in_park_mode, "parked", decisions=("resolve ORDER-1 --completed",)
    ),
    "table unavailable": Followed(
        lose_permission, "dead_letters", repair=allow_table, decisions=("redrive",)
    ),
    "poison message": Followed(
        poison, "dead_letters", repair=deploy_fix, decisions=("redrive --key ORDER-1",)
    ),
    "rejected, must run": Followed(
        reject,
        section="a-message-is-rejected",
        repair=lambda world: world.configure(IDEMPOTENCY_KEY="body.order"),
        decisions=("redrive --message-id ID",),
    ),
    "rejected, comes again": Followed(
        reject,
        section="a-message-is-rejected",
        repair=lambda world: world.send(),
        decisions=("discard --message-id ID",),
    ),
    "must run again": Followed(
        complete,
        section="a-key-must-run-again",
        decisions=("forget ORDER-1",),
        repair=lambda world: world.send(),
        effects=2,
    ),
}
"""By what happened."""
