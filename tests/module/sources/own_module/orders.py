"""A processor with a module that has the name of this package."""


def process(message: object) -> None:
    """Do nothing."""
