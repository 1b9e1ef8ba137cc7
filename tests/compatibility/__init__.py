"""Versions beside and after each other: what one has written, the other understands."""
