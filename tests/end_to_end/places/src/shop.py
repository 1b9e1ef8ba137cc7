"""The code of a consumer that is never deployed."""


def process(message: object) -> None:
    """Do nothing."""
