"""Requests for stores, and settings for consumers, under test."""

from dataclasses import fields
from typing import Any

from idempotent_lambda.clock import EpochMillis, Millis, Seconds
from idempotent_lambda.keys import KeyRule
from idempotent_lambda.protocol.claims import ClaimRequest, Request
from idempotent_lambda.settings import Settings


def claim_of(
    request: Request,
    *,
    lease_expires_at: EpochMillis,
    takeover: bool,
    redelivered: bool = False,
) -> ClaimRequest:
    """A claim for the owner and record of a request."""
    return ClaimRequest(
        **{each.name: getattr(request, each.name) for each in fields(Request)},
        lease_expires_at=lease_expires_at,
        takeover=takeover,
        redelivered=redelivered,
    )


def settings_of(key_rule: KeyRule, **changes: Any) -> Settings:
    """The settings of a consumer under test; ``changes`` replace some."""
    usual: dict[str, Any] = {
        "table": "records",
        "processor": "orders.process",
        "key_rule": key_rule,
        "retention": Seconds(3600),
        "lease_margin": Millis(5000),
        "minimum_remaining": Millis(1000),
        "max_receive_count": 4,
    }
    return Settings(**usual | changes)
