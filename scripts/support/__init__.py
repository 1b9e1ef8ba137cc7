"""The laboratory shared by the demo and the tests: emulator, terraform, a copy of the sources."""
