"""One call of a decorated function: its key and time, its steps, its stored result and its end."""
