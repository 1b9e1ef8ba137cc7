"""Schemas of the AWS provider, out of generated bindings, whose code is parsed and never runs."""

import ast
import re
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

from tests.module.terraform_uses import META, OWN_BLOCKS, Target

ADDED = {*META, *OWN_BLOCKS, "internal_value", "provisioners"}
"""The properties that CDKTF adds to the names of the provider."""

RENAMED = {
    "aws_cloudwatch_metric_alarm.alarm_name": "name",
    "aws_lambda_function.filename": "code",
    "aws_lambda_function.function_name": "name",
    "aws_lambda_layer_version.filename": "code",
    "aws_lambda_permission.function_name": "function",
    "aws_sns_topic_subscription.topic_arn": "topic",
}
"""The names that Pulumi changes beyond the plural of a list."""

CLASS = re.compile(r"^class (\w+).*\n(?:[ )].*\n|\n)*", re.MULTILINE)
"""A class: its first line, and all lines that are indented or close its list of bases."""


class Name(NamedTuple):
    """A name in a schema. `inner` is the class of the names below it; a plain value has none."""

    inner: str = ""
    required: bool = False
    deprecated: str = ""
    text: str = ""


Names = dict[str, Name]


class File:
    """A file of bindings: its source, and the source of its classes by name."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.classes = {match[1]: match[0] for match in CLASS.finditer(text)}

    @cache  # noqa: B019 - files stay as long as the tests run
    def parse(self, name: str) -> ast.ClassDef:
        """Parse a class; few of them are ever needed."""
        (node,) = ast.parse(self.classes[name]).body
        assert isinstance(node, ast.ClassDef)
        return node

    def list_properties(self, name: str) -> Iterator[ast.FunctionDef]:
        """List the properties of a class."""
        for node in self.parse(name).body:
            if isinstance(node, ast.FunctionDef) and any(
                isinstance(each, ast.Attribute) and each.attr == "property"
                for each in node.decorator_list
            ):
                yield node


open_wheel = cache(zipfile.ZipFile)


@cache
def read(wheel: Path, name: str) -> File | None:
    """Read a file in a wheel; None if there is no such file."""
    try:
        return File(open_wheel(wheel).read(f"{wheel.name.partition('-')[0]}/{name}").decode())
    except KeyError:
        return None


class Schema(ABC):
    """The names of one version of the provider."""

    def __init__(self, wheel: Path) -> None:
        self.wheel = wheel

    def find(self, target: Target, *, sets: bool) -> Name | None:
        """Return the name that a file sets or reads, or None if the schema does not have it."""
        *path, last = target.path
        parent = self.list_names(target._replace(path=tuple(path)), sets=sets)
        return Name() if parent == {} else (parent or {}).get(last)

    @abstractmethod
    def list_names(self, target: Target, *, sets: bool) -> Names | None:
        """List the names below a target, or return None if there is no such target.

        There are none below a plain value.
        """


class Bindings(Schema):
    """The bindings for CDK Terrain, or for CDKTF, where it comes from."""

    @property
    def version(self) -> str:
        """The version of the provider that they say they are made from."""
        file = self._read("sqs_queue")
        return re.findall(r"hashicorp/aws/([\d.]+)/docs", file.text if file else "")[0]

    def _read(self, folder: str) -> File | None:
        return read(self.wheel, f"{folder}/__init__.py")

    def list_names(self, target: Target, *, sets: bool) -> Names | None:
        """List the names that a file may set, or may read."""
        folders = {"data": f"data_{target.type}", "provider": "provider"}
        file = self._read(folders.get(target.kind, target.type.removeprefix("aws_")))
        if file is None:
            return None
        name = find_class(file, target.type)
        names = list_bound_names(file, f"{name}Config" if sets else name)
        for step in target.path:
            if not names:
                break  # below a plain value, which may be a map
            if step not in names:
                return None
            inner = names[step].inner
            names = list_bound_names(file, inner) if inner else {}
        return names


@cache
def find_class(file: File, type_: str) -> str:
    """Find the class that says that it is the resource, data source or provider."""
    represents = re.compile(rf"Represents a \{{@link \S+ {type_}\}}")
    (name,) = (name for name, text in file.classes.items() if represents.search(text))
    return name


@cache
def list_bound_names(file: File, class_name: str) -> Names:
    """List the names that a class of the bindings holds."""
    properties = {node.name: node for node in file.list_properties(class_name)}
    return {
        read_name(node): Name(
            inner=find_inner(file, node.returns),
            required="typing.Optional" not in ast.unparse(node.returns or ast.Tuple()),
        )
        for name, node in properties.items()
        if name not in ADDED
        # What was set as `name` can be read as `name_input`.
        and not (name.endswith("_input") and name.removesuffix("_input") in properties)
    }


def read_name(node: ast.FunctionDef) -> str:
    """Return the name in Terraform, which is at the end of the link to the documentation."""
    link = re.search(r"#(\w+) \w+#\1\b", ast.get_docstring(node, clean=False) or "")
    return link[1] if link else node.name


def find_inner(file: File, annotation: ast.expr | None) -> str:
    """Return the class of the file that an annotation names, or of the items of a list."""
    for node in ast.walk(annotation or ast.Tuple()):
        name = node.value if isinstance(node, ast.Constant) else getattr(node, "id", "")
        if name in file.classes:
            is_list = re.match(r"class \w+\(\s*\w+\.ComplexList\b", file.classes[name])
            return f"{name.removesuffix('List')}OutputReference" if is_list else name
    return ""


class Pulumi(Schema):
    """Pulumi's bindings, which change some names. They keep the documentation and deprecations."""

    def list_names(self, target: Target, *, sets: bool) -> Names | None:  # noqa: ARG002
        """List all names: what a file may set, it may read, too."""
        found = self._find_file(target)
        if found is None:
            return None
        folder, file, name = found
        names = list_documented_names(file, name)
        for number in range(len(target.path)):
            if not names:
                break
            below = self._match(names, target._replace(path=target.path[: number + 1]))
            if below is None:
                return None
            outputs = read(self.wheel, f"{folder}outputs.py")
            names = list_documented_names(outputs, below.inner) if outputs and below.inner else {}
        return names

    def find(self, target: Target, *, sets: bool) -> Name | None:
        """Return the name that a target ends with."""
        names = self.list_names(target._replace(path=target.path[:-1]), sets=sets)
        return Name() if names == {} else self._match(names or {}, target)

    @staticmethod
    def _match(names: Names, target: Target) -> Name | None:
        last = target.path[-1]
        if target.kind == "resource" and target.path == ("id",):
            return Name()  # Pulumi's own, for every resource
        plurals = f"{last}s", f"{last}es", f"{last[:-1]}ies"
        spellings = [last, RENAMED.get(str(target), ""), *plurals]
        return next((names[each] for each in spellings if each in names), None)

    def _find_file(self, target: Target) -> tuple[str, File, str] | None:
        """Return the folder, the file and the class; the folder is a service, often EC2."""
        words = target.type.removeprefix("aws_").split("_")
        prefix = "get_" if target.kind == "data" else ""
        places = [("", words), ("ec2/", words)]
        places += [("_".join(words[:number]), words[number:]) for number in range(1, len(words))]
        for service, rest in places:
            folder = "lambda_/" if service == "lambda" else f"{service.rstrip('/')}/".lstrip("/")
            file = read(self.wheel, f"{folder}{prefix}{'_'.join(rest)}.py")
            pascal = "".join(word.capitalize() for word in rest)
            name = f"Get{pascal}Result" if prefix else pascal
            if file and name in file.classes:
                return folder, file, name
        return None


@cache
def list_documented_names(file: File, class_name: str) -> Names:
    """List the names that a class of Pulumi's bindings holds."""
    return {
        node.name: Name(
            inner="".join(
                re.findall(r"'outputs\.(\w+)'", ast.unparse(node.returns or ast.Tuple()))
            ),
            deprecated="".join(
                ast.literal_eval(each.args[0])
                for each in node.decorator_list
                if isinstance(each, ast.Call)
                and isinstance(each.func, ast.Attribute)
                and each.func.attr == "deprecated"
            ),
            text=ast.get_docstring(node) or "",
        )
        for node in file.list_properties(class_name)
    }
