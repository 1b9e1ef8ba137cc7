"""Writes and applies stacks whose module comes from git, as in other repositories."""

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
    """Copy a root module, and add code and Terraform files; return ``directory/stack``.

    The module's source replaces the text MODULE_SOURCE. Override files change blocks of the base.
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
