"""`doctor` on stacks that look unusual but work, and on facts that it cannot know."""

from collections.abc import Mapping
from typing import Any

import pytest

from idempotent_lambda_toolkit.cli.exit_codes import ExitCode

from .answers import Answers, Ask
from .changes import (
    ROLE,
    TABLE_ARN,
    add_stream,
    allow_redrive,
    change_dead_letter_queue,
    change_queue,
    change_table,
    dead_letter_arn,
    deny,
    encrypt,
    encrypt_filters,
    queue_arn,
)
from .conftest import REGION, Run, allowed, document
from .stacks import ACCOUNT, STACKS, Stack, create_function

pytestmark = pytest.mark.slow


def close_to_plain_http(stack: Stack) -> None:
    """Both queues have the module's own denial."""
    http = {"Bool": {"aws:SecureTransport": "false"}}
    change_queue(stack, Policy=document(deny("sqs:*", queue_arn(stack), Condition=http)))
    arn = dead_letter_arn(stack)
    change_dead_letter_queue(stack, Policy=document(deny("sqs:*", arn, Condition=http)))


def close_to_other_roles(stack: Stack) -> None:
    """The queue's policy denies whatever the role is not, does not or does not need."""
    other = {"StringNotLike": {"aws:PrincipalArn": [f"arn:aws:iam::{ACCOUNT}:role/ord*"]}}
    change_queue(
        stack,
        Policy=document(
            deny("sqs:*", queue_arn(stack), Condition=other),
            deny("sqs:PurgeQueue", queue_arn(stack), Sid="Purge"),
            deny("sqs:*", f"{queue_arn(stack)}-old", Sid="Old"),
            deny("sqs:*", queue_arn(stack), Sid="Role", Principal={"AWS": f"{ROLE}-old"}),
            deny("sqs:*", queue_arn(stack), Sid="Sns", Principal={"Service": "sns.amazonaws.com"}),
        ),
    )


def grant_in_the_queue(stack: Stack) -> None:
    """The queue's policy grants what the role's policies lack."""
    iam = stack.client("iam")
    policy = iam.get_role_policy(RoleName="orders", PolicyName="idempotent-lambda")
    statements = policy["PolicyDocument"]["Statement"]
    del statements[1]
    iam.put_role_policy(
        RoleName="orders", PolicyName="idempotent-lambda", PolicyDocument=document(*statements)
    )
    grant = allowed(["sqs:*"], queue_arn(stack)) | {"Principal": {"AWS": ROLE}}
    change_queue(stack, Policy=document(grant))


def disable_the_other_reader(stack: Stack) -> None:
    """Another mapping waits, disabled, for a switch."""
    create_function(stack, "successor")
    stack.client("lambda").create_event_source_mapping(
        EventSourceArn=queue_arn(stack), FunctionName="successor", Enabled=False
    )


def allow_the_queue(stack: Stack) -> None:
    """The dead-letter queue takes messages from the queue, as the module sets it."""
    allow_redrive(stack, redrivePermission="byQueue", sourceQueueArns=[queue_arn(stack)])


def replicate_strongly(stack: Stack) -> None:
    """The table is strongly consistent across its Regions."""
    regions = [{"RegionName": name} for name in (REGION, "eu-west-1", "eu-west-2")]
    change_table(stack, Replicas=regions, MultiRegionConsistency="STRONG")


def report_to_kafka(stack: Stack) -> None:
    """Lambda reports the records that it gives up on to a topic of Kafka."""
    add_stream(stack, DestinationConfig={"OnFailure": {"Destination": "kafka://reports"}})


def name_the_table_by_its_arn(stack: Stack) -> None:
    """The variable has the table's ARN, and the role may use this table only."""
    stack.change_variables(IDEMPOTENCY_TABLE=TABLE_ARN)
    iam = stack.client("iam")
    policy = iam.get_role_policy(RoleName="orders", PolicyName="idempotent-lambda")
    statements = policy["PolicyDocument"]["Statement"]
    statements[0]["Resource"] = TABLE_ARN
    iam.put_role_policy(
        RoleName="orders", PolicyName="idempotent-lambda", PolicyDocument=document(*statements)
    )


def set_a_variable_of_the_user(stack: Stack) -> None:
    """A variable of the user's has a name that only begins like the package's."""
    stack.change_variables(IDEMPOTENT_WRITES="1")


def read_the_queue_without_the_entry_point(stack: Stack) -> None:
    """The handler of the user reads the queue, and calls decorated functions."""
    stack.change_function(Handler="orders.handler")
    stack.change_variables(IDEMPOTENCY_PROCESSOR=None, IDEMPOTENCY_MAX_RECEIVE_COUNT=None)


@pytest.mark.parametrize(
    "change",
    [
        name_the_table_by_its_arn,
        set_a_variable_of_the_user,
        read_the_queue_without_the_entry_point,
        report_to_kafka,
        close_to_plain_http,
        close_to_other_roles,
        grant_in_the_queue,
        disable_the_other_reader,
        allow_the_queue,
        replicate_strongly,
        encrypt,
        add_stream,
    ],
)
@pytest.mark.parametrize("name", ["standard", "FIFO", "shared table"])
def test_what_is_in_order_is_not_a_finding(
    change: Any, name: str, run: Run, answers: Answers
) -> None:
    """A stack that looks unusual but works has no finding, and nothing is left unchecked."""
    change(STACKS[name](answers))
    ended = run("doctor", "--json")
    assert (ended.answer["findings"], ended.answer["not_checked"]) == ([], {})
    assert ended.code == ExitCode.OK


@pytest.mark.parametrize(
    ("operation", "fact"),
    [
        ("DescribeKey", "key of the queue"),
        ("GetKeyPolicy", "policy of the key of the queue"),
        ("GetResourcePolicy", "table policy"),
        ("GetRole", "permissions"),
        ("ListRolePolicies", "permissions"),
    ],
)
def test_what_may_not_be_read_is_not_checked(
    operation: str, fact: str, run: Run, answers: Answers
) -> None:
    """An operator who may not read a fact learns that it was not checked."""
    encrypt(STACKS["standard"](answers))
    answers.deny(operation)
    answer = run("doctor", "--json").answer
    assert answer["findings"] == []
    assert any(name.startswith(fact) for name in answer["not_checked"])


def test_readers_that_may_not_be_listed(run: Run, answers: Answers) -> None:
    """Without the list of a queue's mappings, nobody says that no other function reads it."""
    STACKS["standard"](answers)

    def refuse(ask: Ask, call: Mapping[str, Any]) -> Any:
        return ask({**call, "EventSourceArn": "nothing"} if "EventSourceArn" in call else call)

    answers.replace("ListEventSourceMappings", refuse)
    answer = run("doctor", "--json").answer
    assert answer["findings"] == []


@pytest.mark.parametrize("change", [change_queue, change_dead_letter_queue])
def test_a_condition_that_is_not_known_is_not_a_finding(
    change: Any, run: Run, answers: Answers
) -> None:
    """A denial under a condition that only AWS can decide is named as not checked."""
    stack = STACKS["standard"](answers)
    network = {"StringNotEquals": {"aws:SourceVpce": "vpce-1"}}
    change(stack, Policy=document(deny("sqs:*", "*", Condition=network)))
    answer = run("doctor", "--json").answer
    assert answer["findings"] == []
    assert "Closed (StringNotEquals aws:SourceVpce)" in answer["not_checked"]["resource policies"]


def test_filters_that_may_not_be_decrypted(run: Run, answers: Answers) -> None:
    """Filters that only Lambda may decrypt are not checked, and the remedy is named.

    https://docs.aws.amazon.com/lambda/latest/api/API_FilterCriteriaError.html
    """
    encrypt_filters(STACKS["standard"](answers))
    error = {"ErrorCode": "KMSAccessDeniedException", "Message": "no kms:Decrypt"}
    answers.add("GetEventSourceMapping", FilterCriteriaError=error)
    answer = run("doctor", "--json").answer
    assert answer["findings"] == []
    assert "ask for kms:Decrypt" in answer["not_checked"]["filters"]
    assert "filters" not in answer["checked"]


@pytest.mark.parametrize(
    ("operation", "answer", "fact"),
    [
        ("DescribeTable", {"Table": None}, "table"),
        ("GetQueueAttributes", {"Attributes": {}}, "queue"),
        ("ListEventSourceMappings", {"EventSourceMappings": None}, "mappings"),
    ],
)
def test_an_answer_that_lacks_its_parts(
    operation: str, answer: Any, fact: str, run: Run, answers: Answers
) -> None:
    """An answer without what AWS documents makes a fact unknown, and does not end the command."""
    STACKS["standard"](answers)
    answers.add(operation, **answer)
    ended = run("doctor", "--json")
    assert fact in ended.answer["not_checked"]
    assert ended.code == ExitCode.COULD_NOT_CHECK
