"""@idempotent, sync and async, in memory and on an engine's conditional writes."""
