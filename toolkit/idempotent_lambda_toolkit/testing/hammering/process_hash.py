"""`hash` gives texts another value in each process, unless PYTHONHASHSEED fixes it.

https://docs.python.org/3/reference/datamodel.html#object.__hash__
"""

import sys
import sysconfig
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from types import FrameType
from typing import Any
from unittest import mock

real_hash = hash

_INSTALLED = tuple({sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib")})
_SAME_IN_EVERY_PROCESS = (int, float, complex, type(None))


@contextmanager
def change_hashes(get_process: Callable[[], object]) -> Iterator[None]:
    """Let `hash` depend on the process, for code that uses the number itself.

    Dictionaries and sets use the real hash, and so does every ``__hash__`` method: a process may
    keep its dictionaries from one delivery to the next.

    Args:
        get_process: returns something that differs from process to process; None for the real hash.
    """

    def hash_in_process(value: Any, /) -> int:
        process = get_process()
        caller = sys._getframe(1)  # noqa: SLF001  # Python has no other way to ask
        if process is None or not _differs(value) or _is_library(caller):
            return real_hash(value)
        return real_hash((process, real_hash(value)))

    with mock.patch("builtins.hash", hash_in_process):
        yield


def _differs(value: object) -> bool:
    """Return whether the hash of a value differs from process to process."""
    if isinstance(value, tuple | frozenset):
        return any(_differs(part) for part in value)
    return not isinstance(value, _SAME_IN_EVERY_PROCESS)


def _is_library(caller: FrameType) -> bool:
    """Return whether the caller is a ``__hash__`` method, or not the user's own code."""
    return caller.f_code.co_name == "__hash__" or _is_installed(caller.f_code.co_filename)


@cache
def _is_installed(file: str) -> bool:
    """Return whether a file belongs to Python or to an installed package."""
    return file.startswith(_INSTALLED)
