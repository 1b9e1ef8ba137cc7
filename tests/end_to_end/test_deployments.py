"""A function runs the code that was deployed, after any failure, and from any machine."""

import base64
import hashlib
import io
import json
import re
import shutil
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from scripts.support import observation
from scripts.support.emulator import Emulator
from scripts.support.observation import Aws
from scripts.support.producer import hand_over
from scripts.support.proxy import Proxy, serving
from scripts.support.terraform import Terraform, TerraformError, environment
from tests.module.stacks import copy_module

pytestmark = [
    pytest.mark.emulator,
    pytest.mark.terraform,
    pytest.mark.slow,
    pytest.mark.timeout(600),
]

FUNCTION = "module.orders.aws_lambda_function.consumer[0]"
ALIAS = "module.orders.aws_lambda_alias.consumer[0]"
READY = "module.orders.aws_lambda_provisioned_concurrency_config.consumer[0]"
LOGS = "module.orders.aws_cloudwatch_log_group.function[0]"
PACKAGE = "module.orders.terraform_data.package[0]"
CODE = "module.orders.terraform_data.code[0]"
CODE_CALLS = "^PUT .*/code$"
SAVED = "saved.tfplan"
BUILT_AT_APPLY = """\
resource "terraform_data" "build" {
  input = "own.zip"
}
"""
INVOKE_ARN = """\
output "invoke_arn" {
  value = module.orders.function.invoke_arn
}
"""
BUCKET = "artefacts"
QUALIFIED = {"FunctionName": "orders", "Qualifier": "live"}
ORDER = {"order_id": "ORDER-1", "amount_cents": 1999, "currency": "EUR"}


@dataclass(frozen=True)
class Stack:
    """The quickstart, which calls AWS through a proxy.

    Attributes:
        directory: the directory of its root module.
        terraform: the client that runs in it.
        proxy: the proxy that can deny calls.
        emulator: the emulator of AWS.
        account: the account in it.
    """

    directory: Path
    terraform: Terraform
    proxy: Proxy
    emulator: Emulator
    account: str

    @property
    def built(self) -> Path:
        """Where the zips are built."""
        return self.directory / ".terraform" / "idempotent-lambda"

    def client(self, service: str) -> Any:
        """A client that no call is denied to."""
        return self.emulator.client(service, self.account)

    def apply(self, *arguments: str) -> None:
        """Apply it all."""
        self.terraform.apply(*arguments)

    def fail(self, *arguments: str, plan: bool = False) -> str:
        """Expect an apply (or a plan) to fail; return terraform's message as one line."""
        with pytest.raises(TerraformError) as failure:
            (self.terraform.plan if plan else self.terraform.apply)(*arguments)
        return " ".join(failure.value.output.split())

    def changes(self, *arguments: str) -> dict[str, list[str]]:
        """What a plan would do, by address; the plan stays in `SAVED`."""
        self.terraform.plan(f"-out={SAVED}", *arguments)
        return {
            each["address"]: each["change"]["actions"]
            for each in self.terraform.show(SAVED).get("resource_changes", ())
            if each["change"]["actions"] not in (["no-op"], ["read"])
        }

    def edit(self, text: str) -> None:
        """Add a line to the source."""
        with (self.directory / "src" / "orders.py").open("a") as source:
            source.write(f"# {text}\n")

    def override(self, code: str) -> None:
        """Override arguments of the quickstart's module."""
        (self.directory / "code_override.tf").write_text(f'module "orders" {{\n  {code}\n}}\n')

    def move_to_a_fresh_machine(self) -> None:
        """Lose what is not in the repository, nor in the state."""
        shutil.rmtree(self.built)

    def running(self) -> str:
        """The SHA-256 of the code that the function runs, in base64."""
        found = self.client("lambda").get_function_configuration(FunctionName="orders")
        return str(found["CodeSha256"])

    def routing(self) -> tuple[str, dict[str, float]]:
        """The version that the alias points to, and the shares of others."""
        found = self.client("lambda").get_alias(FunctionName="orders", Name="live")
        weights = found.get("RoutingConfig", {}).get("AdditionalVersionWeights", {})
        return found["FunctionVersion"], weights

    def zips(self) -> list[Path]:
        """Every file where zips are built."""
        return [path for path in self.built.rglob("*") if path.is_file()]


@pytest.fixture
def stack(emulator: Emulator, account: str, tmp_path: Path) -> Iterator[Stack]:
    """A stack that is not applied yet."""
    directory = copy_module(tmp_path / "checkout") / "examples" / "quickstart"
    with serving(emulator.endpoint) as proxy:
        variables = emulator.environment(account) | {
            "AWS_ENDPOINT_URL_LAMBDA": proxy.endpoint,
        }
        terraform = Terraform(directory=directory, environment=environment(variables))
        terraform.init("-backend=false")
        yield Stack(directory, terraform, proxy, emulator, account)


def own_zip(text: str) -> bytes:
    """A zip that a user built."""
    raw = io.BytesIO()
    with zipfile.ZipFile(raw, "w") as archive:
        archive.writestr(zipfile.ZipInfo("orders.py"), f"# {text}\n")
    return raw.getvalue()


def sha256(raw: bytes) -> str:
    """Its SHA-256 in base64."""
    return base64.b64encode(hashlib.sha256(raw).digest()).decode()


def notice_stale_code(stack: Stack) -> None:
    """Refuse the new code, which leaves the old code in place, and then fix it."""
    stack.override('function = { alias = "live" }')
    stack.apply()
    before = stack.running()
    (first,) = stack.zips()
    assert before == sha256(first.read_bytes())

    # Old code under "No changes", until now: the provider keeps the hash that was planned.
    stack.edit("first edit")
    assert stack.changes() == {
        PACKAGE: ["delete", "create"],
        CODE: ["delete", "create"],
        FUNCTION: ["update"],
        ALIAS: ["update"],
    }
    # Nothing is deployed that was not planned. Terraform's words are in docs/deployments.md.
    planned = (stack.directory / "src" / "orders.py").read_text()
    stack.edit("after the plan")
    with pytest.raises(TerraformError, match="Provider produced inconsistent final plan"):
        stack.terraform.run("apply", "-auto-approve", SAVED)
    (stack.directory / "src" / "orders.py").write_text(planned)
    stack.changes()
    stack.proxy.denied = CODE_CALLS
    with pytest.raises(TerraformError, match="UpdateFunctionCode"):
        stack.terraform.run("apply", "-auto-approve", SAVED)
    stack.proxy.denied = None
    assert stack.running() == before
    said = stack.fail(plan=True)
    assert f"does not run the code that Terraform deployed last: its SHA-256 is {before}" in said
    assert "terraform apply -replace='ADDRESS.terraform_data.package[0]'" in said
    stack.move_to_a_fresh_machine()
    assert "no such file" in stack.fail(f"-replace={CODE}")  # not the remedy: there is no zip
    assert "does not run the code that Terraform deployed last" in stack.fail(plan=True)
    stack.apply(f"-replace={PACKAGE}")
    (second,) = stack.zips()
    assert stack.running() == sha256(second.read_bytes()) != before


def notice_a_stale_alias(stack: Stack) -> None:
    """Refuse the next version, which leaves the alias at the old one, and then fix it."""
    stack.proxy.denied = "^POST .*/versions$"
    stack.override('function = { alias = "live", memory_size_mb = 512 }')
    assert "PublishVersion" in stack.fail()
    stack.proxy.denied = None
    said = stack.fail(plan=True)
    assert 'its version 2, which function.alias = "live" invokes, have different code or' in said
    stack.apply(f"-replace={PACKAGE}")
    assert not stack.terraform.plan()


def build_on_a_fresh_machine(stack: Stack) -> None:
    """Apply what needs no zip, what builds one, and what cannot know that it needs one."""
    # Another machine has no zip and needs none, also where the code was changed in the console.
    stack.move_to_a_fresh_machine()
    assert not stack.terraform.plan()
    stack.client("lambda").update_function_code(FunctionName="orders", ZipFile=own_zip("console"))
    assert "somebody changed the code outside Terraform" in stack.fail(plan=True)
    assert stack.terraform.plan("-destroy")
    stack.edit("second edit")  # as good as the remedy
    stack.apply()
    assert not stack.terraform.plan()

    # The provider sends the code when the architecture changes, too.
    stack.move_to_a_fresh_machine()
    stack.override('function = { alias = "live", architecture = "x86_64" }')
    stack.apply()
    found = stack.client("lambda").get_function_configuration(FunctionName="orders")
    assert found["Architectures"] == ["x86_64"]

    # Nobody can know that the function has to be created, so the file's name says what builds it.
    stack.move_to_a_fresh_machine()
    stack.client("lambda").delete_function(FunctionName="orders")
    said = stack.fail()
    assert "no such file or directory" in said
    assert "if-missing.terraform-apply.-replace=module.NAME.terraform_data.package[0].zip" in said
    assert "Invalid index" not in said
    stack.apply(f"-replace={PACKAGE}")
    stack.running()


@pytest.mark.extended
def test_what_is_packed_here(stack: Stack) -> None:
    """A failed deployment is noticed and fixed; another machine builds the zip that it lacks."""
    notice_stale_code(stack)
    notice_a_stale_alias(stack)
    build_on_a_fresh_machine(stack)


@pytest.mark.extended
def test_what_is_built_elsewhere(stack: Stack) -> None:
    """A failed deployment of a zip or an object is noticed; a zip may be missing for all else."""
    zipped = stack.directory / "own.zip"
    zipped.write_bytes(own_zip("one"))
    stack.override('code = { source_dir = null, filename = "${path.module}/own.zip" }')
    stack.apply()
    assert stack.running() == sha256(own_zip("one"))

    zipped.write_bytes(own_zip("two"))
    stack.proxy.denied = CODE_CALLS
    assert "UpdateFunctionCode" in stack.fail()
    stack.proxy.denied = None
    assert "-replace='ADDRESS.terraform_data.code[0]'" in stack.fail(plan=True)
    stack.apply(f"-replace={CODE}")
    assert stack.running() == sha256(own_zip("two"))
    assert not stack.terraform.plan()

    # Without the zip, all but the function is planned, and drift is found.
    zipped.unlink()
    assert 'code.filename = "./own.zip" does not exist' in stack.fail(plan=True)
    assert stack.terraform.plan("-target=module.orders.aws_sqs_queue.source") is False
    stack.terraform.plan("-refresh-only")
    assert stack.terraform.plan("-destroy")

    # A zip whose path is not known yet does not replace the function.
    zipped.write_bytes(own_zip("two"))
    (stack.directory / "built.tf").write_text(BUILT_AT_APPLY)
    stack.override(
        'code = { source_dir = null, filename = "${path.module}/${terraform_data.build.output}" }'
    )
    assert stack.changes()[FUNCTION] == ["update"]

    # An object is noticed by its hash; without, it can at least be deployed again.
    s3 = stack.client("s3")
    s3.create_bucket(
        Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"}
    )
    for text, hashed in (("three", True), ("four", False)):
        s3.put_object(Bucket=BUCKET, Key=f"{text}.zip", Body=own_zip(text))
        given = {"bucket": BUCKET, "key": f"{text}.zip"}
        given |= {"source_code_hash": sha256(own_zip(text))} if hashed else {}
        stack.override(f"code = {{ source_dir = null, s3 = {json.dumps(given)} }}")
        stack.proxy.denied = CODE_CALLS
        assert "UpdateFunctionCode" in stack.fail()
        stack.proxy.denied = None
        if hashed:
            assert "-replace='ADDRESS.terraform_data.code[0]'" in stack.fail(plan=True)
        else:
            assert not stack.terraform.plan(), "as docs/deployments.md says"
        stack.apply(f"-replace={CODE}")
        assert stack.running() == sha256(own_zip(text))


def set_function(stack: Stack, attribute: str = "", argument: str = "") -> None:
    """Set an attribute of the function, which has an alias, and another argument of the module."""
    function = ['alias = "live"', 'environment = { LEDGER_TABLE = "orders-ledger" }', attribute]
    stack.override(f"function = {{\n{chr(10).join(function)}\n}}\n{argument}")


def try_a_canary(stack: Stack) -> None:
    """Give the second version a share, and take it back."""
    stack.edit("second version")
    set_function(stack, 'alias_weights = { "1" = 0.9 }')
    stack.apply()
    assert stack.routing() == ("2", {"1": 0.9})
    assert not stack.terraform.plan()

    # Whichever version gets an order, and then gets it again: it is charged once.
    aws = Aws.of(stack.emulator, stack.account)
    for version in ("1", "2", "1"):
        hand_over(aws, f"orders:{version}", ORDER, at_once=1)
    assert len(observation.rows(aws, "orders-ledger")) == 1

    # Taking it back changes only the alias. The newest version has no share to be named.
    set_function(stack, 'alias_weights = { "1" = 1 }')
    assert stack.changes() == {ALIAS: ["update"]}
    stack.apply()
    assert stack.routing() == ("2", {"1": 1})
    assert not stack.terraform.plan()
    set_function(stack, 'alias_weights = { "2" = 0.9 }')
    assert "names a version that is not older than 2" in stack.fail(plan=True)


def keep_instances_ready(stack: Stack) -> None:
    """Keep two instances of the alias ready, in the place of the shares."""
    set_function(stack, "provisioned_concurrency = 2")
    assert stack.changes() == {ALIAS: ["update"], READY: ["create"]}
    stack.apply()
    assert stack.routing() == ("2", {})
    ready = stack.client("lambda").get_provisioned_concurrency_config(**QUALIFIED)
    assert ready["RequestedProvisionedConcurrentExecutions"] == 2
    assert not stack.terraform.plan()


def start_from_snapshots(stack: Stack) -> None:
    """Publish a version with a snapshot and fewer log lines, and one without."""
    client = stack.client("lambda")
    logs = 'logs = { application_level = "WARN" }'
    set_function(stack, "snap_start = true", logs)
    stack.apply()
    assert stack.routing() == ("3", {})
    found = client.get_function_configuration(**QUALIFIED)
    assert found["SnapStart"] == {"ApplyOn": "PublishedVersions", "OptimizationStatus": "On"}
    assert found["LoggingConfig"]["ApplicationLogLevel"] == "WARN"
    with pytest.raises(client.exceptions.ProvisionedConcurrencyConfigNotFoundException):
        client.get_provisioned_concurrency_config(**QUALIFIED)
    assert not stack.terraform.plan()

    # What is removed goes back.
    set_function(stack)
    stack.apply()
    found = client.get_function_configuration(**QUALIFIED)
    assert found["LoggingConfig"]["ApplicationLogLevel"] == "INFO"
    assert found["SnapStart"]["ApplyOn"] == "None"


def change_the_class_of_the_log(stack: Stack) -> None:
    """Replace the log group, which keeps its class when the input is removed."""
    set_function(stack, "", 'logs = { class = "INFREQUENT_ACCESS" }')
    assert stack.changes()[LOGS] == ["delete", "create"]
    stack.apply()
    set_function(stack, "", "dashboard = true")
    assert "The class of the log group is INFREQUENT_ACCESS" in stack.fail(plan=True)
    set_function(stack)
    assert not stack.terraform.plan()


@pytest.mark.extended
def test_releases(stack: Stack) -> None:
    """A version is tried with a share, taken back, and started ahead or from a snapshot."""
    (stack.directory / "outputs_of_function.tf").write_text(INVOKE_ARN)
    set_function(stack)
    stack.apply()
    (module,) = stack.terraform.show()["values"]["root_module"]["child_modules"]
    (alias,) = (each["values"] for each in module["resources"] if each["address"] == ALIAS)
    assert stack.terraform.output()["invoke_arn"] == alias["invoke_arn"]
    try_a_canary(stack)
    keep_instances_ready(stack)
    start_from_snapshots(stack)
    change_the_class_of_the_log(stack)


def test_packing_comes_last(tmp_path: Path) -> None:
    """The package waits for all that the function waits for: a failure there builds nothing."""
    module = Terraform(directory=copy_module(tmp_path / "checkout"))
    module.init("-backend=false")
    edges = re.findall(r'"(.*?)" -> "(.*?)"', module.run("graph", "-type=plan"))
    wait_list: dict[str, set[str]] = {}
    for waiting, awaited in edges:
        wait_list.setdefault(waiting, set()).add(awaited)

    def all_awaited(name: str) -> set[str]:
        found: set[str] = set()
        new = wait_list.get(name, set())
        while new:
            found |= new
            new = set().union(*(wait_list.get(each, set()) for each in new)) - found
        return {each for each in found if " aws_" in each or " var." in each}

    function, package = (
        all_awaited("[root] aws_lambda_function.consumer (expand)"),
        all_awaited("[root] terraform_data.package (expand)"),
    )
    assert len(function) > 10
    assert function - package == set()
