"""Bills each order. Called twice, it bills twice."""

from typing import Any

import work


def process(message: Any) -> None:
    work.do("billing", message.body["order_id"])
