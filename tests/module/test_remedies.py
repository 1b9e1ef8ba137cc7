"""What a message says to set can be set: with its number, the wrong case plans."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.support.terraform import OFFLINE, Terraform, environment
from tests.module.stacks import OFFLINE_PROVIDER, ROOT, copy_module
from tests.module.test_rejections import BASE, CASES

REMEDIES: dict[str, tuple[str, dict[str, str]]] = {
    "more_concurrency_than_is_reserved": (
        "Set queue.maximum_concurrency to at most 10",
        {"queue": "queue = { maximum_concurrency = 10 }"},
    ),
    "reserved_concurrency_below_the_least_of_the_queue": (
        "raise function.reserved_concurrency to at least 2 and set queue.maximum_concurrency = 2",
        {
            "function": "function = { reserved_concurrency = 2 }",
            "queue": "queue = { maximum_concurrency = 2 }",
        },
    ),
    "reserved_concurrency_that_the_queue_may_exceed": (
        "or set queue.enabled = false",
        {"queue": "queue = { enabled = false }"},
    ),
    "more_pollers_than_reserved_concurrency": (
        "Raise function.reserved_concurrency to at least 30,",
        {"function": "function = { reserved_concurrency = 30 }"},
    ),
    "a_fifo_queue_with_a_name_of_63_characters": (
        "Shorten the name to 62",
        {"name": f'name = "{62 * "o"}"'},
    ),
    "a_fifo_queue_with_a_batch_above_ten": (
        "Lower the batch size",
        {"queue": "queue = { fifo = true, batch_size = 10 }"},
    ),
    "a_fifo_queue_with_a_batching_window": (
        "Set it to 0.",
        {"queue": "queue = { fifo = true, maximum_batching_window_in_seconds = 0 }"},
    ),
    "a_share_as_percentage": ("Set 80,", {"alarms": "alarms = { duration_percent = 80 }"}),
    "alarms_that_always_sound": (
        "Set at least 1,",
        {"alarms": "alarms = { errors = 1, message_age_seconds = 1 }"},
    ),
    "no_concurrency": ("Set 1 unless", {"idempotency": "idempotency = { concurrency = 1 }"}),
    "no_lease_margin": (
        "Set about 5,",
        {"idempotency": "idempotency = { lease_margin_seconds = 5 }"},
    ),
    "an_unknown_architecture": (
        "Choose arm64",
        {"function": 'function = { architecture = "arm64" }'},
    ),
    "a_runtime_below_the_floor": (
        'Set for example "python3.13"',
        {"function": 'function = { runtime = "python3.13" }'},
    ),
    "python_3_14_with_provider_5": (
        'set runtime = "python3.13"',
        {"function": 'function = { runtime = "python3.13" }'},
    ),
    "more_than_15_minutes_with_provider_5": (
        "lower the timeout to 900",
        {"function": "function = { timeout_seconds = 900 }"},
    ),
    "a_timeout_of_managed_instances_without_consent": (
        "Set it to at most 1800.",
        {
            "function": """function = { existing = {
              arn             = "arn:aws:lambda:eu-central-1:123456789012:function:charge"
              timeout_seconds = 1800
            } }"""
        },
    ),
    "messages_above_256_kib_with_provider_5": (
        "lower it to 262144",
        {"queue": "queue = { max_message_size_bytes = 262144 }"},
    ),
}
"""By the case of tests/rejections: what its message says, and the inputs that do so."""

WARNINGS = {
    'idempotency = { key = "order_id" }': (
        'idempotency.key = "order_id" names no field of a message, so the function would reject '
        "each one, or take all of them for one. Start with one of body, message_attributes, "
        "wrapped, attributes, "
    ),
    'idempotency = { key = "body..order_id[" }': (
        'idempotency.key = "body..order_id[" has a bracket or a quote without its other half'
    ),
    "idempotency = { retention_seconds = 1209599 }": (
        "idempotency.retention_seconds = 1209599 is below the 1209600 s for which the dead-letter "
        "queue keeps a message: if you redrive one after its record has expired, its side effect "
        "may happen again. Raise it to at least 1900800, or set null to have that derived."
    ),
    """queue = { existing = {
      arn                        = "arn:aws:sqs:eu-central-1:123456789012:jobs"
      max_receive_count          = 5
      message_retention_seconds  = 1209600
      visibility_timeout_seconds = 180
      dead_letter_queue = {
        arn                       = "arn:aws:sqs:eu-central-1:123456789012:failed"
        message_retention_seconds = 1209600
        url                       = "https://sqs.eu-central-1.amazonaws.com/123456789012/failed"
      }
    } }""": (
        "queue.existing and its dead-letter queue both keep a message for 1209600 s, and SQS counts"
    ),
    # What the warnings say to set.
    'idempotency = { key = "body.order_id", retention_seconds = 1900800 }': None,
}
"""What a plan says of these inputs; None for nothing."""

UNKNOWN = """
resource "aws_sqs_queue" "jobs" {
  name = "jobs"
}
resource "aws_sqs_queue" "failed" {
  name = "failed"
}
module "unknown" {
  source = "../source"
  name      = "orders"
  code      = { source_dir = "examples/quickstart/src" }
  processor = "orders.process"
  idempotency = { key = "body.order_id", retention_seconds = 1209600 }
  queue = { existing = {
    arn                        = aws_sqs_queue.jobs.arn
    max_receive_count          = 5
    message_retention_seconds  = 345600
    visibility_timeout_seconds = 180
    dead_letter_queue = {
      arn                       = aws_sqs_queue.failed.arn
      message_retention_seconds = 1209600
      url                       = aws_sqs_queue.failed.url
    }
  } }
}
"""


def list_numbered_remedies() -> Iterator[str]:
    """The sentences of the module's messages that name a number to set."""
    for path in sorted(ROOT.glob("*.tf")):
        # A text goes on in the next line, with or without the space between the two.
        text = re.sub(r' ?",\n\s*"', " ", path.read_text(encoding="utf-8"))
        # Descriptions advise; they are no remedy of a mistake.
        text = re.sub(r"<<-EOT.*?EOT\n", "", text, flags=re.DOTALL)
        number = r"(?:\b\d+\b|to at (?:least|most) \$)"
        verb = r"(?:Set|Raise|Lower|Choose|Shorten)\b"
        for found in re.finditer(rf'[.:;"] ?({verb}[^.;"\n]*{number}[^;"\n]*)', text):
            yield found[1]


def plan(directory: Path, blocks: list[str]) -> list[dict[str, object]]:
    """Plan module blocks, and return what terraform says."""
    stack = directory / "stack"
    source = copy_module(directory / "source")
    stack.mkdir()
    (stack / "examples").symlink_to(source / "examples")
    (stack / "stack.tf").write_text("\n".join([OFFLINE_PROVIDER, *blocks]), encoding="utf-8")
    terraform = Terraform(directory=stack, environment=environment(OFFLINE))
    terraform.init("-backend=false")
    output = terraform.run("plan", "-input=false", "-json", "-refresh=false")
    lines = map(json.loads, output.splitlines())
    return [line["diagnostic"] for line in lines if "diagnostic" in line]


def write_block(name: str, arguments: dict[str, str]) -> str:
    """Write a module block."""
    lines = ['source = "../source"', *{**BASE, **arguments}.values()]
    return f'module "{name}" {{\n' + "\n".join(lines) + "\n}\n"


@pytest.mark.terraform
def test_remedies_plan(tmp_path: Path) -> None:
    """Each case plans without a word after the change that its message names."""
    blocks = [
        write_block(name, {**CASES[name].variables, **changes})
        for name, (_, changes) in REMEDIES.items()
    ]
    assert plan(tmp_path, blocks) == []


def test_each_number_has_its_case() -> None:
    """Each remedy with a number is tried above."""
    tried = [said for said, _ in REMEDIES.values()]
    tried.append("Raise it to at least ")  # in WARNINGS
    for sentence in list_numbered_remedies():
        plain = re.sub(r"\$\{[^}]*\}", "", sentence)
        assert [
            said
            for said in tried
            if said in sentence or plain.startswith(said.rstrip("0123456789"))
        ], sentence


@pytest.mark.terraform
def test_warnings(tmp_path: Path) -> None:
    """A warning has the numbers and a remedy, and what it says to set plans without a warning."""
    blocks = [
        write_block(f"case{number}", {"changed": variables})
        for number, variables in enumerate(WARNINGS)
    ]
    found = plan(tmp_path, [*blocks, UNKNOWN])
    expected = sorted(filter(None, WARNINGS.values()))
    texts = sorted(str(one["detail"]) for one in found)
    assert [said in text for said, text in zip(expected, texts, strict=True)] == [True] * 4
    assert {one["severity"] for one in found} == {"warning"}
