"""Writes and applies stacks as another repository has them: their module comes from git."""

import json
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any, Final

from scripts.support.observation import Aws, remove_twins
from scripts.support.terraform import ROOT, Terraform

EXAMPLES: Final = ROOT / "examples"


def write_stack(
    directory: Path, base: Path, source: str, *, code: Iterable[Path] = (), tf: Iterable[Path] = ()
) -> Path:
    """Copy a root module to ``directory/stack``, and return that path.

    Args:
        directory: where the stack is written to.
        base: the root module, such as an example.
        source: of the module; replaces the text MODULE_SOURCE in Terraform files.
        code: files that are deployed with the function's own.
        tf: Terraform files to add; override files change blocks of the base.
    """
    stack = directory / "stack"
    hidden = shutil.ignore_patterns(".*", "__pycache__", "*.tfstate*")
    shutil.copytree(base, stack, ignore=hidden)
    for file in code:
        shutil.copy(file, stack / "src")
    for file in tf:
        shutil.copy(file, stack)
    for file in stack.glob("*.tf"):
        text = file.read_text(encoding="utf-8")
        file.write_text(text.replace("MODULE_SOURCE", source), encoding="utf-8")
    return stack


def apply_stack(terraform: Terraform, aws: Aws, *arguments: str) -> dict[str, Any]:
    """Apply an initialised stack; return its outputs."""
    terraform.apply(*arguments)
    state = (terraform.directory / "terraform.tfstate").read_text(encoding="utf-8")
    remove_twins(aws, known=state)
    return {name: output["value"] for name, output in json.loads(state)["outputs"].items()}
