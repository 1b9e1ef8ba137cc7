"""Checks the repository by the rules: ``make lint``.

python -m scripts.house
"""

import gc
import sys

from scripts.house.rules import main

if __name__ == "__main__":
    gc.disable()  # syntax trees are many objects, which all stay
    sys.exit(main())
