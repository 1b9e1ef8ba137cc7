"""`doctor` on stacks with one misconfiguration each: queues, mappings, filters, role and table.

The form is the same as in test_planted.py.
"""

import json
from collections.abc import Mapping
from typing import Any

import pytest

from idempotent_lambda_toolkit.cli.doctor.checks import CHECKS
from idempotent_lambda_toolkit.cli.doctor.findings import Severity

from . import test_doctor, test_planted
from .answers import Answers, Ask
from .changes import (
    REPORTS,
    ROLE,
    STREAM,
    TABLE_ARN,
    add_mapping,
    add_permissions,
    add_stream,
    add_to_mapping,
    allow_redrive,
    change_dead_letter_queue,
    change_queue,
    change_table,
    dead_letter_arn,
    deny,
    encrypt,
    encrypt_filters,
    filter_with,
    queue_arn,
    redrive_to,
)
from .conftest import REGION, Run, allowed, arn_of, document
from .stacks import (
    ACCOUNT,
    FUNCTION_ARN,
    Plant,
    Planter,
    Stack,
    allow_keys_of,
    create_function,
    edit_policy,
)

pytestmark = pytest.mark.slow

FAILURE, WARNING, NOTE = Severity
plant = Planter()

REPORTED = {
    "dead-letter-readers", "dead-letter-size", "failure-destination", "filters", "handler",
    "key-root", "last-update", "log-level", "mapping", "namespace", "partial-responses",
    "permissions", "qualifier", "queue-readers", "recent-errors", "resource-policy", "settings",
    "start", "state", "unknown-variables",
}  # fmt: skip
"""The findings for stacks that operators had, and that `doctor` once called healthy."""


@plant("queue-readers", FAILURE, says="refunds")
def another_function_reads_the_queue(stack: Stack) -> None:
    """Another function reads the queue, too."""
    create_function(stack, "refunds")
    add_mapping(stack, "refunds", queue_arn(stack))


@plant("queue-readers", FAILURE, on="FIFO", says="orders, orders:live")
def another_qualifier_reads_the_queue(stack: Stack) -> None:
    """An alias of the function reads the queue, too."""
    more = {**stack.mapping, "UUID": "another", "FunctionArn": f"{FUNCTION_ARN}:live"}

    def list_mappings(ask: Ask, call: Mapping[str, Any]) -> Any:
        answer = ask(call)
        if "FunctionName" in call or not call.get("EventSourceArn", "").endswith(":orders.fifo"):
            return answer
        return {**answer, "EventSourceMappings": [*answer["EventSourceMappings"], more]}

    stack.answers.replace("ListEventSourceMappings", list_mappings)


@plant("dead-letter-readers", FAILURE, says="its own dead-letter queue")
def function_reads_its_dead_letters(stack: Stack) -> None:
    """The function reads its own dead-letter queue."""
    add_mapping(stack, "orders", dead_letter_arn(stack))


@plant("dead-letter-readers", FAILURE, on="no queue", says="refunds")
def dead_letters_go_to_another_consumer(stack: Stack) -> None:
    """The dead-letter queue is the queue of another consumer."""
    create_function(stack, "refunds")
    add_mapping(stack, "refunds", dead_letter_arn(stack))


@plant("dead-letter-loop", FAILURE, on="FIFO", says="back to the queue")
def dead_letters_return(stack: Stack) -> None:
    """The dead-letter queue has the queue as its dead-letter queue."""
    change_dead_letter_queue(stack, RedrivePolicy=redrive_to(queue_arn(stack)))


@plant("dead-letter-loop", FAILURE, says="its own dead-letter queue")
def queue_is_its_own_dead_letter_queue(stack: Stack) -> None:
    """The redrive policy names the queue itself."""
    change_queue(stack, RedrivePolicy=redrive_to(queue_arn(stack)))


@plant("dead-letter-loop", WARNING, says="graveyard")
def dead_letters_move_on(stack: Stack) -> None:
    """The dead-letter queue has a dead-letter queue."""
    sqs = stack.client("sqs")
    made = sqs.create_queue(QueueName="graveyard")["QueueUrl"]
    change_dead_letter_queue(stack, RedrivePolicy=redrive_to(arn_of(sqs, made)))


@plant("redrive-allow-policy", FAILURE, says="denyAll")
def nobody_may_redrive(stack: Stack) -> None:
    """The dead-letter queue takes messages from no queue."""
    allow_redrive(stack, redrivePermission="denyAll")


@plant("redrive-allow-policy", FAILURE, on="FIFO", says="refunds.fifo")
def others_may_redrive(stack: Stack) -> None:
    """The dead-letter queue takes messages from another queue only."""
    sources = [f"arn:aws:sqs:{REGION}:{ACCOUNT}:refunds.fifo"]
    allow_redrive(stack, redrivePermission="byQueue", sourceQueueArns=sources)


@plant("dead-letter-type", FAILURE, says="the dead-letter queue FIFO")
def queues_differ_in_type(stack: Stack) -> None:
    """The dead-letter queue is FIFO, and the queue is not."""
    sqs = stack.client("sqs")
    kinds = {"FifoQueue": "true", "MessageRetentionPeriod": "1209600"}
    url = sqs.create_queue(QueueName="orders-dead-letters.fifo", Attributes=kinds)["QueueUrl"]
    arn = arn_of(sqs, url)
    change_queue(stack, RedrivePolicy=redrive_to(arn))
    add_permissions(stack, allowed(["sqs:SendMessage"], arn))
    stack.change_variables(IDEMPOTENCY_DEAD_LETTER_QUEUE_URL=url)


@plant("dead-letter-size", WARNING, on="shared table")
def dead_letters_are_smaller(stack: Stack) -> None:
    """The dead-letter queue takes smaller messages than the queue."""
    change_dead_letter_queue(stack, MaximumMessageSize="1024")


@plant("filters", FAILURE, says="no record of this source has the field boddy")
def filter_on_an_unknown_field(stack: Stack) -> None:
    """The filter asks for a field that no message has."""
    filter_with(stack, {"boddy": {"kind": ["order"]}})


@plant("filters", FAILURE, on="FIFO", says="the list of body.kind is empty")
def filter_with_an_empty_list(stack: Stack) -> None:
    """The filter has no value to compare with."""
    filter_with(stack, {"body": {"kind": []}})


@plant("filters", FAILURE, says="no number is in the range of body.amount")
def filter_with_an_empty_range(stack: Stack) -> None:
    """The filter's limits are the wrong way round."""
    filter_with(stack, {"body": {"amount": [{"numeric": [">", 100, "<=", 10]}]}})


@plant("filters", FAILURE, on="alias", says="each message has a body")
def filter_on_no_body(stack: Stack) -> None:
    """The filter takes only messages without a body."""
    filter_with(stack, {"body": [{"exists": False}]})


@plant("filters", FAILURE, says="eventSource is aws:sqs")
def filter_of_another_source(stack: Stack) -> None:
    """The filter is copied from the mapping of a stream."""
    filter_with(stack, {"eventSource": ["aws:kinesis"], "body": {"kind": ["order"]}})


@plant("filters", WARNING, says="data")
def one_filter_of_two_matches_nothing(stack: Stack) -> None:
    """One filter matches orders, the other nothing."""
    filter_with(stack, {"body": {"kind": ["order"]}}, {"data": {"kind": ["refund"]}})


@plant("filters", NOTE, says="Lambda deletes the other messages")
def filter_deletes_messages(stack: Stack) -> None:
    """The filter takes a part of the messages."""
    filter_with(stack, {"body": {"kind": ["order"]}})


@plant("filters", FAILURE, says="boddy")
def encrypted_filter_on_an_unknown_field(stack: Stack) -> None:
    """The filter is encrypted, and a list of mappings leaves it out."""
    encrypt_filters(stack)
    criteria = {"Filters": [{"Pattern": json.dumps({"boddy": ["order"]})}]}
    stack.answers.add("GetEventSourceMapping", FilterCriteria=criteria)


@plant("dead-letter-url", FAILURE, says="orders-dead-letters")
def copies_go_to_the_queue(stack: Stack) -> None:
    """The function sends the copies of parked messages to its own queue."""
    stack.change_variables(IDEMPOTENCY_DEAD_LETTER_QUEUE_URL=stack.consumer.queue_url)


@plant("dead-letter-url", FAILURE)
def copies_go_to_another_account(stack: Stack) -> None:
    """The queue for copies has the right name in another account."""
    url = stack.consumer.dead_letter_queue_url.replace(ACCOUNT, "999999999999")
    stack.change_variables(IDEMPOTENCY_DEAD_LETTER_QUEUE_URL=url)


@plant("dead-letter-url", FAILURE)
def copies_go_to_another_region(stack: Stack) -> None:
    """The queue for copies has the right name in another Region."""
    url = stack.consumer.dead_letter_queue_url.replace(REGION, "us-east-1")
    stack.change_variables(IDEMPOTENCY_DEAD_LETTER_QUEUE_URL=url)


@plant("existence", FAILURE, says="no role")
def role_is_gone(stack: Stack) -> None:
    """Lambda keeps the ARN of a role that somebody has deleted."""
    iam = stack.client("iam")
    iam.delete_role_policy(RoleName="orders", PolicyName="idempotent-lambda")
    iam.delete_role(RoleName="orders")


@plant("mapping", WARNING, says="USER_INITIATED")
def mapping_is_disabled(stack: Stack) -> None:
    """Somebody switched the mapping off."""
    stack.change_mapping(Enabled=False)
    add_to_mapping(stack, StateTransitionReason="USER_INITIATED")


@plant("mapping", WARNING, on="no queue", says="stream/clicks is Disabled")
def stream_mapping_is_disabled(stack: Stack) -> None:
    """The mapping of a stream is off."""
    add_stream(stack, State="Disabled")


@plant("last-result", WARNING, on="no queue", says="PROBLEM: Function call failed")
def stream_mapping_fails(stack: Stack) -> None:
    """Lambda cannot invoke the function for a stream."""
    add_stream(stack, LastProcessingResult="PROBLEM: Function call failed")


@plant("partial-responses", FAILURE, says="stream/clicks")
def stream_without_partial_responses(stack: Stack) -> None:
    """Lambda ignores what the function reports about a batch of a stream."""
    add_stream(stack, FunctionResponseTypes=[])


@plant("failure-destination", FAILURE, on="no queue", says="has no OnFailure destination")
def stream_without_destination(stack: Stack) -> None:
    """Records that Lambda gives up on are lost."""
    add_stream(stack, DestinationConfig={"OnFailure": {}})


@plant("failure-destination", FAILURE, says="a queue of this function")
def stream_reports_to_the_queue(stack: Stack) -> None:
    """The function gets the reports of failed records as messages."""
    add_stream(stack, DestinationConfig={"OnFailure": {"Destination": queue_arn(stack)}})
    add_permissions(
        stack, allowed(["kinesis:*"], STREAM), allowed(["sqs:SendMessage"], queue_arn(stack))
    )


@plant("stream-retries", WARNING, on="no queue", says="neither retries nor the age")
def stream_without_limits(stack: Stack) -> None:
    """A record that always fails holds up its shard."""
    add_stream(stack, MaximumRetryAttempts=-1, MaximumRecordAgeInSeconds=-1)


@plant("tumbling-window", FAILURE, on="no queue")
def stream_with_a_tumbling_window(stack: Stack) -> None:
    """The package refuses the batches of a tumbling window."""
    add_stream(stack, TumblingWindowInSeconds=60)


@plant("stream-key", NOTE, on="no queue", says="IDEMPOTENCY_KEY")
def stream_without_a_key(stack: Stack) -> None:
    """The key of a record of Kinesis is its place in the stream."""
    stack.change_variables(IDEMPOTENCY_KEY=None)
    add_stream(stack)


@plant("own-stream", FAILURE, on="no queue")
def function_reads_its_records(stack: Stack) -> None:
    """The function reads the stream of the table that it writes."""
    stack.change_variables(IDEMPOTENCY_KEY=None)
    add_stream(stack, EventSourceArn=f"{TABLE_ARN}/stream/2026-01-01T00:00:00.000")


@plant("source", FAILURE, on="no queue", says="kafka")
def function_reads_kafka(stack: Stack) -> None:
    """The package does not read batches of Kafka."""
    add_stream(stack, EventSourceArn=f"arn:aws:kafka:{REGION}:{ACCOUNT}:cluster/clicks/1")


@plant("permissions", FAILURE, on="no queue", says="kinesis:GetRecords")
def role_may_not_read_the_stream(stack: Stack) -> None:
    """The role lost the permissions for its stream."""
    add_stream(stack)
    add_permissions(stack, allowed(["sqs:SendMessage"], REPORTS))


@plant("resource-policy", FAILURE, says="sqs:ReceiveMessage")
def queue_denies_the_role(stack: Stack) -> None:
    """The queue's policy denies the account what the mapping does."""
    root = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
    statement = deny("sqs:Receive*", queue_arn(stack), Principal=root)
    change_queue(stack, Policy=document(statement))


@plant("resource-policy", FAILURE, on="FIFO", says="sqs:SendMessage")
def dead_letter_queue_denies_the_role(stack: Stack) -> None:
    """The dead-letter queue's policy lets only another role send."""
    other = {"ArnNotLike": {"aws:PrincipalArn": [f"arn:aws:iam::{ACCOUNT}:role/refunds"]}}
    statement = deny("sqs:SendMessage", dead_letter_arn(stack), Condition=other)
    change_dead_letter_queue(stack, Policy=document(statement))


@plant("resource-policy", WARNING, says="the visibility timeout")
def queue_denies_a_part(stack: Stack) -> None:
    """The queue's policy denies all but what nobody can do without."""
    needed = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"]
    statement = {**deny("", queue_arn(stack), Principal={"AWS": ROLE}), "NotAction": needed}
    del statement["Action"]
    change_queue(stack, Policy=document(statement))


@plant("resource-policy", FAILURE, on="decorated", says="dynamodb:UpdateItem")
def table_denies_the_role(stack: Stack) -> None:
    """The table's policy denies writes."""
    policy = document(deny("dynamodb:Update*", TABLE_ARN))
    stack.client("dynamodb").put_resource_policy(ResourceArn=TABLE_ARN, Policy=policy)


@plant("permissions", FAILURE, on="shared table", says="dynamodb:UpdateItem")
def role_has_another_namespace(stack: Stack) -> None:
    """The role may use the records of another consumer only."""
    allow_keys_of(stack, "refunds")


@plant("permissions", WARNING, says="logs:CreateLogStream, logs:PutLogEvents")
def role_may_not_write_its_log(stack: Stack) -> None:
    """The role lost the permissions for its log, which stays empty whatever happens."""
    with edit_policy(stack) as statements:
        log = statements.pop()
        assert log["Action"] == ["logs:CreateLogStream", "logs:PutLogEvents"]


@plant("permissions", FAILURE, says="sqs:SendMessage")
def role_has_a_narrow_boundary(stack: Stack) -> None:
    """The role's permissions boundary leaves the dead-letter queue out."""
    iam = stack.client("iam")
    boundary = {"Effect": "Allow", "Action": "*", "NotResource": dead_letter_arn(stack)}
    policy = iam.create_policy(PolicyName="boundary", PolicyDocument=document(boundary))
    iam.put_role_permissions_boundary(
        RoleName="orders", PermissionsBoundary=policy["Policy"]["Arn"]
    )


@plant("permissions", FAILURE, on="alias", says="kms:Decrypt, kms:GenerateDataKey")
def role_may_not_use_the_key(stack: Stack) -> None:
    """The role may use the key of the queues for another service only."""
    via = {"StringLike": {"kms:ViaService": [f"dynamodb.{REGION}.*"]}}
    add_permissions(stack, allowed(["kms:*"], encrypt(stack)) | {"Condition": via})


@plant("key-state", FAILURE, says="PendingDeletion")
def key_is_deleted(stack: Stack) -> None:
    """The key of both queues is about to be deleted."""
    stack.client("kms").schedule_key_deletion(KeyId=encrypt(stack).split("/")[1])


@plant("resource-policy", FAILURE, says="kms:Decrypt")
def key_denies_the_role(stack: Stack) -> None:
    """The key's policy denies the role to decrypt."""
    encrypt(stack, [deny("kms:Decrypt", "*", Principal={"AWS": [ROLE]})])


@plant("table-status", FAILURE, says="ARCHIVED")
def table_is_archived(stack: Stack) -> None:
    """DynamoDB archived the table, whose key nobody could use for seven days.

    https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_ArchivalSummary.html
    """
    change_table(stack, TableStatus="ARCHIVED")


@plant("replicas", WARNING, says="eu-west-1")
def table_has_replicas(stack: Stack) -> None:
    """The table is replicated to another Region, eventually consistent.

    https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TableDescription.html
    """
    regions = [{"RegionName": name, "ReplicaStatus": "ACTIVE"} for name in (REGION, "eu-west-1")]
    change_table(stack, Replicas=regions, MultiRegionConsistency="EVENTUAL")


@pytest.mark.parametrize("planted", plant.plants, ids=str)
def test_each_plant_is_the_only_finding(planted: Plant, run: Run, answers: Answers) -> None:
    """A misconfiguration is found by name, as bad as it is, and nothing else is."""
    found = planted.diagnose(run, answers)
    assert [(each["name"], each["severity"]) for each in found] == [
        (planted.finding, planted.severity)
    ], found
    assert planted.says in " ".join(found[0].values())


def test_number_of_plants() -> None:
    """At least 30 kinds are planted in a whole stack, ten of them reported by no operator."""
    kinds = {planted.finding for planted in (*plant.plants, *test_planted.plant.plants)}
    assert len(kinds) >= 30
    assert kinds >= REPORTED
    assert len(kinds - REPORTED) >= 10


def test_every_check_has_a_plant() -> None:
    """Each check has a plant in a whole stack, or planted facts."""
    whole = {planted.finding for planted in (*plant.plants, *test_planted.plant.plants)}
    assert {*CHECKS} - whole <= {*test_doctor.PLANTED}
