"""Nothing to process."""
