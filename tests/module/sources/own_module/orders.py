"""A processor with a module that has the name of this package."""
