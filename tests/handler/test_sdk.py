"""The oldest botocore that works: an older one is refused before a message could be touched."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import botocore
import botocore.loaders
import botocore.session
import pytest

from idempotent_lambda.clients import LEAST_BOTOCORE, new_client
from idempotent_lambda.errors import ConfigurationError

ROOT = Path(__file__).parents[2]

LEAST = "1.29.164"

LAYER = """
__version__ = {version!r}
__path__.append({real!r})
"""
"""A botocore that a layer brings: the rest is the real one, so that only the version counts."""

CALL = """
from idempotent_lambda import idempotent

@idempotent(name="charge", key="x", lease_seconds=30)
def charge(x):
    print("charged")

charge("a")
"""

START = "import idempotent_lambda.entrypoint"

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "x",
    "AWS_SECRET_ACCESS_KEY": "x",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    "IDEMPOTENCY_TABLE": "records",
    "IDEMPOTENCY_PROCESSOR": "json.dumps",
    "IDEMPOTENCY_NAMESPACE": "orders",
    "IDEMPOTENCY_RETENTION_SECONDS": "3600",
    "IDEMPOTENCY_MAX_RECEIVE_COUNT": "4",
}


def start(layer: Path, version: object, statement: str, session: str = "") -> str:
    """The last line on standard error of a process that a layer gives a botocore."""
    package = layer / "botocore"
    package.mkdir(parents=True)
    real = os.path.dirname(botocore.__file__)  # noqa: PTH120  # a text
    (package / "__init__.py").write_text(LAYER.format(version=version, real=real))
    if session:
        (package / "session.py").write_text(session)
    path = os.pathsep.join([str(layer), *sys.path])
    run = subprocess.run(
        [sys.executable, "-c", statement],
        env=ENVIRONMENT | {"PYTHONPATH": path},
        capture_output=True,
        check=False,
        text=True,
        timeout=60,
    )
    assert "charged" not in run.stdout
    return (run.stderr.splitlines() or [""])[-1]


@pytest.mark.parametrize("statement", [START, CALL], ids=["cold start", "first call"])
def test_an_old_one_from_a_layer(tmp_path: Path, statement: str) -> None:
    """The error names the found version, its folder, the least version and the way out."""
    # An old botocore cannot even be imported with the urllib3 of a newer runtime.
    session = "from urllib3.util.ssl_ import DEFAULT_CIPHERS"
    line = start(tmp_path / "opt", "1.29.0", statement, session)
    assert line.startswith("idempotent_lambda.errors.ConfigurationError: ")
    folder = tmp_path / "opt" / "botocore"
    for text in (f"botocore 1.29.0 in {folder} ", LEAST, "layer", "remove it"):
        assert text in line


@pytest.mark.parametrize("version", ["1.24.0", "1.29.163", "0.9", "1.29.0.dev1", "1.29.163rc1"])
def test_too_old(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    """Every older version is refused, whatever is behind its numbers."""
    monkeypatch.setattr(botocore, "__version__", version)
    with pytest.raises(ConfigurationError, match=f"^botocore {version} in .* is too old"):
        new_client()


@pytest.mark.parametrize(
    "version",
    [LEAST, "1.29.1000", "1.30", "1.34.0.dev1", "1.100.0", "2.0.0b1", "10.0", "", "unknown"],
)
def test_new_enough(aws: None, monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    """A newer version is accepted, and so is one that nobody can read: it is not known to fail."""
    del aws
    monkeypatch.setattr(botocore, "__version__", version)
    assert new_client().meta.service_model.service_name == "dynamodb"


def test_an_incomplete_one(aws: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """A botocore whose data lacks the service, to save space, is named with its folder."""
    del aws
    loader = botocore.loaders.Loader()
    monkeypatch.setattr(loader, "list_available_services", lambda _: ["s3"])
    monkeypatch.setattr(botocore.session, "create_loader", lambda _=None: loader)
    with pytest.raises(ConfigurationError, match=r"check the SDK, botocore .* in ") as caught:
        new_client()
    assert "no client for dynamodb" in str(caught.value)


def test_what_the_package_uses_is_there() -> None:
    """The installed botocore has each parameter for whose sake an older one is refused."""
    model = botocore.session.get_session().get_service_model("dynamodb")
    name = "ReturnValuesOnConditionCheckFailure"
    for operation in ("PutItem", "UpdateItem", "DeleteItem"):
        assert name in model.operation_model(operation).input_shape.members
    statements = model.operation_model("BatchExecuteStatement").input_shape.members["Statements"]
    assert name in statements.member.members


def test_the_toolkit_asks_for_no_older_one() -> None:
    """boto3 has the numbers of its botocore, so what the toolkit asks for must be as new."""
    # https://github.com/boto/boto3/blob/develop/setup.cfg
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    for extra in ("testing", "cli"):
        (boto3,) = (
            name for name in project["optional-dependencies"][extra] if name.startswith("boto3")
        )
        least = tuple(map(int, boto3.removeprefix("boto3>=").split(".")))
        assert least >= LEAST_BOTOCORE
