"""Every argument and attribute of our Terraform files is in the oldest and in the newest provider.

Neither of the two has to run for this: generated bindings, which `make schemas` downloads, have
their schemas.
"""

import re
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.module.provider_schemas import RENAMED, Bindings, Pulumi
from tests.module.stacks import ROOT
from tests.module.terraform_uses import Target, Use, read_files, read_text

SCHEMAS = ROOT / ".schemas"

FILES = sorted(
    path
    for pattern in ("*.tf", "[!.]*/**/*.tf", "[!.]*/**/*.tfmock.hcl")
    for path in ROOT.glob(pattern)
    if not {".terraform", "build", "dist"} & set(path.relative_to(ROOT).parts)
)

PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))

OLDEST, NEWEST = "5.80.0", "6.69.1"
"""What the bindings in requirements/schemas.in are made from. The pages name both."""

ALLOWED = {(OLDEST, "data.aws_region.region"): "Read with lookup(), where there is one."}
"""What a version does not have, and the condition under which a file uses it."""

ALLOWED_DEPRECATED = {"data.aws_region.id": "Read with lookup(), where there is no region."}
"""What the newest version deprecates, and the condition under which a file uses it."""

LIMITS = {
    "aws_lambda_function.timeout": "Valid between 1 and 900.",
    "aws_sqs_queue.max_message_size": "from 1024 bytes (1 KiB) up to 1048576 bytes (1024 KiB)",
}
"""The newest provider's own limits that our pages name, in its words."""


def read_page(page: Path) -> list[Use]:
    """Read the Terraform that a page shows."""
    blocks = re.findall(r"```hcl\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)
    return [use for block in blocks for use in read_text(page.name, block.replace("…", "null"))]


def find_wheel(name: str) -> Path:
    """Return the only wheel of a package."""
    wheels = sorted(SCHEMAS.glob(f"{name}-*.whl"))
    assert len(wheels) == 1, (
        f"{SCHEMAS} has {len(wheels)} wheels of {name}: run `rm -rf .schemas && make schemas`"
    )
    return wheels[0]


@pytest.fixture(scope="module")
def versions() -> dict[str, Bindings]:
    """The schemas of the oldest and of the newest provider, by its version."""
    wheels = map(find_wheel, ("cdktf_cdktf_provider_aws", "cdktn_provider_aws"))
    return {bindings.version: bindings for bindings in map(Bindings, wheels)}


@pytest.fixture(scope="module")
def pulumi() -> Pulumi:
    """The documentation of the newest provider, and what it deprecates."""
    return Pulumi(find_wheel("pulumi_aws"))


def judge(use: Use, schema: Bindings) -> str:
    """Say what is wrong with a use in a version, or nothing."""
    if use.given is None:
        if use.target.path:
            exists = schema.find(use.target, sets=use.sets) is not None
        else:
            exists = schema.list_names(use.target, sets=False) is not None
        return "" if exists else "does not exist"
    names = schema.list_names(use.target, sets=True)
    if names is None:
        return "" if use.target.path else "does not exist"  # the use of its name says so
    if not names:
        return "is not a block"
    if use.place.partition(":")[0].endswith("override.tf"):
        return ""
    missing = [name for name, each in names.items() if each.required and name not in use.given]
    return f"requires {', '.join(missing)}" if missing else ""


def find_problems(
    uses: Iterable[Use], versions: Mapping[str, Bindings], allowed: Iterable[tuple[str, str]] = ()
) -> Iterator[str]:
    """Find what a version does not have or requires, and allowances that nothing uses."""
    used = set()
    for use in uses:
        for version, schema in versions.items():
            problem = judge(use, schema)
            if problem and (version, str(use.target)) in allowed:
                used.add((version, str(use.target)))
            elif problem:
                yield f"{use.place}: {use.target} {problem} in hashicorp/aws {version}"
    for version, name in sorted(set(allowed) - used):
        yield f"{name}: nothing uses the allowance for hashicorp/aws {version}; remove it"


def find_deprecated(
    uses: Iterable[Use], pulumi: Pulumi, allowed: Iterable[str] = ()
) -> Iterator[str]:
    """Find what is deprecated or cannot be judged, and allowances that nothing uses."""
    used = set()
    for use in uses:
        name = str(use.target)
        if not use.target.path or use.object_key or use.given is not None:
            continue
        if use.target.kind == "provider":
            continue  # Pulumi has its own
        found = pulumi.find(use.target, sets=use.sets)
        if found is None:
            yield f"{use.place}: pulumi-aws has no {name}; if it renames it, add it to RENAMED"
        elif found.deprecated and name in allowed:
            used.add(name)
        elif found.deprecated:
            yield f"{use.place}: {name} is deprecated: {found.deprecated}"
    for name in sorted(set(allowed) - used):
        yield f"{name}: nothing uses the allowance for what is deprecated; remove it"


@pytest.mark.slow
def test_everything_is_in_both_versions(versions: dict[str, Bindings], pulumi: Pulumi) -> None:
    """Module, examples, mocks, pages and the stacks of the tests fit both schemas."""
    # One test, because each worker would parse the files again.
    uses = list(read_files(ROOT, FILES))
    text = "\n".join(path.read_text(encoding="utf-8") for path in FILES)
    blocks = re.findall(r'^ *(?:(?:resource|data) "aws_|provider "aws")', text, re.MULTILINE)
    assert sum(use.given is not None and not use.target.path for use in uses) == len(blocks)
    shown = [use for page in PAGES for use in read_page(page)]
    assert any(use.given is not None for use in shown)
    uses += shown
    assert list(find_problems(uses, versions, ALLOWED)) == []
    assert list(find_deprecated(uses, pulumi, ALLOWED_DEPRECATED)) == []
    assert (RENAMED.keys() | LIMITS.keys()) - {str(use.target) for use in uses} == set()


@pytest.mark.slow
def test_versions(versions: dict[str, Bindings]) -> None:
    """The bindings say that they are of the oldest version allowed, and of the newest named."""
    assert list(versions) == [OLDEST, NEWEST]
    terraform = (ROOT / "versions.tf").read_text(encoding="utf-8")
    allowed = re.search(r'version = ">= (\d+\.\d+), < (\d+)"', terraform)
    assert allowed
    assert f"{allowed[1]}.0" == OLDEST
    assert int(NEWEST.partition(".")[0]) == int(allowed[2]) - 1
    for page in ("README.md", "docs/upgrading.md", "versions.tf", "requirements/schemas.in"):
        text = (ROOT / page).read_text(encoding="utf-8")
        assert re.search(rf"\b{re.escape(NEWEST)}\b", text), f"{page} does not name {NEWEST}"
    documented = find_wheel("pulumi_aws").name.split("-")[1]
    assert f"AWS {documented}" in (ROOT / "docs/upgrading.md").read_text(encoding="utf-8")


def test_other_bindings(tmp_path: Path) -> None:
    """The version comes out of the bindings, not from the name of their file."""
    wheel = tmp_path / "cdktn_provider_aws-25.8.1-py3-none-any.whl"
    link = "https://registry.terraform.io/providers/hashicorp/aws/6.70.0/docs/resources/sqs_queue"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("cdktn_provider_aws/sqs_queue/__init__.py", f'"""{link}"""')
    assert Bindings(wheel).version == "6.70.0"


@pytest.mark.slow
@pytest.mark.parametrize("name", LIMITS)
def test_limits(pulumi: Pulumi, name: str) -> None:
    """The newest provider still documents the limit that our pages name."""
    type_, *path = name.split(".")
    found = pulumi.find(Target("resource", type_, tuple(path)), sets=True)
    assert found
    assert LIMITS[name] in found.text


MISSPELT = """
resource "aws_sqs_queue" "orders" {
  name                      = "orders"
  visibilty_timeout_seconds = 30
}
"""


@pytest.mark.slow
def test_a_misspelt_argument(versions: dict[str, Bindings], pulumi: Pulumi) -> None:
    """It is found in each version, with its file, resource and name."""
    uses = read_text("queue.tf", MISSPELT)
    name = "aws_sqs_queue.visibilty_timeout_seconds"
    assert list(find_problems(uses, versions)) == [
        f"queue.tf: resource aws_sqs_queue orders: {name} does not exist in hashicorp/aws {version}"
        for version in (OLDEST, NEWEST)
    ]
    (unjudged,) = find_deprecated(uses, pulumi)
    assert f"pulumi-aws has no {name}" in unjudged


ONLY_NEW = """
resource "aws_sqs_queue" "orders" {
  name   = "orders"
  region = "eu-central-1"
}
"""


@pytest.mark.slow
def test_an_argument_that_only_6_has(versions: dict[str, Bindings]) -> None:
    """It needs an allowance for the oldest version, and an allowance has to be used."""
    name = "aws_sqs_queue.region"
    allowed = [(OLDEST, name)]
    uses = read_text("queue.tf", ONLY_NEW)
    assert list(find_problems(uses, versions)) == [
        f"queue.tf: resource aws_sqs_queue orders: {name} does not exist in hashicorp/aws {OLDEST}"
    ]
    assert list(find_problems(uses, versions, allowed)) == []
    assert list(find_problems([], versions, allowed)) == [
        f"{name}: nothing uses the allowance for hashicorp/aws {OLDEST}; remove it"
    ]


QUEUE, TABLE, GROUP, ALIAS = (
    f'resource "aws_{each}" "a"'
    for each in ("sqs_queue", "dynamodb_table", "security_group", "lambda_alias")
)
NAMED = f'{TABLE} {{\nname = "a"\n'
FAULTS = [
    ('resource "aws_sqs_quue" "a" {}', "aws_sqs_quue does not exist"),
    ('data "aws_regin" "a" {}', "data.aws_regin does not exist"),
    ('mock_data "aws_region" {\ndefaults = { nam = 1 }\n}', "data.aws_region.nam does not exist"),
    (f"{QUEUE} {{\ntags {{\n}}\n}}", "aws_sqs_queue.tags is not a block"),
    (f"{QUEUE} {{\ntag = null\n}}", "aws_sqs_queue.tag does not exist"),
    (
        f"{QUEUE} {{\nlifecycle {{\nignore_changes = [tag]\n}}\n}}",
        "aws_sqs_queue.tag does not exist",
    ),
    (
        f"{QUEUE} {{\nlifecycle {{\nreplace_triggered_by = [aws_sqs_queue.b.arm]\n}}\n}}",
        "aws_sqs_queue.arm does not exist",
    ),
    (f'{ALIAS} {{\nname = "a"\n}}', "aws_lambda_alias requires function_name, function_version"),
    (f"{NAMED}ttl {{\non = true\n}}\n}}", "aws_dynamodb_table.ttl.on does not exist"),
    (
        f'{NAMED}dynamic "ttl" {{\nfor_each = []\ncontent {{\non = true\n}}\n}}\n}}',
        "aws_dynamodb_table.ttl.on does not exist",
    ),
    (
        f'{NAMED}dynamic "tttl" {{\nfor_each = []\ncontent {{\n}}\n}}\n}}',
        "aws_dynamodb_table.tttl does not exist",
    ),
    (f'{NAMED}attribute {{\nname = "a"\n}}\n}}', "aws_dynamodb_table.attribute requires type"),
    (
        f"{GROUP} {{\negress = [{{ frm_port = 1 }}]\n}}",
        "aws_security_group.egress.frm_port does not exist",
    ),
    ('output "a" {\nvalue = aws_sqs_queue.a.arm\n}', "aws_sqs_queue.arm does not exist"),
    ('output "a" {\nvalue = data.aws_region.a.nam\n}', "data.aws_region.nam does not exist"),
    (
        'output "a" {\nvalue = aws_sqs_queue.a.name_input\n}',
        "aws_sqs_queue.name_input does not exist",
    ),
    (
        'output "a" {\nvalue = aws_dynamodb_table.a.ttl[0].on\n}',
        "aws_dynamodb_table.ttl.on does not exist",
    ),
    ('check "a" {\ndata "aws_region" "a" {\nnam = 1\n}\n}', "data.aws_region.nam does not exist"),
    ("moved {\nfrom = aws_sqs_quue.a\nto = aws_sqs_queue.a\n}", "aws_sqs_quue does not exist"),
    ('import {\nto = aws_sqs_quue.a\nid = "a"\n}', "aws_sqs_quue does not exist"),
    ("removed {\nfrom = aws_sqs_quue.a\n}", "aws_sqs_quue does not exist"),
    ('provider "aws" {\nregin = "a"\n}', "provider.aws.regin does not exist"),
    (
        'provider "aws" {\nendpoints {\nsqss = "a"\n}\n}',
        "provider.aws.endpoints.sqss does not exist",
    ),
]
"""Terraform with one fault each, and what is said about it."""


@pytest.mark.slow
@pytest.mark.parametrize(("text", "says"), FAULTS)
def test_faults(text: str, says: str, versions: dict[str, Bindings]) -> None:
    """Each kind of name is looked up in each version, and nothing else is wrong."""
    problems = list(find_problems(read_text("a.tf", text), versions))
    assert {problem.rpartition(": ")[2] for problem in problems} == {
        f"{says} in hashicorp/aws {version}" for version in versions
    }


CORRECT = """
resource "aws_sqs_queue" "a" {
  count = 1
  name  = "a"
  tags  = { anything = aws_sqs_queue.b.tags.anything, self = length(aws_sqs_queue.b) }

  lifecycle {
    ignore_changes       = all
    replace_triggered_by = [aws_dynamodb_table.a.arn]
  }
}

resource "aws_dynamodb_table" "a" {
  name = "a"

  dynamic "ttl" {
    for_each = [aws_sqs_queue.a[0].name]

    content {
      attribute_name = ttl.value
    }
  }

  attribute {
    name = "a"
    type = self.hash_key
  }
}

resource "aws_security_group" "a" {
  depends_on = [aws_sqs_queue.a]

  ingress {
    self = true
  }
}

output "a" {
  value = [for arn in aws_sqs_queue.a : { arn = arn.arn, also = var.a.arn }]
}
"""


@pytest.mark.slow
def test_correct_text(versions: dict[str, Bindings]) -> None:
    """What belongs to Terraform, and what is in a map, is not looked up."""
    assert list(find_problems(read_text("a.tf", CORRECT), versions)) == []


LOCALS = """
locals {
  again = local.queue
  queue = one(aws_sqs_queue.a)
}
"""


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("aws_sqs_queue.a[0].arn", "queue.arn"),
        ("aws_sqs_queue.a[*].arn", "queue.arn"),
        ("aws_sqs_queue.a.*.arn", "queue.arn"),
        ("one(aws_sqs_queue.a[*]).arn", "queue.arn"),
        ('"${aws_sqs_queue.a.arn}/*"', "queue.arn"),
        ("{ (aws_sqs_queue.a.arn) = 1 }", "queue.arn"),
        ("var.b ? aws_sqs_queue.a.arn : null", "queue.arn"),
        ("[for q in aws_sqs_queue.a : q.arn if q.url != 0]", "queue.arn queue.url"),
        ("{ for k, q in aws_sqs_queue.a : k => q.arn }", "queue.arn"),
        ("[for q in var.q : q.arn]", ""),
        ("aws_sqs_queue.a[aws_sqs_queue.b.url].arn", "queue.arn queue.url"),
        ("try(aws_sqs_queue.a.arn, aws_sqs_queue.a.url)", "queue.arn queue.url"),
        ('lookup(aws_sqs_queue.a, "arn", aws_sqs_queue.a.url)', "queue.arn queue.url"),
        ("local.again.arn", "queue.arn"),
        ("upper(local.again.arn)", "queue.arn"),
    ],
)
def test_references(expression: str, expected: str) -> None:
    """An attribute is found in each form in which an expression can name it."""
    uses = read_text("a.tf", f'{LOCALS}output "a" {{\n  value = {expression}\n}}\n')
    found = {str(use.target) for use in uses if use.place == "a.tf: output a" and use.target.path}
    assert found == {f"aws_sqs_{name}" for name in expected.split()}


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ("<<-EOT\n    ${aws_sqs_queue.a.arm}\n  EOT", "heredoc"),
        ("<<-EOT\n    %{ if aws_sqs_queue.a.arm == 1 }x%{ endif }\n  EOT", "heredoc"),
        ('"%{ for q in aws_sqs_queue.a }${q.arm}%{ endfor }"', "aws_sqs_queue as a whole"),
        ("(var.b ? aws_sqs_queue.a[0] : aws_sqs_queue.b[0]).arm", "aws_sqs_queue as a whole"),
        ("[for q in concat(aws_sqs_queue.a, aws_sqs_queue.b) : q.arm]", "aws_sqs_queue as a whole"),
        ("[for q in [aws_sqs_queue.a, aws_sqs_queue.b] : q.arm]", "aws_sqs_queue as a whole"),
        ("length([for q in concat(aws_sqs_queue.a) : q.arm])", "aws_sqs_queue as a whole"),
        ("merge(aws_sqs_queue.a, {}).arm", "aws_sqs_queue as a whole"),
        ('aws_sqs_queue.a[0]["arm"]', "aws_sqs_queue as a whole"),
        ('provider::aws::arn_parse("a")', "functions of a provider"),
    ],
)
def test_expressions_that_are_not_read(expression: str, says: str) -> None:
    """What the reader does not follow is refused, so that no use is passed over."""
    with pytest.raises(ValueError, match=rf"a\.tf: output a: this reader does not .*{says}"):
        read_text("a.tf", f'output "a" {{\n  value = {expression}\n}}\n')


EACH = "{\n  for_each = aws_sqs_queue.b\n  name = each.value.arm\n}\n"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (f"{QUEUE} {EACH}", "each.value"),
        (f'module "a" {EACH}', "each.value"),
        (f"import {EACH}", "each.value"),
        (
            f'{NAMED}dynamic "ttl" {{\nfor_each = aws_sqs_queue.b\ncontent {{\n}}\n}}\n}}\n',
            "each.value",
        ),
        (f"{QUEUE} {{\n  for_each = {{ for k, q in aws_sqs_queue.b : k => q }}\n}}\n", "a whole"),
        ("locals {\n  a = { b = aws_sqs_queue.b }\n}\n", "a whole"),
        ("locals {\n  a = var.b ? aws_sqs_queue.b[0] : null\n}\n", "a whole"),
        ('ephemeral "aws_secretsmanager_secret_version" "a" {}\n', "ephemeral"),
    ],
)
def test_blocks_that_are_not_read(text: str, says: str) -> None:
    """Nor are blocks passed over."""
    with pytest.raises(ValueError, match=rf"a\.tf: .*: this reader does not .*{says}"):
        read_text("a.tf", text)


@pytest.mark.slow
def test_what_is_deprecated(pulumi: Pulumi) -> None:
    """It is found with the provider's own words, unless an allowance that is used names it."""
    uses = read_text("a.tf", 'output "a" {\n  value = data.aws_region.a[0].name\n}\n')
    name = "data.aws_region.name"
    assert list(find_deprecated(uses, pulumi)) == [
        f"a.tf: output a: {name} is deprecated: name is deprecated. Use region instead."
    ]
    assert list(find_deprecated(uses, pulumi, [name])) == []
    assert list(find_deprecated([], pulumi, [name])) == [
        f"{name}: nothing uses the allowance for what is deprecated; remove it"
    ]


@pytest.mark.slow
def test_what_is_deprecated_in_a_block(pulumi: Pulumi) -> None:
    """A name in a block is judged too, though Pulumi calls a list by its plural."""
    text = f'{TABLE} {{\nlocal_secondary_index {{\nname = "a"\n}}\nglobal_secondary_index {{\n'
    uses = read_text("a.tf", f'{text}hash_key = "a"\n}}\n}}\n')
    (problem,) = find_deprecated(uses, pulumi)
    assert "aws_dynamodb_table.global_secondary_index.hash_key is deprecated" in problem
