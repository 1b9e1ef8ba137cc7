"""Prices, in cents."""

from typing import Any


def total(lines: list[dict[str, Any]]) -> str:
    """The total of an order's lines, in euros."""
    cents = sum(line["quantity"] * line["price_cents"] for line in lines)
    return f"{cents / 100:.2f}"
