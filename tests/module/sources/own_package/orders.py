"""A processor beside a package that has the name of ours."""
