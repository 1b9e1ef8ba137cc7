"""One call of a decorated function: its key and time, its life, its stored result and its end."""
