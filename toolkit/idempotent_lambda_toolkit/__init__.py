"""For people who build and run consumers: what helps in tests. Never deployed."""
