"""Parts that were made by hand come into a stack as they are, and protection keeps them there."""

import io
import json
import zipfile
from pathlib import Path

import pytest

from scripts.support import observation
from scripts.support.emulator import ROOT, Emulator
from scripts.support.observation import Aws
from scripts.support.source import repository
from scripts.support.stack import apply_stack, write_stack
from scripts.support.terraform import Terraform, TerraformError, environment
from tests.waiting import eventually

pytestmark = [
    pytest.mark.emulator,
    pytest.mark.terraform,
    pytest.mark.slow,
    pytest.mark.timeout(600),
    pytest.mark.extended,
]

STACK = ROOT / "tests" / "end_to_end" / "adopted"
AT_ONCE = "-parallelism=30"
RENAMED = "-var=prefix=renamed"
UNPROTECTED = "-var=protected=false"
ASSUMED_BY_LAMBDA = {
    "Version": "2012-10-17",
    "Statement": [
        {
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": {"Service": "lambda.amazonaws.com"},
        }
    ],
}


def make_by_hand(aws: Aws) -> dict[str, str]:
    """Make a consumer as somebody would without Terraform; return the ids that `import` takes."""
    aws.dynamodb.create_table(
        TableName="legacy.seen",
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
    )
    dead_letters = aws.sqs.create_queue(QueueName="legacy-given-up")["QueueUrl"]
    queue = aws.sqs.create_queue(QueueName="legacy_jobs", Attributes={"VisibilityTimeout": "300"})
    role = aws.iam.create_role(
        RoleName="legacy-worker",
        Path="/legacy/",
        AssumeRolePolicyDocument=json.dumps(ASSUMED_BY_LAMBDA),
    )["Role"]
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("old.py", "def handler(event, context):\n    raise Exception\n")
    aws.functions.create_function(
        FunctionName="legacy-worker",
        Role=role["Arn"],
        Runtime="python3.12",
        Handler="old.handler",
        Code={"ZipFile": content.getvalue()},
    )
    aws.logs.create_log_group(logGroupName="/aws/lambda/legacy-worker")
    account = role["Arn"].split(":")[4]
    mapping = aws.functions.create_event_source_mapping(
        FunctionName="legacy-worker",
        EventSourceArn=f"arn:aws:sqs:eu-central-1:{account}:legacy_jobs",
    )
    return {
        "table": "legacy.seen",
        "queue": queue["QueueUrl"],
        "dead_letter_queue": dead_letters,
        "function": "legacy-worker",
        "role": "legacy-worker",
        "log_group": "/aws/lambda/legacy-worker",
        "mapping": mapping["UUID"],
    }


def test_parts_that_were_made_by_hand(tmp_path: Path, emulator: Emulator, account: str) -> None:
    """They are adopted without a loss, work, and stay when a protected table would be renamed."""
    root = write_stack(tmp_path, STACK, repository(tmp_path / "module.git"))
    aws = Aws.of(emulator, account)
    made = make_by_hand(aws)
    aws.dynamodb.put_item(TableName="legacy.seen", Item={"id": {"S": "old"}})
    aws.sqs.send_message(QueueUrl=made["dead_letter_queue"], MessageBody="given up")
    (root / "made.auto.tfvars.json").write_text(json.dumps({"made": made}))
    terraform = Terraform(directory=root, environment=environment(emulator.environment(account)))
    terraform.init()

    terraform.plan("-out=tfplan")
    planned = terraform.show("tfplan")["resource_changes"]
    imported = {
        each["address"]: each["change"] for each in planned if "importing" in each["change"]
    }
    assert len(imported) == len(made)
    assert {tuple(each["actions"]) for each in imported.values()} <= {("update",), ("no-op",)}
    assert not [each for each in planned if "delete" in each["change"]["actions"]]
    outputs = apply_stack(terraform, aws, AT_ONCE, "tfplan")["stack"]
    assert not terraform.plan(), "the plan after an apply is not empty"

    aws.sqs.send_message(QueueUrl=outputs["queue"], MessageBody=json.dumps({"job": "new"}))
    eventually(
        lambda: (
            {row["id"]: row.get("status") for row in observation.rows(aws, outputs["table"])}
            == {"old": None, "orders#new": "COMPLETED"}
        ),
        "the adopted function does the work, with the adopted table",
    )
    keep_what_waits(terraform, aws, outputs)
    terraform.apply(AT_ONCE, UNPROTECTED)
    terraform.destroy(AT_ONCE, UNPROTECTED)
    assert observation.resources(aws) == []


def keep_what_waits(terraform: Terraform, aws: Aws, outputs: dict[str, str]) -> None:
    """Rename everything while the table is protected: function, queue and messages stay."""
    aws.sqs.send_message(QueueUrl=outputs["queue"], MessageBody="later", DelaySeconds=900)
    before = observation.resources(aws)
    for arguments in ([RENAMED], [RENAMED, UNPROTECTED]):
        with pytest.raises(TerraformError, match=r"Nothing was destroyed\."):
            terraform.apply(AT_ONCE, *arguments)
        assert observation.resources(aws) == before
    answer = aws.sqs.get_queue_attributes(
        QueueUrl=outputs["queue"], AttributeNames=["ApproximateNumberOfMessagesDelayed"]
    )
    assert answer["Attributes"] == {"ApproximateNumberOfMessagesDelayed": "1"}
    assert observation.backlog(aws, outputs["dead_letters"]) == 1
    assert not terraform.plan()
