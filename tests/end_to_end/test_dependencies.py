"""The example with dependencies runs on the emulator, and is built for Lambda."""

import json
import platform
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from scripts.support.emulator import INTERPRETER, ROOT, Emulator
from scripts.support.terraform import Terraform, environment
from tests.handler.events import event, record
from tests.module.packages import pack_sources, tree
from tests.module.stacks import copy_module

WHEELS = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(ROOT / ".wheels")}
"""The user's own configuration of pip: here, a folder and no index."""

ORDER = {"order_id": "A&B", "lines": [{"name": "Tea", "quantity": 2, "price_cents": 450}]}
PAGE = "<h1>Invoice of order A&amp;B</h1>\n<ul>\n  <li>2x Tea</li>\n</ul>\n<p>Total: 9.00 EUR</p>"
WRAPPER = """
import importlib, os
module, _, name = os.environ["DD_LAMBDA_HANDLER"].rpartition(".")
called = getattr(importlib.import_module(module), name)

def handler(event, context):
    return {**called(event, context), "seen": True}
"""
TARGETS = ("-target=module.invoices.aws_lambda_function.consumer",)


def emulated() -> dict[str, str]:
    """The runtime and architecture of what the emulator runs, as the example's variables."""
    code = "import sys; print(f'python3.{sys.version_info.minor}')"
    python = subprocess.run(
        [INTERPRETER, "-c", code], stdout=subprocess.PIPE, check=True, text=True
    )
    machine = "arm64" if platform.machine() in {"arm64", "aarch64"} else "x86_64"
    return {"TF_VAR_runtime": python.stdout.strip(), "TF_VAR_architecture": machine}


@pytest.mark.emulator
@pytest.mark.terraform
@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.extended
@pytest.mark.skipif(sys.platform != "linux", reason="Lambda's wheels run on Linux only.")
def test_it_runs_with_its_dependencies(emulator: Emulator, account: str, tmp_path: Path) -> None:
    """A processor imports a compiled and a local package, and a template; two builds are equal."""
    directory = copy_module(tmp_path / "checkout") / "examples" / "dependencies"
    # A monitoring service comes between, as function.wrapper says.
    tree(directory / "src", {"datadog_lambda/handler.py": WRAPPER})
    main = (directory / "main.tf").read_text()
    wrapper = 'wrapper = "datadog_lambda.handler.handler"'
    (directory / "main.tf").write_text(
        main.replace("  function = {", f"  function = {{\n{wrapper}")
    )
    variables = environment(emulator.environment(account)) | WHEELS | emulated()
    stack = Terraform(directory=directory, environment=variables)
    stack.init("-backend=false")
    stack.apply(*TARGETS)
    (first,) = (directory / ".terraform" / "idempotent-lambda").rglob("*.zip")
    built = first.read_bytes()
    assert any(name.endswith("-linux-gnu.so") for name in zipfile.ZipFile(first).namelist())

    client = emulator.client("lambda", account)
    for _ in range(2):
        answer = client.invoke(
            FunctionName="invoices", Payload=json.dumps(event(record(json.dumps(ORDER))))
        )
        assert json.loads(answer["Payload"].read()) == {"batchItemFailures": [], "seen": True}
    (invoice,) = emulator.client("dynamodb", account).scan(TableName="invoices-invoices")["Items"]
    assert invoice["page"]["S"] == PAGE

    shutil.rmtree(directory / ".terraform" / "idempotent-lambda")
    stack.apply(*TARGETS, "-replace=module.invoices.terraform_data.package[0]")
    (second,) = (directory / ".terraform" / "idempotent-lambda").rglob("*.zip")
    assert second.read_bytes() == built


@pytest.mark.slow
def test_it_is_built_for_lambda(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """For arm64 and Python 3.13 it has the compiled part of those, and twice the same bytes."""
    for name, value in WHEELS.items():
        monkeypatch.setenv(name, value)
    source = ROOT / "examples" / "dependencies" / "src"
    zips = []
    for name in ("one", "two"):
        lock = str(source / "requirements.txt")
        zips.append(pack_sources(source, tmp_path / name / "out.zip", requirements=lock))
    assert zips[0].read_bytes() == zips[1].read_bytes()
    names = zipfile.ZipFile(zips[0]).namelist()
    assert "markupsafe/_speedups.cpython-313-aarch64-linux-gnu.so" in names
    assert {"jinja2/__init__.py", "shop/prices.py", "templates/invoice.html"} < set(names)
