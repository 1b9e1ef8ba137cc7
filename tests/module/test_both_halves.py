"""What the module declares is what the package uses: no more, no less."""

import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from idempotent_lambda import clock, keys, settings
from idempotent_lambda.claims import Owner, Request
from idempotent_lambda.clock import Deadline, EpochMillis, Millis, Seconds, SystemClock
from idempotent_lambda.dynamodb import DynamoDBClaimStore
from tests.handler.bench import Listener
from tests.module.stacks import ROOT
from tests.requests import claim_of

RECORDS = ("orders#1", "orders#2")
TERRAFORM = "\n".join(path.read_text(encoding="utf-8") for path in sorted(ROOT.glob("*.tf")))


def found(pattern: str) -> str:
    """The group of the one place in the module that matches."""
    (value,) = re.findall(pattern, TERRAFORM, re.MULTILINE)
    return str(value)


class RecordedEnvironment(Mapping[str, str]):
    """An empty environment that remembers which names it was asked for."""

    def __init__(self) -> None:
        self.asked: set[str] = set()

    def __getitem__(self, name: str) -> str:
        self.asked.add(name)
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


class RecordedClient:
    """A DynamoDB client that remembers each call, and grants everything that is asked for singly.

    Of statements it grants none, so that what they leave open is asked for as well.
    """

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def __getattr__(self, method: str) -> Callable[..., dict[str, Any]]:
        def call(**parameters: Any) -> dict[str, Any]:
            self.calls.append((method, parameters))
            refusal = {"Error": {"Code": "DuplicateItem"}}
            refusals = [refusal for _ in parameters.get("Statements", ())]
            return {"Attributes": {"attempts": {"N": "1"}}, "Responses": refusals or {}}

        return call


@pytest.fixture
def calls() -> list[tuple[str, dict[str, Any]]]:
    """Every call that the store makes: claims, completions and releases, of one and of two."""
    client: Any = RecordedClient()
    system = SystemClock()
    store = DynamoDBClaimStore(client, "records", system, Listener())
    deadline = Deadline.after(system, Millis(60_000))
    requests = [
        Request(record_id=each, owner=Owner("me"), now=EpochMillis(0), retention=Seconds(60))
        for each in RECORDS
    ]
    for many in (requests[:1], requests):
        for takeover in (False, True):
            lease = EpochMillis(60_000)
            store.claim(
                [claim_of(one, lease_expires_at=lease, takeover=takeover) for one in many],
                deadline,
            )
        store.complete(many, deadline)
        store.release(many, deadline)
    return client.calls


def actions(method: str, parameters: Mapping[str, Any]) -> set[str]:
    """What IAM asks of a call; of statements, their verb."""
    verbs = {each["Statement"].split()[0].title() for each in parameters.get("Statements", ())}
    name = "".join(map(str.title, method.split("_")))
    return {f"dynamodb:PartiQL{verb}" for verb in verbs} or {f"dynamodb:{name}"}


def test_the_environment() -> None:
    """The names that function.tf sets are those that settings.py reads."""
    block = found(r"^  settings = {\n((?:    .*\n)+)  }")
    environment = RecordedEnvironment()
    with pytest.raises(settings.InvalidSettingsError):
        settings.Settings.from_environment(environment)
    assert environment.asked == set(re.findall(r"^ +(\w+) +=", block, re.MULTILINE))


def test_the_iam_actions(calls: list[tuple[str, dict[str, Any]]]) -> None:
    """The role may make exactly the DynamoDB calls that the store makes."""
    made = set().union(*(actions(*call) for call in calls))
    assert made == set(re.findall(r'"(dynamodb:\w+)"', TERRAFORM))


def test_the_table_attributes(calls: list[tuple[str, dict[str, Any]]]) -> None:
    """The store writes to the table's own key, and the TTL attribute that the table names."""
    name, kind = found(r'^  hash_key +=.*"(\w+)"'), found(r'^    type = "(\w)"')
    keys = [{name: {kind: each}} for each in RECORDS]
    assert all(parameters["Key"] in keys for _, parameters in calls if "Key" in parameters)
    reads = [each for method, each in calls if method == "batch_get_item"]
    assert all(each["RequestItems"]["records"]["Keys"] == keys for each in reads)
    expiry = found(r'^    attribute_name = "(\w+)"')
    for statement in (one for _, each in calls for one in each.get("Statements", ())):
        text: str = statement["Statement"]
        assert f'"{name}" = ?' in text or f"'{name}': ?" in text
        assert text.startswith("DELETE") or f'"{expiry}" = ?' in text or f"'{expiry}': ?" in text
    updates = [parameters for method, parameters in calls if method == "update_item"]
    for parameters in updates:
        assert f"#{expiry} = :{expiry}" in parameters["UpdateExpression"]
        assert parameters["ExpressionAttributeNames"][f"#{expiry}"] == expiry


def test_the_python_floor() -> None:
    """The oldest runtime that the module takes is the oldest Python that the package takes."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    least = found(r"var\.function\.runtime\)\[1\]\) >= (\d+)")
    assert project["requires-python"] == f">=3.{least}"
    assert f"is not python3.{least} or newer" in TERRAFORM


def test_the_reserve() -> None:
    """Both halves keep the same time back to answer."""
    reserve = float(found(r"^  reserve_seconds += ([\d.]+)$"))
    assert reserve * 1000 == clock.RESERVE_MILLIS


def test_the_built_in_handler() -> None:
    """The default handler exists, and processor is required for exactly that one."""
    handler = found(r'^    handler += optional\(string, "(.+)"\)')
    assert handler == found(r'^  builtin_handler += "(.+)"')
    module, _, name = handler.rpartition(".")
    # Read, not imported: it is wired from the function's environment when it is imported.
    source = (ROOT / "handler" / module.replace(".", "/")).with_suffix(".py").read_text()
    assert re.search(rf"^(?:def )?{name}\b", source, re.MULTILINE)


def test_the_limits_of_settings() -> None:
    """What the module accepts, the package accepts too."""
    assert f"length(var.idempotency.namespace) <= {keys.MAXIMUM_NAMESPACE_BYTES}" in TERRAFORM
    choices = ", ".join(f'"{choice}"' for choice in settings.LOG_KEYS)
    assert f"contains([{choices}], var.idempotency.log_keys)" in TERRAFORM


def test_the_only_provider_is_aws() -> None:
    """Nothing but the AWS provider and what is built into Terraform."""
    assert re.findall(r'source += "([\w-]+/[\w-]+)"', TERRAFORM) == ["hashicorp/aws"]
    types = set(re.findall(r'^resource "(\w+)"', TERRAFORM, re.MULTILINE))
    assert {name.split("_")[0] for name in types} == {"aws", "terraform"}
    assert not re.findall(r"^(?:data|provider) ", TERRAFORM, re.MULTILINE)
