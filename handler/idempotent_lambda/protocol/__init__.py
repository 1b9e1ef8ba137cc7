"""The protocol of a record, as pure values and functions. No I/O."""
