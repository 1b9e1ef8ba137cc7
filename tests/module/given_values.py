"""Modules whose inputs have values as teams give them: sensitive, unknown, null, wrong.

A *place* is an input, an attribute of one, or an element of a collection (``[]``), such as
``queue.allowed_senders.[].source_arn``. All places come from the declared types of the inputs.
The places that need a value by hand have it in ``EXAMPLES``.
"""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, TypeAlias

from scripts.inputs import Variable, parse_outputs
from scripts.support.terraform import OFFLINE, Terraform, environment
from tests.inputs import read_inputs
from tests.module.stacks import OFFLINE_PROVIDER, ROOT, copy_module

Value: TypeAlias = "str | list[Value] | dict[str, Value] | None"
"""A value of Terraform: an expression, or the parts of one. None is the usual value."""

SECRET: Final = "hush"
"""A text that only values at the place under test contain."""

COLLECTION: Final = re.compile(r"(?P<kind>list|set|map)\((?P<element>.+)\)")
AWS: Final = "eu-central-1:123456789012"
SQS: Final = f'"arn:aws:sqs:{AWS}'
ARNS: Final = {
    "alarms": f'"arn:aws:sns:{AWS}:NAME"',
    "layer": f'"arn:aws:lambda:{AWS}:layer:NAME:1"',
    "policy": '"arn:aws:iam::123456789012:policy/NAME"',
    "topic": f'"arn:aws:sns:{AWS}:NAME"',
}
WRONG: Final = f"""\
locals {{
  wrong_string = sensitive("?{SECRET} {{")
  wrong_number = sensitive(-7.25)
}}
"""
"""Values that most rules refuse. They are apart, because an error shows a module's argument."""

EXAMPLES: Final[Mapping[str, Value]] = {
    # By the last part of the path, for every input that has it.
    "actions": '"sqs:SendMessage"',
    "conditions": '"NAME"',
    "kms_key_arn": f'"arn:aws:kms:{AWS}:key/NAME"',
    "max_receive_count": "5",
    "message_retention_seconds": "86400",
    "name": '"NAME"',
    "principals": '"arn:aws:iam::123456789012:role/NAME"',
    "resources": f'"arn:aws:dynamodb:{AWS}:table/NAME"',
    "service": '"sns"',
    "sid": '"NAME"',
    "source_arn": ARNS["topic"],
    "timeout_seconds": "30",
    "visibility_timeout_seconds": "600",
    # By the whole path.
    "alarms.actions": ARNS["alarms"],
    "alarms.disabled": '"parked"',
    "alarms.evaluation_periods": "2",
    "alarms.iterator_age_seconds": "900",
    "alarms.message_age_seconds": "900",
    "alarms.ok_actions": ARNS["alarms"],
    "code.build_dir": '"build-NAME"',
    "code.filename": '"own-NAME.zip"',
    "code.image.uri": '"123456789012.dkr.ecr.eu-central-1.amazonaws.com/NAME:1"',
    "code.requirements": '"NAME.txt"',
    "code.s3.bucket": '"NAME-bucket"',
    "code.s3.key": '"NAME.zip"',
    "code.s3.object_version": '"NAME"',
    "code.s3.source_code_hash": f'"{"A" * 39}NAME="',
    "code.source_dir": '"src-NAME"',
    "function.alias": '"NAME"',
    "function.alias_weights": "0.5",
    "function.environment": '"NAME"',
    "function.existing.arn": f'"arn:aws:lambda:{AWS}:function:NAME"',
    "function.layers": ARNS["layer"],
    "function.permissions_boundary_arn": ARNS["policy"],
    "function.provisioned_concurrency": "1",
    "function.reserved_concurrency": "10",
    "function.role.managed_policy_arns": ARNS["policy"],
    "function.vpc.security_group_ids": '"sg-NAME"',
    "function.vpc.subnet_ids": '"subnet-NAME"',
    "function.wrapper": '"NAME.handler"',
    "idempotency.key": '"body.NAME"',
    "idempotency.log": '"problems"',
    "idempotency.metrics": "true",
    "idempotency.metrics_by_decorated_name": "true",
    "idempotency.namespace": '"NAME"',
    "idempotency.retention_seconds": "5000000",
    "logs.class": '"STANDARD"',
    "processor": '"orders.process"',
    "queue.deduplication_scope": '"messageGroup"',
    "queue.dead_letter_queue.message_retention_seconds": "1209600",
    "queue.existing.arn": f'{SQS}:NAME"',
    "queue.existing.dead_letter_queue.arn": f'{SQS}:dead"',
    "queue.existing.dead_letter_queue.message_retention_seconds": "1209600",
    "queue.existing.dead_letter_queue.url": '"https://NAME.example/123456789012/dead"',
    "queue.fifo_throughput_limit": '"perMessageGroupId"',
    "queue.filters": 'jsonencode({ body = { team = ["NAME"] } })',
    "queue.maximum_concurrency": "5",
    "queue.provisioned_poller_config.maximum_pollers": "5",
    "queue.provisioned_poller_config.minimum_pollers": "5",
    "queue.unwrap": '"sns"',
    "streams.arn": f'"arn:aws:kinesis:{AWS}:stream/NAME"',
    "streams.failure_destination_arn": f'{SQS}:NAME-failed"',
    "streams.filters": 'jsonencode({ data = { team = ["NAME"] } })',
    "streams.source": '"kinesis"',
    "streams.starting_position_timestamp": '"2025-01-31T12:00:00Z"',
    "table.existing.arn": f'"arn:aws:dynamodb:{AWS}:table/NAME"',
    "table.max_read_request_units": "100",
    "table.max_write_request_units": "100",
    "table.provisioned.read_units": "5",
    "table.provisioned.write_units": "5",
    "tags": '"NAME"',
}
"""Valid values; a collection has its element here. NAME becomes SECRET at the place."""

KEYS: Final[Mapping[str, Sequence[str]]] = {
    "alias_weights": ("1",),
    "conditions": ("StringEquals", "aws:PrincipalTag/team"),
    "environment": ("LEDGER",),
    "evaluation_periods": ("errors",),
    "principals": ("AWS",),
}
"""The keys of maps, the outer ones first; others have "one"."""

COMPANIONS: Final[Mapping[str, Mapping[str, Value]]] = {
    # The whole object.
    "alarms=": {"alarms.actions": None},
    "code=": {"code.source_dir": None},
    "function=": {"function.environment": None, "function.policy_statements": None},
    "queue=": {"queue.allowed_senders": None, "queue.filters": None},
    "table=": {"table.existing": None},
    # An attribute, and everything in it.
    "alarms.ok_actions": {"alarms.actions": [ARNS["alarms"]]},
    **{
        f"code.{name}": {"code.source_dir": '"src-NAME"'}
        for name in ("build_dir", "exclude", "python", "requirements")
    },
    "function.alias_weights": {"function.alias": '"live"'},
    "function.existing": {"code": "null"},
    "function.handler": {"processor": "null", "function.handler": '"orders.process"'},
    "function.provisioned_concurrency": {"function.alias": '"live"'},
    "function.reserved_concurrency": {"queue.maximum_concurrency": "5"},
    "function.wrapper": {"function.layers": [ARNS["layer"]]},
    "queue.content_based_deduplication": {"queue.fifo": "true"},
    "queue.deduplication_scope": {"queue.fifo": "true"},
    "queue.fifo_throughput_limit": {
        "queue.fifo": "true",
        "queue.deduplication_scope": '"messageGroup"',
    },
    "queue.visibility_timeout_seconds": {"queue.message_retention_seconds": "345600"},
    "streams.starting_position": {"streams.starting_position_timestamp": "null"},
    "streams.starting_position_timestamp": {"streams.starting_position": '"AT_TIMESTAMP"'},
}
"""Other attributes that a place needs, by the place or what it is part of."""

BASE: Final[Mapping[str, Value]] = {
    "name": '"NAME"',
    "code": {"source_dir": '"src-NAME"'},
    "processor": '"orders.process"',
}


def list_places() -> Iterator[tuple[str, str, bool]]:
    """List every place of the inputs, with its type, and whether null is not its default."""
    for variable in read_inputs().values():
        types = {"": variable.type} | {item.path: item.type for item in variable.attributes}
        required = {item.path for item in variable.attributes if not item.default}
        for path, kind in types.items():
            place = ".".join(filter(None, [variable.name, *_mark_elements(path, types)]))
            yield place, kind, path in required or not (path or variable.default)
            element, elements = kind, place
            while match := COLLECTION.fullmatch(element):
                element, elements = match["element"], f"{elements}.[]"
                yield elements, element, True


def _mark_elements(path: str, types: Mapping[str, str]) -> Iterator[str]:
    """Yield the parts of a path, and [] after each collection on its way."""
    names = path.split(".") if path else []
    for depth in range(len(names) + 1):
        if depth:
            yield names[depth - 1]
        if depth < len(names):
            yield from ["[]"] * types[".".join(names[:depth])].count("(")


def find_example(path: str, default: str) -> str | None:
    """Find a valid value of an attribute, or of the elements of a collection."""
    found = EXAMPLES.get(path, EXAMPLES.get(path.rpartition(".")[2], default))
    return found if isinstance(found, str) and found not in {"", "null", "[]", "{}"} else None


def find_missing() -> list[str]:
    """Find the attributes that have no valid value, neither by hand nor by default."""
    missing = []
    for variable in read_inputs().values():
        items = [(variable.name, variable.type, variable.default)] + [
            (f"{variable.name}.{item.path}", item.type, item.default)
            for item in variable.attributes
        ]
        for path, kind, default in items:
            if "object" not in kind and find_example(path, _read_default(kind, default)) is None:
                missing.append(path)
    return missing


def _read_default(kind: str, default: str) -> str:
    """Return a default that is a valid value: for a collection, its first element."""
    if COLLECTION.fullmatch(kind):
        return next(iter(re.findall(r'"[^"]*"', default)), "")
    return default


class Builder:
    """Builds the value of one variable: required attributes, and the ones that are wanted."""

    def __init__(self, variable: Variable, wanted: Mapping[str, Value]) -> None:
        self.variable = variable
        self.wanted = wanted
        self.types = {item.path: item.type for item in variable.attributes}
        self.defaults = {item.path: item.default for item in variable.attributes}

    def build(self, kind: str, path: str, keys: Sequence[str] = ()) -> Value:
        """Build a value of a type; ``path`` is without ``[]``."""
        whole = f"{self.variable.name}.{path}".rstrip(".")
        given = self.wanted.get(whole)
        if given is not None:
            return given
        if match := COLLECTION.fullmatch(kind):
            keys = keys or KEYS.get(path.rpartition(".")[2], ())
            element = self.build(match["element"], path, keys[1:])
            return {keys[0] if keys else "one": element} if match["kind"] == "map" else [element]
        if kind == "object":
            return {
                name: self.build(self.types[inner], inner)
                for inner, name in self._list_inner(path)
                if not self.defaults[inner] or self._is_wanted(inner)
            }
        declared = self.types.get(path, self.variable.type)
        default = self.defaults.get(path, self.variable.default)
        return find_example(whole, _read_default(declared, default)) or "null"

    def _list_inner(self, path: str) -> Iterator[tuple[str, str]]:
        for inner in self.types:
            above, _, name = inner.rpartition(".")
            if above == path:
                yield inner, name

    def _is_wanted(self, path: str) -> bool:
        whole = f"{self.variable.name}.{path}"
        return any(f"{name}.".startswith(f"{whole}.") for name in self.wanted)


def write_module(place: str, change: str) -> str:
    """Write the arguments of a module whose value at a place is changed.

    Args:
        place: such as ``queue.filters.[]``.
        change: an expression, in which ``VALUE`` is the valid value.
    """
    path = place.replace(".[]", "")
    name = path.partition(".")[0]
    wanted: dict[str, Value] = {path: None}
    base = dict(BASE)
    for start, others in COMPANIONS.items():
        if f"{path}=" == start or f"{path}.".startswith(f"{start}."):
            for other, value in others.items():
                wanted[other] = value if "." in other else None
                if "." not in other:
                    base[other] = value
    arguments = dict(base)
    for variable in {each.partition(".")[0] for each in wanted}:
        if variable not in base or variable == name:
            declared = read_inputs()[variable]
            arguments[variable] = Builder(declared, wanted).build(declared.type, "")
    lines = []
    for argument, value in arguments.items():
        steps = place.split(".")[1:] if argument == name else None
        lines.append(f"  {argument} = {_render(value, steps, change)}")
    return "\n".join(lines)


def _render(value: Value, steps: Sequence[str] | None, change: str, name: str = "plain") -> str:
    """Render a value, with the change at the end of the steps (None: not in this value)."""
    assert value is not None
    if steps is not None and not steps:
        return change.replace("VALUE", _render(value, None, "", SECRET))
    if isinstance(value, str):
        return value.replace("NAME", name)
    if isinstance(value, list):
        inner = steps[1:] if steps else None
        return f"[{', '.join(_render(item, inner, change, name) for item in value)}]"
    entries = []
    for key, item in value.items():
        inner = steps[1:] if steps and steps[0] in {key, "[]"} else None
        quoted = key if key.isidentifier() else f'"{key}"'
        entries.append(f"{quoted} = {_render(item, inner, change, name)}")
    return f"{{ {', '.join(entries)} }}"


def list_outputs() -> set[str]:
    """List the names of the module's outputs."""
    return set(parse_outputs((ROOT / "outputs.tf").read_text(encoding="utf-8")))


def make_stack(directory: Path, modules: Mapping[str, str], outputs: Iterable[str]) -> Terraform:
    """Make a stack of modules, each with its arguments, ready to plan.

    The stack also has the named outputs of each module. An error in a module has the name of the
    module in its file.
    """
    source = copy_module(directory / "source")
    files = [*source.glob("*.tf"), source / "handler", source / "scripts"]
    stack = directory / "stack"
    for text in ("plain", SECRET):
        (stack / f"src-{text}").mkdir(parents=True)
        (stack / f"src-{text}" / "orders.py").write_text("def process(message): ...\n")
        (stack / f"{text}.txt").write_text("")
        (stack / f"own-{text}.zip").write_text("a placeholder for a zip")
    blocks = [
        OFFLINE_PROVIDER,
        'resource "terraform_data" "later" {\n  input = "known"\n}\n',
        WRONG,
    ]
    for name, arguments in modules.items():
        (stack / "modules" / name).mkdir(parents=True)
        for file in files:
            (stack / "modules" / name / file.name).symlink_to(file)
        blocks.append(f'module "{name}" {{\n  source = "./modules/{name}"\n{arguments}\n}}\n')
        values = ", ".join(f"module.{name}.{output}" for output in outputs)
        blocks.append(f'output "{name}" {{\n  value = jsonencode([{values}])\n}}\n')
    (stack / "stack.tf").write_text("\n".join(blocks), encoding="utf-8")
    terraform = Terraform(directory=stack, environment=environment(OFFLINE))
    terraform.init("-backend=false")
    return terraform
