"""Processes nothing."""


def process(message: object) -> None:
    """Do nothing."""
