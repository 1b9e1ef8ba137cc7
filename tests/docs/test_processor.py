"""The snippets of the guide to processors run as they stand."""

import re
import runpy
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from moto import mock_aws

from idempotent_lambda import PermanentFailure

PAGE = (Path(__file__).parents[2] / "docs" / "guides" / "write-a-processor.md").read_text()
SNIPPETS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
QUEUE_ARN = "arn:aws:sqs:eu-central-1:123456789012:orders"

Load = Callable[[str], Callable[[Any], None]]


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Loads the processor of the snippet that holds a text."""

    def load(holding: str) -> Callable[[Any], None]:
        (code,) = (snippet for snippet in SNIPPETS if holding in snippet)
        path = tmp_path / "orders.py"
        path.write_text(code)
        process: Callable[[Any], None] = runpy.run_path(str(path))["process"]
        return process

    return load


@pytest.fixture
def _aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """AWS in this process."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    with mock_aws():
        yield


def test_permanent_failure(load: Load, capsys: pytest.CaptureFixture[str]) -> None:
    """An order with an address is shipped, one without is refused for good."""
    process = load("PermanentFailure")
    process(SimpleNamespace(body={"order_id": "ORDER-1", "address": "Hamburg"}))
    assert capsys.readouterr().out == "shipping ORDER-1\n"
    with pytest.raises(PermanentFailure):
        process(SimpleNamespace(body={"order_id": "ORDER-1"}))


@pytest.mark.usefixtures("_aws")
def test_secret(
    load: Load, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The secret is read once, and a failure to read it is not remembered."""
    monkeypatch.setenv("PAYMENTS_SECRET", "payments")
    process, client = load("read_secret"), boto3.client("secretsmanager")
    with pytest.raises(client.exceptions.ResourceNotFoundException):
        process(SimpleNamespace())
    client.create_secret(Name="payments", SecretString="s3cret")
    process(SimpleNamespace())
    client.delete_secret(SecretId="payments")
    process(SimpleNamespace())
    assert capsys.readouterr().out == "charging with a key of 6 characters\n" * 2


@pytest.mark.usefixtures("_aws")
@pytest.mark.parametrize(("receives", "seconds"), [(1, 120), (3, 480), (9, 3600)])
def test_backoff(load: Load, monkeypatch: pytest.MonkeyPatch, receives: int, seconds: int) -> None:
    """Each receive doubles the time until the next, up to an hour; the failure is raised."""
    process = load("change_message_visibility")
    calls: list[dict[str, Any]] = []
    sqs = process.__globals__["sqs"]
    monkeypatch.setattr(sqs, "change_message_visibility", lambda **call: calls.append(call))
    raw = {"eventSourceARN": QUEUE_ARN, "receiptHandle": "r-1"}
    message = SimpleNamespace(body={"order_id": "ORDER-1"}, raw=raw, receive_count=receives)
    with pytest.raises(TimeoutError):
        process(message)
    assert calls == [
        {
            "QueueUrl": f"{sqs.meta.endpoint_url}/123456789012/orders",
            "ReceiptHandle": "r-1",
            "VisibilityTimeout": seconds,
        }
    ]
