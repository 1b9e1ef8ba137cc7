"""Finds and deletes what a run has made, by its name: ``make verify-clean``.

Terraform's state misses what was being made when a run was killed, and the tables of the contract
suite. So the clean-up looks for names, too. All names of a run begin with the run, which has the
time and a random part: nothing else has such a name. The tag that Terraform sets on everything
leads to runs of which this machine knows nothing; the service that finds tags knows no roles, and
lists what is deleted for some minutes.
https://docs.aws.amazon.com/resourcegroupstagging/latest/APIReference/supported-services.html
"""

import re
import secrets
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from botocore.exceptions import BotoCoreError, ClientError

from scripts.support.observation import Aws

TAG = "idempotent-lambda-verify"
RUN_VARIABLE = "VERIFY_RUN"
"""The variable with the run of some tests, by which the clean-up finds what they make."""

PREFIX = "idl-verify-"
_RUN = re.compile(rf"{PREFIX}\d{{10}}-[0-9a-f]{{6}}(?=$|-)")
_TIME = "%y%m%d%H%M"
LONGEST = timedelta(minutes=40)
"""No run lasts so long, with its clean-up. A younger one of another machine may still work."""

GONE = {
    *("ResourceNotFoundException", "NoSuchEntity", "AWS.SimpleQueueService.NonExistentQueue"),
    "QueueDoesNotExist",
}
"""Codes of what is deleted already, by Terraform or by another clean-up."""


class Leftover(NamedTuple):
    """A resource whose name begins with a run."""

    kind: str
    name: str
    handle: str  # by which AWS deletes it

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"


def name_run(now: datetime) -> str:
    """Return the name of a new run."""
    return f"{PREFIX}{now.strftime(_TIME)}-{secrets.token_hex(3)}"


def read_run(name: str) -> str | None:
    """Return the run that a resource's name begins with; None for a name of something else."""
    found = _RUN.match(name)
    try:
        if found:
            _read_start(found[0])
    except ValueError:  # digits that are no time
        return None
    return found[0] if found else None


def _read_start(run: str) -> datetime:
    digits = run.removeprefix(PREFIX).partition("-")[0]
    return datetime.strptime(digits, _TIME).replace(tzinfo=UTC)


def is_old(run: str, now: datetime) -> bool:
    """Whether a run began so long ago that it can't be working any more."""
    return now - _read_start(run) > LONGEST


def list_leftovers(
    aws: Aws, run: str | None = None, unseen: dict[Leftover, Exception] | None = None
) -> list[Leftover]:
    """List what is in the account by the names of one run, or of all.

    A kind that can't be listed is an error, or goes to `unseen`: all other kinds can be deleted.
    """
    leftovers: list[Leftover] = []
    for kind, (listed, _) in KINDS.items():
        try:
            leftovers += [
                Leftover(kind, name, handle)
                for name, handle in listed(aws, run or PREFIX)
                if (found := read_run(name)) and run in {None, found}
            ]
        except (BotoCoreError, ClientError) as error:
            if unseen is None:
                raise
            unseen[Leftover(kind, f"{run or PREFIX}*", "")] = error
    return leftovers


def list_tagged_runs(aws: Aws) -> set[str]:
    """List the runs that something in the account is tagged with."""
    pages = aws.tagging.get_paginator("get_resources").paginate(TagFilters=[{"Key": TAG}])
    tags = [
        tag for page in pages for each in page["ResourceTagMappingList"] for tag in each["Tags"]
    ]
    return {run for tag in tags if tag["Key"] == TAG and (run := read_run(tag["Value"]))}


def delete(aws: Aws, leftover: Leftover) -> bool:
    """Delete one; return False if it was gone already."""
    try:
        KINDS[leftover.kind][1](aws, leftover.handle)
    except ClientError as error:
        if error.response["Error"]["Code"] not in GONE:
            raise
        return False
    return True


Listed = Iterator[tuple[str, str]]


def _list_mappings(aws: Aws, _: str) -> Listed:
    for each in _read(aws.functions, "list_event_source_mappings", "EventSourceMappings"):
        if each["State"] != "Deleting":
            yield each["FunctionArn"].split(":")[6], each["UUID"]


def _list_functions(aws: Aws, _: str) -> Listed:
    for each in _read(aws.functions, "list_functions", "Functions"):
        yield each["FunctionName"], each["FunctionName"]


def _list_queues(aws: Aws, prefix: str) -> Listed:
    for url in _read(aws.sqs, "list_queues", "QueueUrls", QueueNamePrefix=prefix):
        yield url.rsplit("/", 1)[-1], url


def _list_tables(aws: Aws, _: str) -> Listed:
    for name in _read(aws.dynamodb, "list_tables", "TableNames"):
        yield name, name


def _list_log_groups(aws: Aws, prefix: str) -> Listed:
    below = "/aws/lambda/"
    groups = _read(aws.logs, "describe_log_groups", "logGroups", logGroupNamePrefix=below + prefix)
    for each in groups:
        yield each["logGroupName"].removeprefix(below), each["logGroupName"]


def _list_roles(aws: Aws, _: str) -> Listed:
    for each in _read(aws.iam, "list_roles", "Roles"):
        yield each["RoleName"], each["RoleName"]


def _read(client: Any, operation: str, field: str, **arguments: str) -> Iterator[Any]:
    for page in client.get_paginator(operation).paginate(**arguments):
        yield from page.get(field, [])


def _delete_table(aws: Aws, name: str) -> None:
    if aws.dynamodb.describe_table(TableName=name)["Table"]["TableStatus"] != "DELETING":
        aws.dynamodb.delete_table(TableName=name)


def _delete_role(aws: Aws, name: str) -> None:
    for policy in list(_read(aws.iam, "list_role_policies", "PolicyNames", RoleName=name)):
        aws.iam.delete_role_policy(RoleName=name, PolicyName=policy)
    for each in list(
        _read(aws.iam, "list_attached_role_policies", "AttachedPolicies", RoleName=name)
    ):
        aws.iam.detach_role_policy(RoleName=name, PolicyArn=each["PolicyArn"])
    aws.iam.delete_role(RoleName=name)


Lister = Callable[[Aws, str], Listed]
Deleter = Callable[[Aws, str], object]
KINDS: dict[str, tuple[Lister, Deleter]] = {
    "mapping": (
        _list_mappings,
        lambda aws, uuid: aws.functions.delete_event_source_mapping(UUID=uuid),
    ),
    "function": (
        _list_functions,
        lambda aws, name: aws.functions.delete_function(FunctionName=name),
    ),
    "queue": (_list_queues, lambda aws, url: aws.sqs.delete_queue(QueueUrl=url)),
    "table": (_list_tables, _delete_table),
    "log group": (_list_log_groups, lambda aws, name: aws.logs.delete_log_group(logGroupName=name)),
    "role": (_list_roles, _delete_role),
}
"""How each kind is listed and deleted, in the order of deletion: functions make log groups."""
