"""The account to verify on is the AWS CLI's, and only if a run can end there."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.verify import target
from tests.verify.target import TargetError, find_aws

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)
CREDENTIALS = """\
[default]
aws_access_key_id = AKIADEFAULT
aws_secret_access_key = one
[staging]
aws_access_key_id = AKIASTAGING
aws_secret_access_key = two
aws_session_token = three
"""
CONFIG = """\
[default]
region = eu-north-1
[profile staging]
region = ap-south-1
"""


@pytest.fixture(autouse=True)
def _files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files of a user with two profiles, and an account that takes any keys."""
    for name in ("PROFILE", "DEFAULT_PROFILE", "REGION", "DEFAULT_REGION", "ENDPOINT_URL"):
        monkeypatch.delenv(f"AWS_{name}", raising=False)
    for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN", "CA_BUNDLE"):
        monkeypatch.delenv(f"AWS_{name}", raising=False)
    for name, text in (("SHARED_CREDENTIALS", CREDENTIALS), ("CONFIG", CONFIG)):
        path = tmp_path / name
        path.write_text(text)
        monkeypatch.setenv(f"AWS_{name}_FILE", str(path))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")

    def make_client(_service: str, _environment: Any) -> Any:
        return SimpleNamespace(get_caller_identity=lambda: {"Account": "111122223333"})

    monkeypatch.setattr(target, "make_client", make_client)


def test_the_default_profile() -> None:
    """Without variables it is the default profile, with its Region."""
    found = find_aws()
    assert (found.name, found.account, found.region) == ("aws", "111122223333", "eu-north-1")
    assert found.environment["AWS_ACCESS_KEY_ID"] == "AKIADEFAULT"
    assert "AWS_SESSION_TOKEN" not in found.environment


@pytest.mark.parametrize(
    ("variables", "region"),
    [
        ({}, "ap-south-1"),
        ({"AWS_DEFAULT_REGION": "sa-east-1"}, "sa-east-1"),
        ({"AWS_DEFAULT_REGION": "sa-east-1", "AWS_REGION": "us-west-2"}, "us-west-2"),
    ],
)
def test_a_profile_and_a_region(
    monkeypatch: pytest.MonkeyPatch, variables: dict[str, str], region: str
) -> None:
    """AWS_PROFILE chooses the keys, and AWS_REGION wins over AWS_DEFAULT_REGION, as in the CLI."""
    monkeypatch.setenv("AWS_PROFILE", "staging")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    environment = find_aws().environment
    assert environment["AWS_ACCESS_KEY_ID"] == "AKIASTAGING"
    assert environment["AWS_SESSION_TOKEN"] == "three"
    assert {environment["AWS_REGION"], environment["AWS_DEFAULT_REGION"]} == {region}


def test_no_file_and_no_endpoint_reaches_terraform() -> None:
    """Terraform gets keys only: no profile, no file of the user, and no endpoint."""
    environment = find_aws().environment
    assert "AWS_PROFILE" not in environment
    assert "AWS_ENDPOINT_URL" not in environment
    assert (
        environment["AWS_CONFIG_FILE"] == environment["AWS_SHARED_CREDENTIALS_FILE"] == "/dev/null"
    )


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:4566", "is not AWS: unset it"),
        ("AWS_PROFILE", "nobody", r"profile \(nobody\) could not be found"),
        ("AWS_SHARED_CREDENTIALS_FILE", "/dev/null", "no AWS credentials: set AWS_PROFILE"),
        ("AWS_CONFIG_FILE", "/dev/null", "no Region: set AWS_REGION"),
    ],
)
def test_refusals(monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str) -> None:
    """What is missing or wrong is one line that says what to do."""
    monkeypatch.setenv(name, value)
    with pytest.raises(TargetError, match=message) as caught:
        find_aws()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("minutes", "accepted"), [(24, False), (26, True)])
def test_credentials_that_end_soon(
    monkeypatch: pytest.MonkeyPatch, minutes: int, *, accepted: bool
) -> None:
    """Credentials must outlast a run and its clean-up."""
    keys = SimpleNamespace(access_key="AKIA", secret_key="s", token="t")
    credentials = SimpleNamespace(
        get_frozen_credentials=lambda: keys, _expiry_time=NOW + timedelta(minutes=minutes)
    )
    session = SimpleNamespace(region_name="eu-north-1", get_credentials=lambda: credentials)
    monkeypatch.setattr(target.boto3.session, "Session", lambda: session)
    if accepted:
        assert find_aws(NOW).environment["AWS_SESSION_TOKEN"] == "t"
    else:
        with pytest.raises(TargetError, match=r"end in 24 minutes.*renew them first"):
            find_aws(NOW)
