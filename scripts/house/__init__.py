"""Rules for names, types and sizes that no linter has, as part of ``make lint``."""
