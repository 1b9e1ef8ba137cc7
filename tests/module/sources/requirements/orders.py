"""A processor whose directory also lists dependencies."""
