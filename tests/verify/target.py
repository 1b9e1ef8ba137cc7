"""Finds the account to verify on: the one of the AWS CLI's profile, or the emulator's."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import boto3
import botocore.session
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from scripts import emulator
from scripts.support.emulator import NO_PROFILE, Emulator
from scripts.support.observation import SERVICES, Aws
from scripts.support.terraform import OFFLINE

BUILD = Path(__file__).parents[2] / "build"
RUNS = "verify/runs"
EMULATOR = "verify/emulator"
"""The folders of all runs and of their emulator, below the folder of what is built."""

LEAST_SECONDS = 25 * 60
"""A run and its clean-up take at most so long, so the credentials must not end before."""

_ENDPOINT = re.compile(r"^export AWS_ENDPOINT_URL=(\S+)$", re.MULTILINE)
CLIENTS = {**SERVICES, "cloudwatch": "cloudwatch", "tagging": "resourcegroupstaggingapi"}
"""The services of the clients that the rows and the clean-up use, by attribute."""


class TargetError(Exception):
    """There is no account to verify on; the text is one line with cause and remedy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """An account and a Region, with credentials for exactly these.

    Attributes:
        name: "aws" or "emulator".
        environment: variables for boto3 and Terraform. They say all, so that no file of the user
            and no other variable has an influence.
        ends_at: when the credentials end, if that is known.
    """

    name: str
    account: str
    region: str
    environment: Mapping[str, str]
    ends_at: datetime | None = None

    @property
    def is_aws(self) -> bool:
        """Whether this is a real account."""
        return self.name == "aws"

    def __str__(self) -> str:
        where = "AWS" if self.is_aws else "the emulator"
        return f"{where}, account {self.account}, Region {self.region}"

    def make_clients(self) -> Aws:
        """Make the clients of all services."""
        return Aws(**{name: make_client(kind, self.environment) for name, kind in CLIENTS.items()})


def make_client(service: str, environment: Mapping[str, str]) -> Any:
    """Make a client by nothing but some variables."""
    session = boto3.session.Session(
        aws_access_key_id=environment["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=environment["AWS_SECRET_ACCESS_KEY"],
        aws_session_token=environment.get("AWS_SESSION_TOKEN"),
        region_name=environment["AWS_REGION"],
        botocore_session=botocore.session.Session(session_vars=NO_PROFILE),
    )
    create: Any = session.client
    config = Config(
        retries={"mode": "standard", "total_max_attempts": 6},
        # A shell that has read build/emulator/env names the emulator here.
        ignore_configured_endpoint_urls=True,
    )
    return create(
        service,
        endpoint_url=environment.get("AWS_ENDPOINT_URL"),
        verify=environment.get("AWS_CA_BUNDLE"),
        config=config,
    )


def find_aws(now: datetime | None = None) -> Target:
    """Find the account, Region and credentials that the AWS CLI would use now.

    The credentials are resolved once, whatever kind they are (keys, SSO, a role, a process), so
    Terraform needs to know only keys.
    """
    if endpoint := os.environ.get("AWS_ENDPOINT_URL"):
        raise TargetError(
            f"AWS_ENDPOINT_URL={endpoint} is not AWS: unset it, or run make verify-emulator"
        )
    try:
        session = boto3.session.Session()
        # The AWS CLI prefers this variable; boto3 does not know it.
        region = os.environ.get("AWS_REGION") or session.region_name
        credentials = session.get_credentials()
        if credentials is None:
            raise TargetError("there are no AWS credentials: set AWS_PROFILE, or run aws configure")
        if not region:
            raise TargetError("there is no Region: set AWS_REGION, or `region` in the profile")
        keys = credentials.get_frozen_credentials()
        ends_at = getattr(credentials, "_expiry_time", None)
        check_end(ends_at, now or datetime.now(UTC))
        environment = {
            **OFFLINE,
            "AWS_ACCESS_KEY_ID": keys.access_key,
            "AWS_SECRET_ACCESS_KEY": keys.secret_key,
            **({"AWS_SESSION_TOKEN": keys.token} if keys.token else {}),
            "AWS_REGION": region,
            "AWS_DEFAULT_REGION": region,
            **{name: os.environ[name] for name in ("AWS_CA_BUNDLE",) if os.environ.get(name)},
        }
        identity = make_client("sts", environment).get_caller_identity()
    except (BotoCoreError, ClientError) as error:
        raise TargetError(f"AWS does not accept the credentials: {error}") from error
    return Target(
        name="aws",
        account=identity["Account"],
        region=region,
        environment=environment,
        ends_at=ends_at,
    )


def check_end(ends_at: datetime | None, now: datetime) -> None:
    """Refuse credentials that end before a run and its clean-up can end."""
    left = (ends_at - now).total_seconds() if ends_at else LEAST_SECONDS
    if left < LEAST_SECONDS:
        raise TargetError(
            f"the credentials end in {left / 60:.0f} minutes, and a run with its clean-up can take "
            f"{LEAST_SECONDS / 60:.0f}: renew them first, for example with aws sso login"
        )


def find_emulator(build: Path = BUILD) -> Target:
    """Find the emulator of `make verify-emulator`, which goes on if a run is killed."""
    path = build / EMULATOR
    # An empty message arrives only if the emulator reads.
    if not emulator.send(path, b"") or not (path / emulator.SHELL).exists():
        raise TargetError("the emulator does not run")
    [endpoint] = _ENDPOINT.findall((path / emulator.SHELL).read_text())
    running = Emulator(endpoint=endpoint, directory=path)
    environment = running.environment(emulator.ACCOUNT)
    return Target(
        name="emulator",
        account=emulator.ACCOUNT,
        region=environment["AWS_REGION"],
        environment=environment,
    )


def start_emulator(build: Path = BUILD) -> Target:
    """Start that emulator if it does not run."""
    emulator.start(build / EMULATOR)
    return find_emulator(build)


def stop_emulator(build: Path = BUILD) -> None:
    """Stop that emulator."""
    emulator.stop(build / EMULATOR)
