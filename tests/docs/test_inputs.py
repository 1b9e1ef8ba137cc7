"""docs/inputs.md says what variables*.tf and outputs.tf declare, and these say enough."""

import re
from pathlib import Path

import pytest

from scripts import inputs

ROOT = Path(__file__).parents[2]
VARIABLES = """
variable "name" {
  description = "Names \\"everything\\", <name> included: 1 to 64 letters | digits, - and _."
  type        = string
}

variable "processor" {
  description = <<-EOT
    Your code. Called once
    per key, as `"$${path.module}/<x>"`.
  EOT
  type        = string
  default     = null
}

variable "queue" {
  description = <<-EOT
    The queue, its dead-letter
    queue; null for none.
    - `fifo`: whether it is "FIFO".
    - `batch_size` (1 to 10000 (above 10: `|` or `(` needs a window)): messages
      per invocation:
      at most.
    - `existing.arn` (of an SQS queue): a queue that exists.
    - `existing.dead_letter_queue.url` (a URL): where its dead letters go.
    - `writers` (at most 10,
      by AWS's quota): the senders.
    - `writers.service` (`s3` | `sns`): the service.
    - `writers.labels`: their names.
  EOT
  default     = {}

  type = object({
    batch_size = optional(number, 10) # a comment
    existing = optional(object({
      arn               = string
      dead_letter_queue = object({ url = optional(string) })
    }))
    # Two words, and a default of several lines.
    fifo = optional(bool, false)
    writers = optional(list(object({
      labels = optional(map(string), {
        a = "b|c"
      })
      service = string
    })), [])
  })

  validation {
    condition     = alltrue([for writer in var.queue.writers : writer.service != "s3"])
    error_message = "queue.writers = ${jsonencode(var.queue.writers)}. Remove s3."
  }
}

variable "streams" {
  description = <<-EOT
    Streams by name.
    - `arn` (of a stream): which one.
  EOT
  type        = map(object({ arn = string }))
  default     = {}
}
"""
INPUTS = """\
| input | type | default | description |
| --- | --- | --- | --- |
| `name` | `string` | required | Names "everything", &lt;name> included: 1 to 64 letters \\| \
digits, - and _. |
| `processor` | `string` | `null` | Your code. Called once per key, as `"${path.module}/<x>"`. |

**`queue`**: `object`, default `{}`. The queue, its dead-letter queue; null for none.

| attribute | type | default | limit | description |
| --- | --- | --- | --- | --- |
| `fifo` | `bool` | `false` |  | whether it is "FIFO". |
| `batch_size` | `number` | `10` | 1 to 10000 (above 10: `\\|` or `(` needs a window) | messages \
per invocation: at most. |
| `existing` | `object` | `null` |  | the attributes below |
| `existing.arn` | `string` | required | of an SQS queue | a queue that exists. |
| `existing.dead_letter_queue` | `object` | required |  | the attributes below |
| `existing.dead_letter_queue.url` | `string` | `null` | a URL | where its dead letters go. |
| `writers` | `list(object)` | `[]` | at most 10, by AWS's quota | the senders. |
| `writers.service` | `string` | required | `s3` \\| `sns` | the service. |
| `writers.labels` | `map(string)` | `{ a = "b\\|c" }` |  | their names. |

**`streams`**: `map(object)`, default `{}`. Streams by name.

| attribute | type | default | limit | description |
| --- | --- | --- | --- | --- |
| `arn` | `string` | required | of a stream | which one. |"""
OUTPUTS = """
output "queue" {
  description = "The queue; null for none."
  value       = { arn = local.arn }
}

output "streams" {
  description = <<-EOT
    The streams,
    by name.
  EOT
  value = { for name, stream in local.streams : name => { arn = stream.arn } }
}

output "name" {
  description = "The name, of a | b."
  value       = var.name
}
"""
RESULTS = """\
| output | what |
| --- | --- |
| `queue` | The queue; null for none. |
| `streams` | The streams, by name. |
| `name` | The name, of a \\| b. |"""
SHAPE = "a bullet is not `attribute`: text, nor `attribute` (limit): text"
PAGE = """before
<!-- begin generated: inputs -->
<!-- end generated: inputs -->
between
<!-- begin generated: outputs -->
<!-- end generated: outputs -->
after
"""
WRITTEN = f"""before
<!-- begin generated: inputs -->

{INPUTS}

<!-- end generated: inputs -->
between
<!-- begin generated: outputs -->

{RESULTS}

<!-- end generated: outputs -->
after
"""


def test_the_page_is_up_to_date() -> None:
    """Every input and output is described in full, and the page's tables say just that."""
    assert inputs.write_page() == (ROOT / inputs.PAGE).read_text(), "make docs"


def test_nothing_is_overlooked() -> None:
    """The parser finds as many variables, optional attributes and outputs as the files have."""
    text = "\n".join(path.read_text() for path in sorted(ROOT.glob("variables*.tf")))
    found = inputs.read_variables()
    names = re.findall(r'^variable "(\w+)"', text, re.MULTILINE)
    assert [variable.name for variable in found] == sorted(names)
    optional = [each for variable in found for each in variable.attributes if each.default]
    assert len(optional) == re.sub("#.*", "", text).count("= optional(") > 30
    text = (ROOT / "outputs.tf").read_text()
    names = re.findall(r'^output "(\w+)"', text, re.MULTILINE)
    assert list(inputs.parse_outputs(text)) == names


def test_inputs() -> None:
    """Types, defaults, limits and descriptions of inputs become tables."""
    found = tuple(inputs.parse_variables(VARIABLES))
    assert list(inputs.find_defects(found, {})) == []
    assert inputs.write_inputs(found) == INPUTS


def test_every_file_of_variables(tmp_path: Path) -> None:
    """Variables are read from every file that holds some, and come by name."""
    first, rest = VARIABLES.split('variable "processor"')
    (tmp_path / "variables.tf").write_text('variable "processor"' + rest)
    (tmp_path / "variables-name.tf").write_text(first)
    assert inputs.read_variables(tmp_path) == tuple(inputs.parse_variables(VARIABLES))


def test_outputs() -> None:
    """Outputs become a table with the attributes of their values."""
    found = inputs.parse_outputs(OUTPUTS)
    assert list(inputs.find_defects((), found)) == []
    assert inputs.write_outputs(found) == RESULTS


def test_outputs_name_their_attributes() -> None:
    """The description of an output names each attribute of its value, and no other."""
    text = (ROOT / "outputs.tf").read_text()
    blocks = re.split(r"^output ", text, flags=re.MULTILINE)[1:]
    for description, block in zip(inputs.parse_outputs(text).values(), blocks, strict=True):
        attributes = re.findall(r"^ {4,}(\w+) +=", block, re.MULTILINE)
        assert set(re.findall(r"`(\w+)`", description)) == set(attributes)
    assert attributes == ["arn", "name"]


def changed(text: str, old: str, new: str) -> str:
    """Return a text in which something that it contains once is replaced."""
    assert text.count(old) == 1
    return text.replace(old, new)


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        (
            '    - `fifo`: whether it is "FIFO".\n',
            "",
            ["queue: 0 bullets say what fifo is"],
        ),
        (
            "    - `existing.dead_letter_queue.url` (a URL): where its dead letters go.\n",
            "",
            ["queue: 0 bullets say what existing.dead_letter_queue.url is"],
        ),
        (
            "`fifo`:",
            "`fofi`:",
            [
                f'queue: {SHAPE}: `fofi`: whether it is "FIFO".',
                "queue: 0 bullets say what fifo is",
            ],
        ),
        (
            "- `writers.labels`: their",
            "- `fifo` (any): their",
            ["queue: 2 bullets say what fifo is", "queue: 0 bullets say what writers.labels is"],
        ),
        (
            "    fifo = optional",
            "    lifo = optional(bool)\n    fifo = optional",
            ["queue: 0 bullets say what lifo is"],
        ),
        (
            "- `arn` (of a stream): which",
            "- the arn (of a stream): which",
            [
                f"streams: {SHAPE}: the arn (of a stream): which one.",
                "streams: 0 bullets say what arn is",
            ],
        ),
        (
            "- `arn` (of a stream): which one.",
            "- `arn` (of a stream):",
            [
                f"streams: {SHAPE}: `arn` (of a stream):",
                "streams: 0 bullets say what arn is",
            ],
        ),
        (
            "    Streams by name.\n",
            "",
            ["streams: it has no description before the bullets"],
        ),
    ],
)
def test_defects(old: str, new: str, found: list[str]) -> None:
    """The check reports what a description lacks or names wrongly."""
    wrong = list(inputs.find_defects(inputs.parse_variables(changed(VARIABLES, old, new)), {}))
    assert wrong == [f"variable {each}" for each in found]


def test_every_description_is_missed() -> None:
    """A variable and an output without a description are reported."""
    bare = inputs.parse_variables('variable "a" {\n}\n')
    outputs = inputs.parse_outputs('output "b" {\n  value = 1\n}\n')
    assert list(inputs.find_defects(bare, outputs)) == [
        "variable a: it has no description before the bullets",
        "output b: it has no description",
    ]


@pytest.fixture
def module(tmp_path: Path) -> Path:
    """A directory with a module and a page whose tables are up to date."""
    (tmp_path / "variables.tf").write_text(VARIABLES)
    (tmp_path / "outputs.tf").write_text(OUTPUTS)
    (tmp_path / "docs").mkdir()
    (tmp_path / inputs.PAGE).write_text(WRITTEN)
    return tmp_path


def test_written(module: Path) -> None:
    """The tables are written between their markers, and a second time change nothing."""
    assert inputs.write_page(module) == WRITTEN
    (module / inputs.PAGE).write_text(PAGE)
    assert inputs.write_page(module) == WRITTEN


@pytest.mark.parametrize(
    ("name", "change", "line"),
    [
        (
            inputs.PAGE,
            ("their names", "names"),
            '| `writers.labels` | `map(string)` | `{ a = "b\\|c" }` |  | their names. |',
        ),
        (inputs.PAGE, (INPUTS, ""), "| `arn` | `string` | required | "),
        ("variables.tf", ("(number, 10)", "(number, 11)"), "| `batch_size` | `number` | `11` | "),
        ("variables.tf", ("bool, false", "number, 0"), "| `fifo` | `number` | `0` | "),
        (
            "variables.tf",
            ("which one", "what"),
            "| `arn` | `string` | required | of a stream | what. |",
        ),
        ("outputs.tf", ("The queue;", "The queue,"), "| `queue` | The queue, null for none. |"),
    ],
)
def test_stale(module: Path, name: str, change: tuple[str, str], line: str) -> None:
    """A stale page gets the present lines."""
    path = module / name
    path.write_text(changed(path.read_text(), *change))
    before = (module / inputs.PAGE).read_text()
    page = inputs.write_page(module)
    assert f"\n{line}" in page
    assert f"\n{line}" not in before


def test_refused(module: Path) -> None:
    """From descriptions that leave something out no tables are made."""
    path = module / "variables.tf"
    path.write_text(changed(path.read_text(), "- `fifo`:", "- fifo:"))
    with pytest.raises(ValueError, match="queue: 0 bullets say what fifo is"):
        inputs.write_page(module)


def test_markers_are_needed(module: Path) -> None:
    """A page without the markers is an error, and no silent loss of tables."""
    (module / inputs.PAGE).write_text(changed(PAGE, "<!-- end generated: outputs -->", ""))
    with pytest.raises(ValueError, match="generated: outputs"):
        inputs.write_page(module)
