"""Migration from other solutions, whose records count here."""
