"""What the shop's functions share."""
