"""Receipts, as every function of the shop writes them."""


def receipt(order_id: str, amount_cents: int) -> str:
    return f"{order_id}: {amount_cents // 100}.{amount_cents % 100:02} EUR"
