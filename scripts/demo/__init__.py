"""The demo: a deployed stack, a stream of orders with every kind of duplicate, and the count."""
