"""The work of the consumer."""


def process(message: object) -> None:
    """Do nothing: the record shows that it was called."""
