"""The observation of a stack, and of resources that the emulator makes and AWS would refuse."""

import io
import zipfile

import pytest

from scripts.support import observation
from scripts.support.emulator import Emulator
from scripts.support.observation import Aws

pytestmark = [pytest.mark.emulator, pytest.mark.slow]


def mapping(aws: Aws, queue: str) -> str:
    """A mapping from a queue to the one function; its id."""
    url = aws.sqs.get_queue_url(QueueName=queue)["QueueUrl"]
    attributes = aws.sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
    arn = attributes["Attributes"]["QueueArn"]
    answer = aws.functions.create_event_source_mapping(EventSourceArn=arn, FunctionName="function")
    uuid: str = answer["UUID"]
    return uuid


@pytest.fixture
def aws(emulator: Emulator, account: str) -> Aws:
    """An account with a function and two queues."""
    found = Aws.of(emulator, account)
    role = found.iam.create_role(RoleName="role", AssumeRolePolicyDocument="{}")["Role"]["Arn"]
    with zipfile.ZipFile(content := io.BytesIO(), "w") as package:
        package.writestr("code.py", "def handler(event, context): pass")
    found.functions.create_function(
        FunctionName="function",
        Runtime="python3.13",
        Role=role,
        Handler="code.handler",
        Code={"ZipFile": content.getvalue()},
    )
    for name in ("one", "two"):
        found.sqs.create_queue(QueueName=name)
    return found


def ids(aws: Aws) -> set[str]:
    """Of all mappings."""
    mappings = aws.functions.list_event_source_mappings()["EventSourceMappings"]
    return {each["UUID"] for each in mappings}


def test_only_the_unknown_twin_is_removed(aws: Aws) -> None:
    """Of two mappings of one source to one function, the one that terraform knows stays."""
    twin, known, other = mapping(aws, "one"), mapping(aws, "one"), mapping(aws, "two")
    assert observation.remove_twins(aws, known=f'"uuid": "{known}"') == [twin]
    assert ids(aws) == {known, other}


def test_a_mapping_without_a_twin_stays(aws: Aws) -> None:
    """A mapping that Terraform does not know, but AWS could hold, stays, so that a test sees it."""
    single = mapping(aws, "one")
    assert observation.remove_twins(aws, known="") == []
    assert ids(aws) == {single}


def test_everything_is_listed(aws: Aws) -> None:
    """A resource that is left behind is found, whatever its kind."""
    uuid = mapping(aws, "one")
    aws.sns.create_topic(Name="topic")
    aws.kinesis.create_stream(StreamName="stream", ShardCount=1)
    aws.events.put_rule(Name="rule", EventPattern='{"source": ["shop"]}')
    aws.buckets.create_bucket(
        Bucket="bucket", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
    )
    found = observation.resources(aws)
    kinds = {"function function", f"mapping {uuid}", "role role", "stream stream", "rule rule"}
    assert kinds | {"bucket bucket"} <= set(found)
    assert sorted(each.split()[0] for each in found) == sorted(
        ["queue", "queue", "topic", *(each.split()[0] for each in kinds), "bucket"]
    )
