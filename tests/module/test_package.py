"""What package.tf knows of Python, and the proof that its comparison of the code compares."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.lab.emulator import INTERPRETER
from scripts.lab.terraform import Terraform, TerraformError
from tests.module.stacks import ROOT, copy_module

PACKAGE = (ROOT / "package.tf").read_text(encoding="utf-8")
SETTINGS = {
    "AWS_ACCESS_KEY_ID": "123456789012",
    "AWS_SECRET_ACCESS_KEY": "offline",
    "AWS_REGION": "eu-central-1",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_ENDPOINT_URL": "http://127.0.0.1:9",
    "AWS_MAX_ATTEMPTS": "1",
    "IDEMPOTENCY_NAMESPACE": "orders",
    "IDEMPOTENCY_PROCESSOR": "json.dumps",
    "IDEMPOTENCY_RETENTION_SECONDS": "3600",
    "IDEMPOTENCY_TABLE": "records",
}
IMPORTED = """
import contextlib, importlib, json, pathlib, sys
import boto3, botocore.exceptions
for service, call in (("dynamodb", "list_tables"), ("sqs", "list_queues"), ("s3", "list_buckets")):
    with contextlib.suppress(botocore.exceptions.BotoCoreError):
        getattr(boto3.client(service), call)()
boto3.resource("dynamodb")
for file in pathlib.Path("handler/idempotent_lambda").glob("*.py"):
    importlib.import_module("idempotent_lambda." + file.stem)
print(json.dumps(sorted({name.split(".")[0] for name in sys.modules})))
"""


def imported_modules() -> set[str]:
    """The names that package.tf refuses as names of modules of the user's."""
    (listed,) = re.findall(r"imported_modules = \[(.*?)\]", PACKAGE, re.DOTALL)
    return set(json.loads(f"[{listed.strip().rstrip(',')}]"))


def test_every_module_that_is_imported_is_known() -> None:
    """Whatever boto3 and the package import as they run is refused as a name of the user's."""
    run = subprocess.run(
        [INTERPRETER, "-c", IMPORTED],
        cwd=ROOT,
        env={"PYTHONPATH": "handler", **SETTINGS},
        capture_output=True,
        text=True,
        check=True,
    )
    found = {name for name in json.loads(run.stdout) if not name.startswith("_")}
    # Tools of the environment put these into every process.
    found -= {"idempotent_lambda", "distutils-precedence", "sitecustomize", "usercustomize"}
    assert found > {"boto3", "json", "queue"}
    assert found - imported_modules() == set()


def test_no_other_name_is_refused() -> None:
    """The names are of the standard library, or what boto3 brings."""
    sdk = {"boto3", "botocore", "dateutil", "jmespath", "s3transfer", "six", "urllib3"}
    assert imported_modules() - sys.stdlib_module_names == sdk


@pytest.mark.proof
@pytest.mark.terraform
@pytest.mark.slow
@pytest.mark.parametrize(
    ("begins", "failing", "passing"),
    [
        ("local.code_sha256 == null", "deployments", "published"),
        ("length(data.aws_lambda_function.published)", "published", "deployments"),
    ],
)
def test_without_its_comparison_other_code_passes(
    tmp_path: Path, begins: str, failing: str, passing: str
) -> None:
    """Without a comparison, its own case fails and no other."""
    checkout = copy_module(tmp_path / "checkout")
    outputs = checkout / "outputs.tf"
    text = outputs.read_text(encoding="utf-8")
    rule = rf"(condition +=) {re.escape(begins)}.*"
    neutral, changed = re.subn(rule, r"\1 var.name == var.name", text)
    assert changed == 1
    outputs.write_text(neutral, encoding="utf-8")
    module = Terraform(directory=checkout)
    module.init("-backend=false")
    module.run("test", f"-filter=tests/{passing}.tftest.hcl")
    with pytest.raises(TerraformError, match="Missing expected failure") as failure:
        module.run("test", f"-filter=tests/{failing}.tftest.hcl")
    assert "1 passed, 1 failed" in failure.value.output
