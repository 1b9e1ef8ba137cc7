"""The command `doctor`: the facts of a deployed stack, and the checks of them."""
