"""Ships each order. Called twice, it ships twice."""

from typing import Any

import work


def process(message: Any) -> None:
    work.do("shipping", message.body["order_id"])
