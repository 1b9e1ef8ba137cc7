"""The clean-up deletes what a run has made, and nothing else."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from io import BytesIO, StringIO
from pathlib import Path
from zipfile import ZipFile

import pytest
from botocore.exceptions import ClientError
from rich.console import Console

from scripts.support.emulator import Emulator
from scripts.support.progress import Progress
from tests.verify import run
from tests.verify.leftovers import (
    KINDS,
    TAG,
    is_old,
    list_leftovers,
    list_tagged_runs,
    name_run,
    read_run,
)
from tests.verify.run import Run, sweep
from tests.verify.target import Target

pytestmark = pytest.mark.slow

NOW = datetime(2026, 11, 30, 17, 35, tzinfo=UTC)
RUN, OTHER = "idl-verify-2611301735-0a1b2c", "idl-verify-2611301735-ffffff"
NOT_OURS = [
    "idl-verify",
    "idl-verify-orders",
    "idl-verify-2611301735",
    "idl-verify-2611301735-0a1b2",
    "idl-verify-2611301735-0a1b2cd",
    "my-idl-verify-2611301735-0a1b2c",
    f"{RUN}s",
    RUN.upper(),
    "idl-verify-2613301735-0a1b2c",  # there is no month 13
]


def test_a_new_run_is_recognised() -> None:
    """A name begins with its run, alone or before a hyphen."""
    name = name_run(NOW)
    assert read_run(name) == read_run(f"{name}-notes") == name
    assert name_run(NOW) != name


@pytest.mark.parametrize("name", NOT_OURS)
def test_names_of_others(name: str) -> None:
    """A name that only looks similar belongs to nobody here."""
    assert read_run(name) is None


@pytest.mark.parametrize(("minutes", "old"), [(-5, False), (39, False), (41, True)])
def test_a_young_run_may_still_work(minutes: int, *, old: bool) -> None:
    """A run of another machine counts as left after the longest time that one can take."""
    assert is_old(RUN, NOW + timedelta(minutes=minutes)) is old


def make_policy(**others: object) -> str:
    """A policy of one statement."""
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", **others}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def make_everything(target: Target, name: str, tag: str) -> None:
    """Make a resource of each kind whose name begins so."""
    aws = target.make_clients()
    table = aws.dynamodb.create_table(
        TableName=f"{name}-table",
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
        Tags=[{"Key": TAG, "Value": tag}],
        StreamSpecification={"StreamEnabled": True, "StreamViewType": "KEYS_ONLY"},
    )["TableDescription"]
    aws.sqs.create_queue(QueueName=f"{name}-queue")
    service = {"Service": "lambda.amazonaws.com"}
    role = aws.iam.create_role(
        RoleName=f"{name}-role", AssumeRolePolicyDocument=make_policy(Principal=service)
    )
    aws.iam.put_role_policy(
        RoleName=f"{name}-role", PolicyName="one", PolicyDocument=make_policy(Resource="*")
    )
    code = BytesIO()
    with ZipFile(code, "w") as package:
        package.writestr("handler.py", "def handler(event, context): ...\n")
    aws.functions.create_function(
        FunctionName=f"{name}-function",
        Runtime="python3.13",
        Role=role["Role"]["Arn"],
        Handler="handler.handler",
        Code={"ZipFile": code.getvalue()},
    )
    aws.functions.create_event_source_mapping(
        EventSourceArn=table["LatestStreamArn"],
        FunctionName=f"{name}-function",
        StartingPosition="LATEST",
    )
    aws.logs.create_log_group(logGroupName=f"/aws/lambda/{name}-function")


@pytest.fixture
def target(emulator: Emulator, account: str) -> Target:
    """An account of this test."""
    environment = emulator.environment(account)
    return Target(name="emulator", account=account, region="eu-central-1", environment=environment)


@pytest.mark.emulator
class TestSweep:
    """A sweep of an account that holds other things, too."""

    @pytest.fixture
    def run_sweep(
        self, target: Target, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> Callable[[], tuple[list[str], str]]:
        """Sweep the run; return what is left, and what was said."""
        monkeypatch.setattr(run, "STILL_SECONDS", 0.1)

        def start() -> tuple[list[str], str]:
            said = StringIO()
            progress = Progress(Console(file=said, width=200))
            left = sweep(Run(name=RUN, target=target, build=tmp_path), progress)
            return [str(each) for each in left], said.getvalue()

        return start

    def test_only_the_run_goes(
        self, target: Target, run_sweep: Callable[[], tuple[list[str], str]]
    ) -> None:
        """All kinds of the run go, said one by one; another run and similar names stay."""
        for name in (RUN, OTHER, NOT_OURS[1], NOT_OURS[4]):
            make_everything(target, name, name)
        aws = target.make_clients()
        assert {each.kind for each in list_leftovers(aws, RUN)} == KINDS.keys()
        others = len(aws.iam.list_roles()["Roles"]) - 1
        left, said = run_sweep()
        assert left == []
        assert {kind for kind in KINDS if f"deleted: {kind} {RUN}-" in said} == KINDS.keys()
        assert list_leftovers(aws, RUN) == []
        assert {each.kind for each in list_leftovers(aws)} == KINDS.keys()
        assert {read_run(each.name) for each in list_leftovers(aws)} == {OTHER}
        assert len(aws.iam.list_roles()["Roles"]) == others
        assert f"{NOT_OURS[4]}-table" in aws.dynamodb.list_tables()["TableNames"]

    def test_again(self, target: Target, run_sweep: Callable[[], tuple[list[str], str]]) -> None:
        """A second sweep finds nothing to say."""
        make_everything(target, RUN, RUN)
        run_sweep()
        assert run_sweep() == ([], "")

    def test_a_kind_that_one_may_not_list(
        self,
        target: Target,
        run_sweep: Callable[[], tuple[list[str], str]],
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """All other kinds go, and the one that can't be seen counts as left."""
        make_everything(target, RUN, RUN)

        def refuse(*_: object) -> Iterator[tuple[str, str]]:
            raise ClientError({"Error": {"Code": "AccessDenied"}}, "ListRoles")

        monkeypatch.setattr(run, "SWEEP_SECONDS", 1)
        monkeypatch.setitem(KINDS, "role", (refuse, KINDS["role"][1]))
        left, said = run_sweep()
        assert left == [f"role {RUN}*"]
        assert "AccessDenied" in said
        monkeypatch.undo()
        assert {each.kind for each in list_leftovers(target.make_clients(), RUN)} == {"role"}

    def test_a_run_is_found_by_its_tag(self, target: Target) -> None:
        """A tag leads to a run, and a wrong value of the tag to nothing."""
        make_everything(target, "renamed", RUN)
        make_everything(target, "others", "somebody's own value")
        assert list_tagged_runs(target.make_clients()) == {RUN}
