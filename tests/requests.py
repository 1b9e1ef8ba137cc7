"""Requests for stores under test."""

from dataclasses import fields

from idempotent_lambda.claims import ClaimRequest, Request
from idempotent_lambda.clock import EpochMillis


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
