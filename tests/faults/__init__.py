"""The package, and its peers, behind a proxy that breaks their calls."""
