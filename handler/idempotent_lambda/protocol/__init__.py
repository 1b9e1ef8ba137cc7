"""What may happen to a record and what follows, as pure values and functions. No I/O."""
