"""A processor with a package that has the name of this one."""


def process(message: object) -> None:
    """Do nothing."""
