"""The explanation of a delivery that has no side effect: what was declared, and what ran."""

import sys
import sysconfig
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from types import CodeType, FrameType, ModuleType
from typing import Any
from unittest import mock

import idempotent_lambda
import idempotent_lambda_toolkit
from idempotent_lambda_toolkit.testing.effects import Declaration

_MOST_NAMES = 8

_NOT_THEIRS = tuple(
    sysconfig.get_path(folder) for folder in ("stdlib", "platstdlib", "purelib", "platlib")
) + tuple(
    str(Path(str(package.__file__)).parent)
    for package in (idempotent_lambda, idempotent_lambda_toolkit)
)
"""The folders of Python, of installed packages and of this project."""


class Witness:
    """Sees which functions of the user's own modules run, and which operations boto3 calls.

    Attributes:
        functions: the functions by name, each with its code and the module that called it first.
        operations: the operations, in order.
    """

    def __init__(self) -> None:
        self.functions: dict[str, tuple[CodeType, str]] = {}
        self.operations: dict[str, None] = {}

    def watch(self, run: Callable[[], object]) -> None:
        """Watch while the function runs."""
        client: Any = getattr(sys.modules.get("botocore.client"), "BaseClient", None)
        before, before_in_threads = sys.getprofile(), threading.getprofile()
        sys.setprofile(self._note_frame)
        threading.setprofile(self._note_frame)
        try:
            if client is None:
                run()
            else:
                with mock.patch.object(client, "_make_api_call", self._wrap(client)):
                    run()
        finally:
            sys.setprofile(before)
            threading.setprofile(before_in_threads)

    def _wrap(self, client: Any) -> Callable[..., Any]:
        otherwise = client._make_api_call  # noqa: SLF001  # botocore has no public one

        def note(client: Any, operation_name: str, api_params: dict[str, Any]) -> Any:
            self.operations[f"{client.meta.service_model.service_name}.{operation_name}"] = None
            return otherwise(client, operation_name, api_params)

        return note

    def _note_frame(self, frame: FrameType, kind: str, _: object) -> None:
        code = frame.f_code
        if kind != "call" or code.co_name.startswith("<") or not _is_theirs(code):
            return
        caller = frame.f_back.f_globals.get("__name__", "") if frame.f_back else ""
        name = f"{frame.f_globals.get('__name__', '')}.{code.co_qualname}"
        self.functions.setdefault(name, (code, caller))


def _is_theirs(code: CodeType) -> bool:
    path = code.co_filename
    return not path.startswith(("<", *_NOT_THEIRS))


def explain_unseen(
    declarations: Sequence[Declaration], begun: Sequence[str], run: Callable[[], object]
) -> str:
    """Explain why no side effect was seen.

    Args:
        declarations: the declared side effects.
        begun: the names of side effects that began, and were not done.
        run: a function that runs the same delivery again.
    """
    witness = Witness()
    witness.watch(run)
    lines = [
        "no side effect was seen",
        f"  declared: {_list_names([_describe(declaration) for declaration in declarations])}",
        f"  your functions that ran: {_list_names([*witness.functions])}",
    ]
    if witness.operations:
        lines.append(f"  boto3 operations that ran: {_list_names([*witness.operations])}")
    lines += _advise(declarations, begun, witness)
    return "\n".join(lines)


def _describe(declaration: Declaration) -> str:
    name, target = declaration.name, declaration.target
    if target is None or target.rpartition(".")[2] == name or target == name:
        return target or name
    return f"{target} as {name!r}"


def _list_names(names: Sequence[str]) -> str:
    unique = [*dict.fromkeys(names)]
    more = f" and {len(unique) - _MOST_NAMES} more" if len(unique) > _MOST_NAMES else ""
    return (", ".join(unique[:_MOST_NAMES]) or "none") + more


def _advise(
    declarations: Sequence[Declaration], begun: Sequence[str], witness: Witness
) -> list[str]:
    """Say what to do, most likely mistake first."""
    if begun:
        name = begun[0]
        return [f"  {name!r} began, and the function that you gave for it raised an exception"]
    for declaration in declarations:
        last = (declaration.target or declaration.name).rpartition(".")[2]
        for name, (code, caller) in witness.functions.items():
            under_test = caller.startswith("idempotent_lambda")
            if name.rpartition(".")[2] == last and not under_test:
                place = _find_place(code, caller, declaration.target) or name
                instead = f"you replaced {declaration.target}" if declaration.target else ""
                replaced = instead or f"nothing replaced it with effects.of({last!r})"
                return [
                    f"  {name} ran, but {replaced}",
                    f"  fix: replace it where the code finds it: {place!r}",
                ]
    if witness.operations:
        operation = next(iter(witness.operations))
        return [f'  fix: declare the operations that must happen once: hammer.aws("{operation}")']
    if not declarations:
        return ['  fix: declare what must happen once: hammer.effect("module.function")']
    one = "declare one of these functions, or " if witness.functions else ""
    return [f"  fix: {one}give an event that has a side effect"]


def _find_place(code: CodeType, caller: str, replaced: str | None) -> str | None:
    """Find the name under which a module has a function: the caller, or one that imported it."""
    modules = [(name, module) for name, module in [*sys.modules.items()] if _is_user_module(module)]
    places = [
        f"{name}.{attribute}"
        for name, module in sorted(modules, key=lambda pair: pair[0] != caller)
        for attribute, value in [*vars(module).items()]
        if getattr(value, "__code__", None) is code
        and (name == caller or getattr(value, "__module__", None) != name)
    ]
    return next((place for place in places if place != replaced), None)


def _is_user_module(module: object) -> bool:
    path = getattr(module, "__file__", None)
    return isinstance(module, ModuleType) and bool(path) and not str(path).startswith(_NOT_THEIRS)
