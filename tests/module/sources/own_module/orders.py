"""A processor beside a module that has the name of ours."""
