"""Parallel and successive versions: each version understands the records of the others."""
