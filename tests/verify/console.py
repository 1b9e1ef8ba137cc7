"""A console for a run that must go on, above all with its clean-up, when nobody reads it."""

import os
import sys
from typing import Any

from rich.console import Console


class LastingConsole(Console):
    """Goes silent when its pipe or terminal is closed, where rich ends the program."""

    def print(self, *objects: Any, **options: Any) -> None:
        """Print, unless that has failed before."""
        try:
            super().print(*objects, **options)
        except OSError:
            self.quiet = True
            # Otherwise Python's last flush fails, and changes the exit code.
            with open(os.devnull, "w") as devnull:  # noqa: PTH123 (a device)
                os.dup2(devnull.fileno(), sys.stdout.fileno())

    def on_broken_pipe(self) -> None:
        """Let `print` see the error: rich calls this while it handles it."""
        raise  # noqa: PLE0704
