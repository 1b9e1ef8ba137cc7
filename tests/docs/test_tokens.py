"""The guide to tokens: its snippets run, and real tokens fit the limits that it documents."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import botocore.session
import pytest
from botocore.stub import Stubber

from tests.handler.events import order
from tests.handler.harness import ConsumerHarness

GUIDES = Path(__file__).parents[2] / "docs" / "guides"
PAGE = (GUIDES / "pass-a-token.md").read_text()

MODELS = {
    "DurableExecutionName": ("lambda", "Invoke"),
    "name": ("stepfunctions", "StartExecution"),
    "Name": ("scheduler", "CreateSchedule"),
    "MessageDeduplicationId": ("sqs", "SendMessage"),
    "ClientRequestToken": ("dynamodb", "TransactWriteItems"),
}
"""Parameters of AWS: the service and the operation."""


def read_rows() -> list[tuple[str, int, str, str]]:
    """The table of limits: parameter, most characters, the class of each, and what to pass."""
    table = PAGE.partition("| receiver |")[2].partition("\n\n")[0]
    rows = []
    for line in table.splitlines()[2:]:
        _, parameter, takes, passed, _ = [cell.strip() for cell in line.strip("|").split("|")]
        found = re.fullmatch(r"up to (\d+)(?: of `(\[.+\])`)?", takes)
        assert found, takes
        rows.append((parameter.strip("`"), int(found[1]), found[2] or ".", passed))
    return rows


ROWS = read_rows()


def tokens() -> list[str]:
    """Tokens of a consumer, for ordinary keys and odd ones."""
    harness = ConsumerHarness()
    harness.deliver("a", order("Größe 🧾"), order("ü" * 1500, "m-2"), order(" #\u2028", "m-3"))
    return [message.idempotency_token for message in harness.messages]


def test_it_is_short() -> None:
    """No guide takes more than 90 lines."""
    assert len(PAGE.splitlines()) <= 90


def test_rows() -> None:
    """The table has the receivers of AWS, and others."""
    assert len(ROWS) == 8
    assert MODELS.keys() <= {parameter for parameter, *_ in ROWS}


@pytest.mark.parametrize(
    ("parameter", "most", "characters", "passed"), ROWS, ids=[f"{row[0]}-{row[1]}" for row in ROWS]
)
def test_a_token_fits(parameter: str, most: int, characters: str, passed: str) -> None:
    """Each receiver takes what the table says: the whole token, or its first 32 characters."""
    del parameter
    limit = re.compile(f"{characters}{{1,{most}}}")
    assert len({*tokens()}) == len({token[:32] for token in tokens()}) == 4
    for token in tokens():
        assert bool(limit.fullmatch(token)) is (passed == "the token")
        assert limit.fullmatch(token[:32])
    assert passed == "the token" or "the first 32 characters" in passed


@pytest.mark.parametrize("parameter", MODELS)
def test_the_limits_of_aws(parameter: str) -> None:
    """They are the limits of the service models that the SDK has."""
    service, operation = MODELS[parameter]
    model = botocore.session.get_session().get_service_model(service)
    shape = model.operation_model(operation).input_shape.members[parameter]
    (row,) = (row for row in ROWS if row[0] == parameter)
    _, most, characters, _ = row
    if "max" in shape.metadata:
        assert most == shape.metadata["max"]
    else:
        assert f"is {most} characters" in re.sub("<[^>]+>", "", shape.documentation)
    if pattern := shape.metadata.get("pattern"):
        assert f"{characters}+" == pattern


def test_the_first_part_differs_too() -> None:
    """The first 32 characters of the tokens of ten thousand keys are all different."""
    harness = ConsumerHarness()
    harness.deliver(*(str(number) for number in range(10_000)))
    assert len({message.idempotency_token[:32] for message in harness.messages}) == 10_000


@pytest.fixture
def sdk(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    """A client that checks parameters as the real one does, and whose answers are scripted."""
    service: str = request.param
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    client = boto3.client(service, region_name="eu-central-1")
    monkeypatch.setattr(boto3, "client", {service: client}.__getitem__)
    with Stubber(client) as stub:
        yield stub
        stub.assert_no_pending_responses()


def run_again(holding: str) -> None:
    """Deliver a message, whose processor fails first, to the snippet that holds a text."""
    (code,) = (
        code for code in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL) if holding in code
    )
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102  # a snippet of ours is run unchanged
    harness = ConsumerHarness()
    harness.behaviour["a"] = names["process"]
    assert harness.deliver("a") == ["m-a"]
    assert harness.deliver("a") == []


@pytest.mark.parametrize("sdk", ["lambda"], indirect=True)
def test_a_durable_execution_is_started_once(sdk: Stubber) -> None:
    """Each run of a message starts an execution of one name, and "already started" is done."""
    sent = {
        "FunctionName": "fulfillment:live",
        "InvocationType": "Event",
        "DurableExecutionName": tokens()[0],
        "Payload": '{"id": "a"}',
    }
    for error in "ServiceException", "DurableExecutionAlreadyStartedException":
        sdk.add_client_error("invoke", error, expected_params=sent)
    run_again("DurableExecutionName")


@pytest.mark.parametrize("sdk", ["stepfunctions"], indirect=True)
def test_a_workflow_is_started_once(sdk: Stubber) -> None:
    """So does Step Functions."""
    sent = {
        "stateMachineArn": "arn:aws:states:eu-central-1:123456789012:stateMachine:fulfillment",
        "name": tokens()[0],
        "input": '{"id": "a"}',
    }
    for error in "StateMachineDeleting", "ExecutionAlreadyExists":
        sdk.add_client_error("start_execution", error, expected_params=sent)
    run_again("start_execution")
