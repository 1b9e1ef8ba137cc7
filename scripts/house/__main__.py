"""Checks the repository by the rules: ``make lint``."""

import sys

from scripts.house.rules import main

if __name__ == "__main__":
    sys.exit(main())
