"""A plan refuses a function that its file does not define, and none that the file defines."""

import ast
import importlib
import json
import re
import sys
from collections.abc import Callable, Iterator
from enum import EnumType
from functools import cache
from pathlib import Path
from types import ModuleType

import hcl2
import pytest

from scripts.support.terraform import Terraform
from tests.module.stacks import ROOT

pytestmark = pytest.mark.slow

STUB = """
variable "code" {
  type = object({
    source_dir   = string
    exclude      = optional(list(string), [])
    requirements = optional(string)
    image        = optional(string)
    s3           = optional(string)
  })
}
variable "function" {
  type = object({
    handler = optional(string, "idempotent_lambda.entrypoint.handler")
    wrapper = optional(string)
  })
}
variable "processor" {
  type = string
}
locals {
  builtin_handler = "idempotent_lambda.entrypoint.handler"
}
output "undefined" {
  value = local.undefined_functions
}
"""
STACK = """
module "case" {
  source    = "./stub"
  for_each  = jsondecode(file("cases.json"))
  code      = { source_dir = each.value }
  processor = "orders.process"
  function  = {}
}
output "undefined" {
  value = { for name, module in module.case : name => length(module.undefined) > 0 }
}
"""

# Since Python 3.12, the braces of an f-string may hold its own quotes, and new lines.
NESTED_TEXTS = [
    'x = f"{y["\'"]}"; process = {\'a\': 1}',
    'x = f"{y["#"]}"; process = print',
    "x = f'{y['\"']}'; process = {\"a\": 1}",
    "x = f\"{'\"'}\"; process = 'a'",
    'x = f"{\n1}"; process = "a"',
    'x = f"{y("a",\n1)}"; process = "a"',
    'x = f"{y["#"]}", """a"""\nprocess = print\nz = """a"""',
    'x = f"""{y[\'"""\']}"""\nprocess = print\nz = """a"""',
    "x = rf'{f'{'process'}'}#'; process = print",
    'x = t"{y["#"]}"; process = print',
    'x = f"{y:{z}}{y["#"]}"; process = print',
    'x = f"{{{y["#"]}}}"; process = print',
    'x = f"}}{ {1: 2}["#"]}"; process = print',
    'x = f"{y[\'}\']}{y["#"]}"; process = print',
]
DEFINED = [
    "def process(message): ...",
    "async def process(message): ...",
    "def  process (message): ...",
    "def process[T](message: T): ...",
    "class process: ...",
    "if True:\n    def process(message): ...",
    "try:\n    from json import loads as process\nexcept ImportError:\n    process = None",
    "from json import dumps, loads as process",
    "import json as process",
    "import process",
    "import process.part",
    "from charges import process",
    "from charges import other, process  # the one",
    "from charges import (\n    other,\n    process,\n)",
    "from charges import (other as a,\n    # a comment\n    run as process)",
    "from charges import other, \\\n    process",
    "from . import process",
    "from charges import *",
    "process = print",
    "process: object = print",
    "process: dict[\n    str, object\n] = {}",
    "process=print",
    "x = 1; process = print",
    "x = process = print",
    "other, process = print, print",
    "process, other = print, print",
    "(process, other) = print, print",
    "[other, process] = print, print",
    "*other, process = [print, print]",
    "(\n    other,\n    process,\n) = print, print",
    "(process) = print",
    "box = [1]; box[0], process = 1, print",
    "if (process := print):\n    pass",
    "for process in [print]:\n    pass",
    "for name, process in {'a': print}.items():\n    pass",
    "import contextlib\nwith contextlib.nullcontext(print) as process:\n    pass",
    "import contextlib\nwith contextlib.nullcontext((1, print)) as (a, process):\n    pass",
    "match print:\n    case process:\n        pass",
    "globals()['process'] = print",
    "globals().update(process=print)",
    "vars()['process'] = print",
    "exec('def process(message): ...')",
    "import sys\nsetattr(sys.modules[__name__], 'process', print)",
    "def __getattr__(name):\n    return print",
    "def make():\n    global process\n    process = print\nmake()",
    "x = \"'''\"\ndef process(message): ...\ny = \"'''\"",
    "# it's ''' here\ndef process(message): ...\n# '''",
    "x = 'a\\'#'; process = print",
    "x = r'\\d'; process = print",
    "x = f\"{'process'}\"\nprocess = print",
    '"""A text."""\nprocess = print',
    "x = '''a\\'''b'''; process = print",
    "def process(message): ...\r\nx = 1\r\n",
    "x = 1\rprocess = print\r",
    "\ufeffprocess = print",
    "\fprocess = print",
    "if True: process = print",
    "process = \\\n    print",
    "process = (\n    print\n)",
    "process = 1 == 1",
    "process: 'object' = print",
    "é = 1\nprocess = print",
    "for (\n    a,\n    process,\n) in []:\n    pass",
    "x = [0]\nx[-1], process = 1, print",
    "from typing import Literal\nprocess: Literal[1 == 1] = print",
    "import importlib\nm = importlib.import_module(__name__)\nm.process = print",
    "import importlib\nm = importlib.import_module(__name__)\nm.__setattr__('process', print)",
    "(lambda: 0).__globals__['process'] = print",
    'eval("globals().update(process=print)")',
    "from os import \\\n    *",
    "x = 1  # a comment\rprocess = print\r",
    "x = 'a \\\r\n b'\r\nprocess = print",
    'x = 1 if"a"else process',
    "match print:\n    case {'a': [*_, process]}:\n        pass",
    "type process = print",
    *NESTED_TEXTS,
]
UNDEFINED = [
    "",
    "def proces(message): ...",
    "def process_all(message): ...",
    "def reprocess(message): ...",
    "processes = print",
    "def Process(message): ...",
    "process2 = _process = print",
    "# def process(message): ...",
    "x = 1  # process",
    '"""\ndef process(message): ...\nprocess = 1\n"""',
    "'''from charges import process'''",
    "x = 'process = 1'",
    'x = """a "process" = 1\n"""',
    'def run(message):\n    """Process one. Don\'t process \\""" two."""\n',
    "import process_all as other",
    "from charges import process_all, unprocess",
    "from charges import run  # process",
    "x['process'] = 1",
    "x = {'process': print}",
    "x = r'\\process'",
    "x = f'{y} process'",
    "x = f\"{y['process']} {{process}}\"",
    'x = f"""{y["process"]}\n{y!r:{z}} process"""',
    "x = '{ process }'\r\n# it's a process\r\n",
    "executor, evaluate, dict_ = 1, 2, 3",
]
"""The name is in no code. A name that the code uses and does not define passes."""


def read_patterns() -> Iterator[str]:
    """The module's patterns of texts and of dynamic definitions, which Python reads as RE2 does."""
    (block,) = hcl2.loads((ROOT / "files.tf").read_text(encoding="utf-8"))["locals"]
    for name in ("python_texts", "dynamic_definitions"):
        patterns = re.findall(r'"((?:\\.|[^"\\])*)"', block[name])[1:]
        yield "|".join(ast.literal_eval(f'"{pattern}"') for pattern in patterns)


TEXTS, DYNAMIC = read_patterns()


@cache
def read_code(code: str) -> str:
    """Return the code of a file without texts and comments, as the module reads it."""
    code = re.sub(r"\r\n?", "\n", code)
    texts = re.findall(TEXTS, code, flags=re.DOTALL)
    plain = re.sub(TEXTS, " ", code, flags=re.DOTALL)
    has_half = any(text.count("{") != text.count("}") for text in texts)
    return code if has_half or set(plain) & {'"', "'"} else plain


def is_refused(code: str, name: str) -> bool:
    """Whether the module refuses a name, with Python in place of Terraform."""
    return not re.search(rf"\b{name}\b|{DYNAMIC}", read_code(code), re.ASCII)


@pytest.fixture
def plan(tmp_path: Path) -> Callable[[list[str]], dict[str, bool]]:
    """Plan a directory for each text of orders.py, and say whether its process is refused."""
    (tmp_path / "stub").mkdir()
    (tmp_path / "stub" / "files.tf").write_text((ROOT / "files.tf").read_text(encoding="utf-8"))
    (tmp_path / "stub" / "stub.tf").write_text(STUB)
    (tmp_path / "main.tf").write_text(STACK)

    def plan(codes: list[str]) -> dict[str, bool]:
        for number, code in enumerate(codes):
            (tmp_path / f"src{number}").mkdir()
            (tmp_path / f"src{number}" / "orders.py").write_bytes(code.encode())
        cases = {str(number): f"src{number}" for number in range(len(codes))}
        (tmp_path / "cases.json").write_text(json.dumps(cases))
        terraform = Terraform(directory=tmp_path)
        terraform.init("-backend=false")
        terraform.apply()
        found = terraform.output()["undefined"]
        return {code: found[str(number)] for number, code in enumerate(codes)}

    return plan


@pytest.mark.terraform
def test_what_a_file_defines(plan: Callable[[list[str]], dict[str, bool]]) -> None:
    """Each way to define a name passes, and a use of it elsewhere does not."""
    refused = plan([*DEFINED, *UNDEFINED])
    assert [code for code in DEFINED if refused[code]] == []
    assert [code for code in UNDEFINED if not refused[code]] == []
    # Python with the same patterns finds the same, so the test below may use it.
    assert refused == {code: is_refused(code, "process") for code in [*DEFINED, *UNDEFINED]}


def list_modules() -> Iterator[ModuleType]:
    """The modules of this Python's library and of its packages that are imported already."""
    for name in ("argparse", "asyncio", "ctypes", "decimal", "subprocess", "typing", "unittest"):
        importlib.import_module(name)
    for _, module in sorted(sys.modules.items()):
        path = getattr(module, "__file__", None) or ""
        if path.endswith(".py") and Path(path).is_file():
            yield module


def test_what_real_modules_define() -> None:
    """No name that a real module has is refused."""
    wrong, tried = [], 0
    for module in list_modules():
        code = Path(str(module.__file__)).read_bytes().decode(errors="replace")
        for name in sorted(set(vars(module)) & set(re.findall(r"[A-Za-z]\w*", code))):
            value = vars(module)[name]
            # An enumeration may write its name into a module that holds it nowhere.
            if callable(value) and not isinstance(value, EnumType):
                tried += 1
                if is_refused(code, name):
                    wrong.append(f"{module.__name__}.{name}")
    assert tried > 1000
    assert wrong == []
