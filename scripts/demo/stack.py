"""What the demo deploys: the quickstart, changed by Terraform override files.

The example's own files are copied. The added files change the source of the module (a git
repository, as in any stack) and the times, put a wrapper in front of the code that breaks things,
and add the unprotected stack.
"""

import zipfile
from pathlib import Path
from typing import Final

from scripts.support.source import repository
from scripts.support.stack import EXAMPLES, write_stack

HERE: Final = Path(__file__).parent
WRAPPER: Final = HERE / "wrapper" / "faults.py"
UNPROTECTED: Final = HERE / "wrapper" / "naive.py"


def write(directory: Path) -> Path:
    """Write the root module into ``directory``, with its module source; return its path.

    Raises:
        SourceError: git is missing or failed.
    """
    source = repository(directory / "module.git")
    tf = (HERE / "terraform").glob("*.tf")
    stack = write_stack(directory, EXAMPLES / "quickstart", source, code=[WRAPPER], tf=tf)
    # The unprotected function: the same code and wrapper, without the package.
    with zipfile.ZipFile(stack / "naive.zip", "w") as package:
        for file in (*sorted((stack / "src").glob("*.py")), UNPROTECTED):
            package.write(file, file.name)
    return stack
