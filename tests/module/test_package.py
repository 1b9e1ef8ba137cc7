"""The facts about Python in files.tf, and the proof that its comparison of the code works."""

import json
import re
import subprocess
import sys
import zipfile
from fnmatch import fnmatch
from pathlib import Path

import pytest

from scripts.support.emulator import INTERPRETER
from scripts.support.terraform import Terraform, TerraformError
from tests.module.packages import build_wheel, tree
from tests.module.stacks import ROOT, copy_module, pack_by_terraform

FILES = (ROOT / "files.tf").read_text(encoding="utf-8")
VARIABLES = "\n".join(path.read_text(encoding="utf-8") for path in ROOT.glob("variables*.tf"))
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
    """The names that files.tf refuses as names of modules of the user's."""
    (listed,) = re.findall(r"imported_modules = \[(.*?)\]", FILES, re.DOTALL)
    return set(json.loads(f"[{listed.strip().rstrip(',')}]"))


def test_every_module_that_is_imported_is_known() -> None:
    """A user's module must not have the name of one that boto3 or the package imports."""
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


@pytest.mark.terraform
def test_what_is_left_out_by_default(tmp_path: Path) -> None:
    """Hidden and compiled files, tests, and what tools and editors leave are not deployed."""
    junk = [
        *(".env", ".venv/lib/a.py", "shop/.hidden/a.py", "__pycache__/orders.pyc", "orders.pyc"),
        *("tests/test_orders.py", "venv/lib/a.py", "orders.egg-info/PKG-INFO", "htmlcov/a.html"),
        *("coverage.xml", "shop/a.py~", "a.swp", "a.py.bak", "a.py.orig", "shop.iml"),
        *("Thumbs.db", "shop/desktop.ini"),
    ]
    wanted = {
        "orders.py": "def process(message): ...\n",
        "shop/tests/prices.py": "",
        "shop/venv.py": "",
        "coverage/notes.md": "",
        # It declares no packages, so nothing is missing.
        "pyproject.toml": "[tool.ruff]\nline-length = 100\n\n[project]\ndependencies = []\n",
    }
    source = tree(tmp_path / "src", dict.fromkeys(junk, "") | wanted)
    checkout = copy_module(tmp_path / "checkout")
    zipped = pack_by_terraform(checkout, tmp_path / "build", f'source_dir = "{source}"')
    names = zipfile.ZipFile(zipped).namelist()
    assert {name for name in names if not name.startswith("idempotent_lambda/")} == set(wanted)
    # Every pattern of the default has left out something.
    (patterns,) = re.findall(
        r"exclude += optional\(list\(string\), (\[.*?\])\)", VARIABLES, re.DOTALL
    )
    left_out = [name for name in junk if not re.search(r"(^|/)[.]|\.pyc$", name)]
    for pattern in re.findall(r'"(.+?)"', patterns):
        star = pattern.strip("/")
        assert any(fnmatch(part, star) for name in left_out for part in name.split("/")), pattern


@pytest.mark.terraform
@pytest.mark.skipif(sys.platform != "linux", reason="Other systems read a name in any form.")
def test_a_name_that_terraform_cannot_read(tmp_path: Path) -> None:
    """A file whose name is not in Unicode's form NFC is refused with what to do."""
    source = tree(
        tmp_path / "src", {"orders.py": "def process(message): ...\n", "cafe\u0301.py": ""}
    )
    checkout = copy_module(tmp_path / "checkout")
    with pytest.raises(TerraformError) as failure:
        pack_by_terraform(checkout, tmp_path / "build", f'source_dir = "{source}"')
    said = " ".join(failure.value.output.split())
    assert "café.py, which Terraform cannot read" in said
    assert "in Unicode's form NFC" in said


@pytest.mark.terraform
def test_an_excluded_lock_is_installed(tmp_path: Path) -> None:
    """A pattern that leaves a requirements.txt out of the zip does not leave out its packages."""
    build_wheel(tmp_path / "wheels", "prices")
    source = tree(
        tmp_path / "src",
        {"orders.py": "def process(message): ...\n", "requirements.txt": "prices==1.0\n"},
    )
    code = f'source_dir = "{source}", exclude = ["*.txt"]'
    pip = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path / "wheels")}
    checkout = copy_module(tmp_path / "checkout")
    zipped = pack_by_terraform(checkout, tmp_path / "build", code, **pip)
    names = set(zipfile.ZipFile(zipped).namelist())
    assert "prices.py" in names
    assert "requirements.txt" not in names


@pytest.mark.proof
@pytest.mark.terraform
@pytest.mark.slow
@pytest.mark.parametrize(
    ("begins", "failing", "passes"),
    [
        ("local.code_sha256 == null", "deployments", "published"),
        ("length(data.aws_lambda_function.published) == 0", "published", "deployments"),
    ],
)
def test_without_its_comparison_other_code_passes(
    tmp_path: Path, begins: str, failing: str, passes: str
) -> None:
    """Without a comparison, its own case fails and no other."""
    checkout = copy_module(tmp_path / "checkout")
    checks = checkout / "checks.tf"
    text = checks.read_text(encoding="utf-8")
    rule = rf"condition = \(\n +{re.escape(begins)}\n(?:.*\n)+?      error_message"
    neutral, changed = re.subn(rule, "condition = var.name == var.name\n      error_message", text)
    assert changed == 1
    checks.write_text(neutral, encoding="utf-8")
    module = Terraform(directory=checkout)
    module.init("-backend=false")
    module.run("test", f"-filter=tests/{passes}.tftest.hcl")
    with pytest.raises(TerraformError, match="Missing expected failure") as failure:
        module.run("test", f"-filter=tests/{failing}.tftest.hcl")
    assert "1 passed, 1 failed" in failure.value.output
