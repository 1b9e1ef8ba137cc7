"""Wrong inputs at run time: each gives one clear error that names input, rule and remedy."""

import json
import socket

import pytest

from idempotent_lambda.errors import InvalidProcessorError, InvalidSettingsError

from .events import order, record
from .function import Package, deliver

PROCESS = "def process(message):\n    pass\n"


def errors_logged(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """The texts of all errors in the log."""
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    return [error["text"] for line in lines for error in line["errors"]]


def test_missing_key(package: Package, moto_table: str, capsys: pytest.CaptureFixture[str]) -> None:
    """A message without the key is reported in a batch of good ones, with what to correct."""
    del moto_table
    package.write("orders.py", PROCESS)
    module = package.cold_start(IDEMPOTENCY_PROCESSOR="orders.process")
    keyless = record('{"order": 7}', message_id="m-x")
    assert deliver(module, order("a"), keyless) == ["m-x"]
    (text,) = errors_logged(capsys)
    assert "'body.id'" in text
    assert "every message needs a non-empty text" in text
    assert "correct the producer or the expression, idempotency.key" in text


def test_body_not_json(
    package: Package, moto_table: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A body that is not JSON, although the key needs it, is reported and never quoted."""
    del moto_table
    package.write("orders.py", PROCESS)
    module = package.cold_start(IDEMPOTENCY_PROCESSOR="orders.process")
    broken = record('{"id": "secret"', message_id="m-x")
    assert deliver(module, order("a"), broken) == ["m-x"]
    (text,) = errors_logged(capsys)
    assert "'body.id'" in text
    assert "the body is a text that is not JSON (Expecting ',' delimiter at character 15)" in text
    assert "correct the producer, or take the key from an attribute" in text
    assert "secret" not in text


def test_unknown_processor(package: Package) -> None:
    """A processor that does not exist stops the cold start and shows what there is."""
    package.write("orders.py", PROCESS)
    with pytest.raises(InvalidProcessorError) as caught:
        package.cold_start(IDEMPOTENCY_PROCESSOR="orders.proces")
    text = str(caught.value)
    assert "'orders.proces'" in text
    assert "'orders' has no such function" in text
    assert "it has process" in text


def test_missing_environment_variable(package: Package) -> None:
    """A missing variable stops the cold start with its name and who sets it."""
    package.write("orders.py", PROCESS)
    with pytest.raises(InvalidSettingsError) as caught:
        package.cold_start(IDEMPOTENCY_TABLE="")
    (problem,) = caught.value.problems
    assert problem == (
        "IDEMPOTENCY_TABLE is not set: the Terraform module sets it; without the module, set it on "
        "the function"
    )


def test_unreachable_table(package: Package, capsys: pytest.CaptureFixture[str]) -> None:
    """A table that cannot be reached is named, with the cause and what to check."""
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        endpoint = f"http://127.0.0.1:{closed.getsockname()[1]}"
        package.write("orders.py", PROCESS)
        module = package.cold_start(
            IDEMPOTENCY_PROCESSOR="orders.process", AWS_ENDPOINT_URL=endpoint
        )
        assert deliver(module, order("a")) == ["m-a"]
    (text,) = errors_logged(capsys)
    assert "UpdateItem on table" in text
    assert "Could not connect" in text
    assert endpoint in text
    assert "'orders-idempotency'" in text
    assert "check" in text


def test_missing_table(
    package: Package, moto_table: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """A table that does not exist is named, with what to check."""
    del moto_table
    package.write("orders.py", PROCESS)
    module = package.cold_start(IDEMPOTENCY_PROCESSOR="orders.process", IDEMPOTENCY_TABLE="nowhere")
    assert deliver(module, order("a")) == ["m-a"]
    (text,) = errors_logged(capsys)
    assert "ResourceNotFoundException" in text
    assert "'nowhere'" in text
    assert "check" in text
