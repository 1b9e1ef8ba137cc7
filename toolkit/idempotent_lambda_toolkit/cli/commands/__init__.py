"""The commands, one module each: arguments, questions and output. Other modules do the work."""
