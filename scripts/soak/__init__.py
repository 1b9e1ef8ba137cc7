"""The soak: thousands of messages through a deployed stack, while everything breaks at random."""
